"""What goes into the image, without building one."""

import json
import re
import runpy
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import yaml
from csms_runtime import exposition

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "deploy" / "image"


def test_the_sbom_names_every_distribution_with_its_version():
    made = runpy.run_path(str(IMAGE / "sbom.py"))["sbom"]()
    assert (made["bomFormat"], made["metadata"]["component"]["name"]) == ("CycloneDX", "csms")
    listed = {component["purl"] for component in made["components"] if component["purl"].startswith("pkg:pypi/")}
    installed = {re.sub(r"[-_.]+", "-", each.name).lower() for each in distributions()} - {"csms"}
    assert {purl.removeprefix("pkg:pypi/").partition("@")[0] for purl in listed} == installed
    assert all(purl.partition("@")[2] for purl in listed)
    assert json.dumps(made) == json.dumps(runpy.run_path(str(IMAGE / "sbom.py"))["sbom"]())


def test_tests_and_the_simulator_stay_outside():
    left_out = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"*", "libs/testing", "**/tests"} <= set(left_out)
    assert left_out.index("!libs") < left_out.index("libs/testing")


def test_package_and_chart_have_one_version():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((ROOT / "deploy" / "helm" / "csms" / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (wanted, wanted)


def test_the_image_knows_its_commit():
    """`make image` gives it, and csms_runtime.exposition reads it."""
    assert "--build-arg REVISION=" in (ROOT / "Makefile").read_text()
    assert '"${REVISION}" > /opt/csms/csms-revision' in (IMAGE / "Dockerfile").read_text()
    assert Path(sys.prefix) / "csms-revision" == exposition._REVISION_FILE


def test_the_image_runs_as_a_number_that_is_not_root():
    (user,) = re.findall(r"^USER (\S+)$", (IMAGE / "Dockerfile").read_text(), re.MULTILINE)
    assert all(int(part) > 0 for part in user.split(":"))
