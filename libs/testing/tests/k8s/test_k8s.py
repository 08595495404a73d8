"""What needs no cluster of the test on a cluster. It itself is `make k8s-test`."""

import json
from pathlib import Path

import pytest
import yaml
from csms_testing.drills.drill import Result
from csms_testing.k8s.__main__ import _write
from csms_testing.k8s.names import IMAGE, NODE_PORTS
from csms_testing.k8s.programs import CommandFailed, output_of
from csms_testing.k8s.release import Pod, known_to, merged
from csms_testing.k8s.scenarios import catalogue
from csms_testing.k8s.stage import values_for

CHART = Path(__file__).parents[4] / "deploy" / "helm" / "csms"


def paths(values, prefix=()):
    for name, value in values.items():
        yield (*prefix, name)
        if isinstance(value, dict):
            yield from paths(value, (*prefix, name))


def test_the_values_are_values_of_the_chart():
    known = set(paths(yaml.safe_load((CHART / "values.yaml").read_text())))
    free = {path for path in known if path[-1] in {"settings", "podAnnotations"}}
    given = set(paths(values_for(IMAGE)))
    assert {path for path in given - known if path[:-1] not in free} == set()


def test_what_is_reached_has_a_port_of_its_own():
    assert len(set(NODE_PORTS.values())) == len(NODE_PORTS)
    assert all(30000 <= port < 32768 for port in NODE_PORTS.values())


def test_changes_are_laid_over_values():
    values = {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}
    assert merged(values, {"a": {"c": {"f": 3}}, "e": [2]}) == {"a": {"b": 1, "c": {"d": 2, "f": 3}}, "e": [2]}
    assert values == {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}


def test_a_pod_is_read_from_what_the_server_tells():
    metadata = {"name": "p", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    status = {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"restartCount": 2}]}
    assert Pod.of({"metadata": metadata, "status": status}) == Pod(
        "p", "u", "2026-01-01T00:00:00Z", ready=True, ending=False, restarts=2
    )
    going = Pod.of({"metadata": {**metadata, "deletionTimestamp": "x"}, "status": {}})
    assert (going.ready, going.ending, going.restarts) == (False, True, 0)


async def test_a_program_gets_its_input_and_its_failure_is_told():
    assert await output_of("cat", given="hello") == "hello"
    with pytest.raises(CommandFailed, match=r"sh -c.*: no way"):
        await output_of("sh", "-c", "echo no way >&2; exit 3")
    with pytest.raises(CommandFailed, match=r"not done after 0\.1 s"):
        await output_of("sleep", "10", deadline_s=0.1)


def test_names_are_unique():
    names = [scenario.name for scenario in catalogue(IMAGE, CHART)]
    assert len(set(names)) == len(names)


def shown(path):
    return [(each["name"], each["ok"], each["commit"]) for each in json.loads(path.read_text())["scenarios"]]


def test_a_report_keeps_what_was_played_earlier_with_its_commit(tmp_path):
    about = {"date": "2026-01-02T03:04:05+00:00", "commit": "abc", "image": "csms:1"}
    _write(Result("a", "", "", ok=True), about, tmp_path)
    path = _write(Result("b", "", "", ok=False), about, tmp_path)
    assert path.name == "k8s-2026-01-02.json"
    assert shown(path) == [("a", True, "abc"), ("b", False, "abc")]
    _write(Result("b", "", "", ok=True), about | {"commit": "def"}, tmp_path)
    assert shown(path) == [("a", True, "abc"), ("b", True, "def")]


def test_scenarios_of_a_report_without_their_commits_get_that_of_the_report(tmp_path):
    about = {"date": "2026-01-02T03:04:05+00:00", "commit": "abc", "image": "csms:1"}
    (tmp_path / "k8s-2026-01-02.json").write_text(json.dumps(about | {"scenarios": [{"name": "a", "ok": True}]}))
    path = _write(Result("b", "", "", ok=True), about | {"commit": "def"}, tmp_path)
    assert shown(path) == [("a", True, "abc"), ("b", True, "def")]


def test_an_earlier_chart_is_given_only_the_services_that_it_has(tmp_path: Path):
    (tmp_path / "values.yaml").write_text("gateway: {}\nauth: {}\n")
    assert known_to(tmp_path, {"gateway": {"replicas": 2}, "history": {"replicas": 1}}) == {"gateway": {"replicas": 2}}
