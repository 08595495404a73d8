"""Each metric, label, rule and page that rules, dashboards, chart and docs name is there."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from csms_runtime import metrics
from csms_runtime.loop_metrics import LoopCounter, LoopGauge, LoopHistogram, ReplacedGauge
from csms_testing.alarms.faults import FAULTS
from prometheus_client.metrics import Histogram, MetricWrapperBase

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
TESTS = [test for file in sorted(PROMETHEUS.glob("*_test.yaml")) for test in yaml.safe_load(file.read_text())["tests"]]
DASHBOARDS = {path.name: json.loads(path.read_text()) for path in (ROOT / "deploy/grafana/dashboards").glob("*.json")}

OF_TARGETS = {"job", "namespace", "service", "instance", "le"}
"""Labels that Prometheus adds, and that of buckets."""
OTHERS = {
    name: set[str]()
    for name in (
        "up",
        "process_start_time_seconds",
        "process_open_fds",
        "process_max_fds",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
    )
}
"""Of Prometheus and of prometheus_client."""


def catalogue() -> dict[str, set[str]]:
    """By the name of each sample: its labels."""
    found: dict[str, set[str]] = dict(OTHERS)
    for value in vars(metrics).values():
        if isinstance(value, MetricWrapperBase):
            name, labels = value.describe()[0].name, set(value._labelnames)
            kind = "histogram" if isinstance(value, Histogram) else value._type
        elif isinstance(value, LoopCounter | LoopGauge | LoopHistogram | ReplacedGauge):
            name, labels = value._described[0].removesuffix("_total"), set(value._described[2])
            kind = next(iter(value.collect())).type
        else:
            continue
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(kind, [""])
        found |= {name + suffix: labels for suffix in suffixes}
    return found


SAMPLES = catalogue()


def of_dashboard(node: Any) -> Iterator[str]:
    """All PromQL in a dashboard."""
    if isinstance(node, dict):
        is_logs = (
            node.get("datasource", {}).get("type") == "loki" if isinstance(node.get("datasource"), dict) else False
        )
        if isinstance(node.get("expr"), str) and not is_logs:
            yield node["expr"]
        if isinstance(node.get("definition"), str):
            yield node["definition"]
        for value in node.values():
            yield from of_dashboard(value)
    elif isinstance(node, list):
        for value in node:
            yield from of_dashboard(value)


EXPRESSIONS = [(f"rules.yaml: {rule.get('alert') or rule['record']}", rule["expr"]) for rule in RULES] + [
    (name, expression) for name, board in DASHBOARDS.items() for expression in of_dashboard(board)
]


def named(expression: str) -> set[str]:
    return set(re.findall(r"(?<![\w:\"])(?:csms_\w+|process_\w+|up\b|csms:[\w:]+)", expression))


def selected(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Names with the labels that select among them."""
    for name, selector in re.findall(r"([\w:]+)\{([^}]*)\}", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))


def labels_of(name: str) -> set[str]:
    if name in SAMPLES:
        return SAMPLES[name] | OF_TARGETS
    return {label for each in named(RECORDED[name]) for label in labels_of(each)}


def test_rules_and_dashboards_were_found() -> None:
    assert {"fleet.json", "gateway.json", "bus.json", "services.json", "database.json", "station.json"} <= set(
        DASHBOARDS
    )
    assert len(EXPRESSIONS) > 150


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[f"{n}" for n in range(len(EXPRESSIONS))])
def test_metrics_and_labels_exist(where: str, expression: str) -> None:
    names = named(expression)
    assert names, (where, expression)
    unknown = names - set(SAMPLES) - set(RECORDED)
    assert not unknown, where
    for name, labels in selected(expression):
        assert labels <= labels_of(name), (where, name)
    grouped = {
        label for labels in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression) for label in re.findall(r"\w+", labels)
    }
    assert grouped <= {label for name in names for label in labels_of(name)}, where


