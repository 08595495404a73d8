"""Alerts and dashboards come with the chart as they stand under deploy/; what is scraped has the labels they want."""

import json

import yaml
from csms_testing.chart import CHART, EVERYTHING, PRODUCTION, named, of_kind, pods, rendered

DEPLOY = CHART.parents[1]


def test_alerts_are_those_of_the_rules_file():
    (rule,) = of_kind(rendered(EVERYTHING), "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())


def test_every_dashboard_is_a_config_map_that_grafana_finds():
    files = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
    assert files
    for file in files:
        made = named(rendered(EVERYTHING), "ConfigMap", f"dashboard-{file.stem}")
        assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert json.loads(made["data"][file.name]) == json.loads(file.read_text())


def test_what_is_scraped_has_the_labels_of_the_rules():
    (monitor,) = of_kind(rendered(EVERYTHING), "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert {each["targetLabel"] for each in endpoint["relabelings"]} == {"job", "service"}
    (chosen,) = monitor["spec"]["selector"]["matchExpressions"]
    components = {pod["metadata"]["labels"][chosen["key"]] for pod in pods(rendered(EVERYTHING)).values()}
    assert set(chosen["values"]) <= components


def test_without_an_operator_there_are_none():
    assert not [each for each in rendered(PRODUCTION) if each["kind"] in {"PodMonitor", "PrometheusRule"}]
