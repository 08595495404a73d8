"""What docs/kubernetes.md says of values is true of the chart."""

import re

import pytest
import yaml
from csms_testing.chart import CHART, PRODUCTION, named, rendered, workload

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


def test_commands_of_the_page_name_what_there_is():
    made = rendered(PRODUCTION)
    assert named(made, "Service", "gateway")
    for service in ("auth", "device-mgmt", "transactions"):
        assert named(made, "Service", service)
        assert named(made, "Job", f"migrate-{service}")
    assert named(made, "Job", "topics")
    assert "part-of" in str(workload(made, "gateway")["metadata"]["labels"])
