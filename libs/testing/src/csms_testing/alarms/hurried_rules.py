"""The rules as they are loaded for a drill: the same, with all durations shorter, so that nobody waits for hours."""

import re
from pathlib import Path
from typing import Any

import yaml

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"\b(\d+)([smhd])\b")
_LONGEST_AGE = {
    "CsmsConsumerStuck": ("> 120", "> 20"),
    "CsmsFleetNotCounted": ("> 900", "> 20"),
    "CsmsOutboxStuck": ("> 60", "> 15"),
}
"""Ages that alerts compare with. They are no durations of PromQL."""


def hurried(rules: Path, factor: float, least_range_s: int) -> dict[str, Any]:
    """Return a rules file's content with all durations divided by `factor`; ranges have `least_range_s` at least."""
    content: dict[str, Any] = yaml.safe_load(rules.read_text())
    for group in content["groups"]:
        for rule in group["rules"]:
            rule["expr"] = _expression(rule, factor, least_range_s)
            if "for" in rule:
                rule["for"] = f"{max(1, round(_seconds(rule['for']) / factor))}s"
    return content


def alerts(content: dict[str, Any]) -> set[str]:
    """Return the names of the alerts."""
    return {rule["alert"] for group in content["groups"] for rule in group["rules"] if "alert" in rule}


def _expression(rule: dict[str, Any], factor: float, least_s: int) -> str:
    expression = re.sub(
        r"\[[^\]]*\]|offset \w+", lambda found: _shorter(found.group(), factor, least_s), str(rule["expr"])
    )
    long, short = _LONGEST_AGE.get(rule.get("alert", ""), ("", ""))
    return expression.replace(long, short) if long else expression


def _shorter(text: str, factor: float, least_s: int) -> str:
    return _DURATION.sub(lambda found: f"{max(least_s, round(_seconds(found.group()) / factor))}s", text)


def _seconds(duration: str) -> int:
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f"no duration: {duration}")
    return int(found[1]) * _SECONDS[found[2]]
