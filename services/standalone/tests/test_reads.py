"""Every filter of every list is among what the benchmark asks of a full database."""

import re
from pathlib import Path
from typing import Any

import pytest

READS = Path(__file__).parents[3] / "bench" / "fill" / "reads.txt"
PAGING = {"limit", "cursor", "format"}
NOT_FILLED = {"/configuration-templates/{template_id}/drift"}
"""What a template wants is sealed: SQL can't write one."""


def lists(document: dict[str, Any]) -> dict[str, set[str]]:
    """The path of each list, and its filters."""
    found = {}
    for path, methods in document["paths"].items():
        names = {one["name"] for one in methods.get("get", {}).get("parameters", ()) if one["in"] == "query"}
        if "cursor" in names:
            found[path.removeprefix("/api/v1")] = names - PAGING
    return found


@pytest.mark.skipif(not READS.exists(), reason="there are no benchmarks here")
async def test_every_filter_is_measured(document: dict[str, Any]) -> None:
    asked: dict[str, set[str]] = {path: set() for path in lists(document)}
    unasked = set(asked)
    for line in READS.read_text().split():
        path, _, query = line.partition("?")
        for template, filters in asked.items():
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
                filters |= {part.partition("=")[0] for part in query.split("&")}
                unasked.discard(template)
    assert unasked - NOT_FILLED == set()
    missing = {path: names - asked[path] for path, names in lists(document).items() if path not in NOT_FILLED}
    assert {path: names for path, names in missing.items() if names} == {}