def test_pages_name_metrics_that_there_are() -> None:
    """A word that begins with csms_ is a metric or a Python package. What deploy/ names is in test_names."""
    packages = {path.name for path in (*ROOT.glob("libs/*/src/*"), *ROOT.glob("services/*/src/*"))}
    for file in (
        ROOT / "docs" / "operations.md",
        *(ROOT / page["annotations"]["runbook_url"] for page in ALERTS.values()),
    ):
        assert set(re.findall(r"\bcsms_[a-z0-9_]+", file.read_text())) - packages <= set(SAMPLES), file.name


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_is_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]
    page = ROOT / alert["annotations"]["runbook_url"]
    assert page.parent == RUNBOOKS
    assert f"`{name}`" in page.read_text()
    assert f"({page.name})" in (RUNBOOKS / "README.md").read_text()


SECTIONS = ["## What it means", "## What stations feel", "## Look at", "## Do", "## It is over when"]


def test_pages_of_alerts_have_the_same_sections() -> None:
    for page in {ROOT / alert["annotations"]["runbook_url"] for alert in ALERTS.values()}:
        found = re.findall(r"^## .*$", page.read_text(), re.MULTILINE)
        assert found == SECTIONS, page.name


def test_every_page_is_in_the_index() -> None:
    index = (RUNBOOKS / "README.md").read_text()
    assert {page.name for page in RUNBOOKS.glob("*.md")} - {"README.md"} <= set(re.findall(r"\((\S+\.md)\)", index))


def test_recorded_names_are_used() -> None:
    used = {name for _, expression in EXPRESSIONS for name in named(expression)}
    assert set(RECORDED) <= used


def seconds(moment: str) -> int:
    return sum(int(number) * {"s": 1, "m": 60, "h": 3600}[unit] for number, unit in re.findall(r"(\d+)([smh])", moment))


def test_each_alert_has_a_unit_test_in_which_it_fires_and_one_in_which_it_ends() -> None:
    fired, ended = set(), set()
    for block in TESTS:
        tests = sorted(block.get("alert_rule_test", []), key=lambda test: seconds(test["eval_time"]))
        firing = set()
        for test in tests:
            if test["exp_alerts"]:
                firing.add(test["alertname"])
            elif test["alertname"] in firing:
                ended.add(test["alertname"])
        fired |= firing
    assert fired == set(ALERTS)
    assert ended == set(ALERTS)


AGGREGATION = re.compile(r"\b(?:sum|min|max|count|group|avg|topk|quantile)\b\s*(?:by\s*\(([^)]*)\)\s*)?\(")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_tells_namespaces_apart(rule: dict[str, Any]) -> None:
    """Else one installation hides another that the same Prometheus watches."""
    expression = rule["expr"]
    for labels in (*AGGREGATION.findall(expression), *re.findall(r"\bon\s*\(([^)]*)\)", expression)):
        assert "namespace" in re.split(r"\s*,\s*", labels), expression
    assert not re.search(r"\b(without|ignoring|vector|scalar)\b", expression)


@pytest.mark.parametrize("name", [name for name in DASHBOARDS if name != "station.json"])
def test_a_dashboard_chooses_namespaces(name: str) -> None:
    (variable,) = (each for each in DASHBOARDS[name]["templating"]["list"] if each["name"] == "namespace")
    assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".*")
    for expression in of_dashboard({**DASHBOARDS[name], "templating": {}}):
        chosen = len(re.findall(r'\{namespace=~"\$namespace"', expression))
        assert chosen == len(re.findall(r"(?<![\w:\"])(?:csms_\w+|process_\w+|up\b|csms:[\w:]+)", expression)), (
            expression
        )


def test_a_fault_of_the_drill_makes_each_alert_fire() -> None:
    """`python -m csms_testing.alarms` takes an hour; that none was forgotten is seen here."""
    assert {alert for fault in FAULTS for alert in fault.alerts} == set(ALERTS)


def test_panels_have_a_place_of_their_own() -> None:
    for name, board in DASHBOARDS.items():
        taken: dict[tuple[int, int], str] = {}
        for panel in board["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24, (name, panel["title"])  # Grafana has 24 columns
            for cell in product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])):
                assert cell not in taken, (name, panel["title"], taken.get(cell))
                taken[cell] = panel["title"]


def test_dashboards_have_ids_and_panels() -> None:
    uids = [board["uid"] for board in DASHBOARDS.values()]
    assert len(set(uids)) == len(uids)
    for name, board in DASHBOARDS.items():
        panels = [panel["id"] for panel in board["panels"]]
        assert panels, name
        assert len(set(panels)) == len(panels), name
