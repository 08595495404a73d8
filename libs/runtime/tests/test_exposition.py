import re
from pathlib import Path

import pytest
from csms_runtime import exposition, metrics

EVERYBODYS = {"csms_http_requests", "csms_component_healthy", "csms_dependency_answer_seconds", "csms_bus_published"}


def families(service: str | None) -> set[str]:
    told = exposition.text(service).decode()
    return {name.removesuffix("_total") for name in re.findall(r"^# TYPE (\S+)", told, re.MULTILINE)}


@pytest.mark.parametrize("service", exposition.OWNED)
def test_a_service_tells_its_own_families_only(service: str) -> None:
    told = families(service)
    assert told >= EVERYBODYS
    for other, prefixes in exposition.OWNED.items():
        foreign = tuple(set(prefixes) - set(exposition.OWNED[service]))
        assert not {name for name in told if foreign and name.startswith(foreign)}, other
    assert {name for name in told if name.startswith(tuple(exposition.OWNED[service]))}


def test_standalone_tells_all() -> None:
    assert families(None) == set.union(*(families(service) for service in exposition.OWNED))


def test_the_build_is_told() -> None:
    exposition.tell_build("gateway")
    assert re.search(
        r'csms_build_info\{program="gateway",python="3\.\d+\.\d+",revision="unknown",version="\d',
        exposition.text("auth").decode(),
    )


def test_an_image_knows_of_which_commit_it_was_built(tmp_path: Path) -> None:
    file = tmp_path / "csms-revision"
    assert exposition.revision(file) == "unknown"
    file.write_text("0123abc-dirty\n")
    assert exposition.revision(file) == "0123abc-dirty"


def test_what_was_removed_and_comes_again_is_told() -> None:
    metrics.COMPONENT_HEALTHY.labels("comes-again").set(1)
    metrics.COMPONENT_HEALTHY.remove("comes-again")
    assert b"comes-again" not in exposition.text(None)
    metrics.COMPONENT_HEALTHY.labels("comes-again").set(1)
    assert b'component="comes-again"} 1.0' in exposition.text(None)
    metrics.COMPONENT_HEALTHY.remove("comes-again")
