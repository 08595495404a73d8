"""The chart's objects are what Kubernetes takes, from the oldest to the newest version that is supported."""

import kubernetes_validate
import pytest
import yaml
from csms_testing.chart import ALL, CHART, PRODUCTION, TRIAL, refused, rendered

OLDEST = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"].removeprefix(">=").removesuffix(".0-0")
NEWEST = "1.37"
OF_OTHERS = {"ScaledObject", "Certificate", "HTTPRoute", "PodMonitor", "PrometheusRule"}
"""Kinds that operators bring; Kubernetes has no schema for them."""


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("values", ALL)
def test_objects_are_valid(values, version):
    made = rendered(ALL[values], "--kube-version", f"{version}.0")
    assert made
    for each in made:
        if each["kind"] not in OF_OTHERS:
            kubernetes_validate.validate(each, version, strict=True)


def test_autoscalers_without_an_operator_are_valid():
    for mode in ("cpu", "metric"):
        scaling = {"autoscaling": {"enabled": True, "mode": mode}}
        values = dict.fromkeys(("gateway", "auth", "transactions", "deviceMgmt"), scaling)
        for each in rendered(PRODUCTION | values):
            if each["kind"] == "HorizontalPodAutoscaler":
                kubernetes_validate.validate(each, NEWEST, strict=True)


def test_an_older_kubernetes_is_refused():
    assert "incompatible" in refused(TRIAL, "--kube-version", "1.29.0")


def test_no_object_comes_twice(documents):
    names = [(each["kind"], each["metadata"]["name"]) for each in documents]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("values", [PRODUCTION, TRIAL], ids=["production", "trial"])
def test_names_follow_the_release(values):
    assert all(each["metadata"]["name"].startswith("csms") for each in rendered(values))
