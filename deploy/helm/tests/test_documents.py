"""What docs/kubernetes.md says of values is true of the chart."""

import re

import pytest
import yaml
from csms_testing.chart import ALL, CHART, PRODUCTION, named, notes, of_kind, rendered, workload

PAGE = (CHART.parents[2] / "docs" / "kubernetes.md").read_text()
VALUES = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_values_on_the_page_work(number):
    assert rendered(VALUES[number])


def test_values_that_the_page_names_exist():
    known = yaml.safe_load((CHART / "values.yaml").read_text())
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    groups = "|".join(known)
    for path in re.findall(rf"`((?:{groups})(?:\.[A-Za-z]+)+)`", text):
        found = known
        for key in path.split("."):
            assert key in found, path
            found = found[key] if isinstance(found, dict) else {}


@pytest.mark.parametrize("values", ALL)
def test_what_is_said_at_the_end_names_what_there_is(values):
    told, made = notes(ALL[values]), rendered(ALL[values])
    services = set(re.findall(r"service[/ ](csms\S+)", told))
    assert "csms-gateway" in services
    assert services <= {each["metadata"]["name"] for each in of_kind(made, "Service")}
    ports = {port["port"] for each in of_kind(made, "Service") for port in each["spec"]["ports"]}
    assert {int(port) for port in re.findall(r"port-forward \S+ (?:\d+:)?(\d+)", told)} <= ports
    assert ("api.example.org" in told) == (values == "everything")
    assert "<no value>" not in told


def test_who_calls_is_told_where_a_key_is():
    secrets = {what: {"name": "csms", "key": what} for what in ("adminApiKey", "apiKeys")}
    told = {
        name: notes(PRODUCTION | {"secrets": {what: secrets[what] for what in named}})
        for name, named in {"both": secrets, "plain": ["adminApiKey"], "digests": ["apiKeys"], "none": []}.items()
    }
    assert "There is no key" in told.pop("none")
    assert all("security_profile" in text and "There is no key" not in text for text in told.values())
    assert {name for name, text in told.items() if "get secret csms" in text} == {"both", "plain"}
    assert {name for name, text in told.items() if "digests of keys only" in text} == {"plain"}


def test_commands_of_the_page_name_what_there_is():
    made = rendered(PRODUCTION)
    assert named(made, "Service", "gateway")
    for service in ("auth", "device-mgmt", "history", "transactions"):
        assert named(made, "Service", service)
        assert named(made, "Job", f"migrate-{service}")
    assert named(made, "Job", "topics")
    assert "part-of" in str(workload(made, "gateway")["metadata"]["labels"])
