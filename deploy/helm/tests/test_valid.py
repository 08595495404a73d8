"""The chart's objects are what operators take, and Kubernetes, from the oldest to the newest version supported."""

import copy
import json
from pathlib import Path

import jsonschema_rs
import kubernetes_validate
import pytest
from csms_testing.chart import ALL, EVERYTHING, PRODUCTION, TRIAL, of_kind, oldest, refused, rendered

NEWEST = "1.37"
OPERATORS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "crds").glob("*.json")}
"""Kinds that operators bring; Kubernetes has no schema for them."""
SCHEMAS = {kind: jsonschema_rs.Draft7Validator(found["schema"]) for kind, found in OPERATORS.items()}


def errors(document):
    """What an operator's schema says against an object."""
    kind = document["kind"]
    assert document["apiVersion"] == OPERATORS[kind]["apiVersion"]
    return [f"{each.instance_path}: {each.message}" for each in SCHEMAS[kind].iter_errors(document)]


@pytest.mark.parametrize("version", [oldest(), NEWEST])
@pytest.mark.parametrize("values", ALL)
def test_objects_are_valid(values, version):
    made = rendered(ALL[values], "--kube-version", f"{version}.0")
    assert made
    for each in made:
        if each["kind"] not in OPERATORS:
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("values", ALL)
def test_objects_for_operators_are_valid(values):
    found = {each["metadata"]["name"]: errors(each) for each in rendered(ALL[values]) if each["kind"] in OPERATORS}
    assert not {name: told for name, told in found.items() if told}


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_field_that_an_operator_does_not_know_is_found(kind):
    """And there is an object of each kind: none of the schemas is idle."""
    document = copy.deepcopy(of_kind(rendered(EVERYTHING), kind)[0])
    document["spec"]["replicas"] = 3
    assert errors(document)


def test_autoscalers_without_an_operator_are_valid():
    for mode in ("cpu", "metric"):
        scaling = {"autoscaling": {"enabled": True, "mode": mode}}
        values = dict.fromkeys(("gateway", "auth", "transactions", "deviceMgmt", "history"), scaling)
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
