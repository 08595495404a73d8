"""The router's nginx.conf in a real nginx, with real requests."""

import pytest
from csms_testing.chart import EVERYTHING, RELEASE, TRIAL, named, rendered
from csms_testing.cluster.front import owner
from csms_testing.nginx import PATHS, nginx, nginx_requirement
from csms_testing.requirements import require

SERVICES = ("auth", "transactions", "gateway", "device-mgmt", "history")


def configuration(values):
    return named(rendered(values), "ConfigMap", "api")["data"]["nginx.conf"]


@pytest.fixture(scope="module")
def router(tmp_path_factory):
    require(nginx_requirement())
    with nginx(configuration(TRIAL), tmp_path_factory.mktemp("router"), SERVICES) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_a_request_reaches_the_owner_of_its_path_as_it_was_sent(router, path):
    found = router.get(path).raise_for_status().json()
    assert (found["service"], found["path"]) == (owner(path.partition("?")[0]), path)


def test_services_are_told_who_asks_and_how(router):
    sent = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "Host": "api.example.org",
        "Authorization": "x",
    }
    headers = router.get("/api/v1/stations", headers=sent).json()["headers"]
    assert headers["X-Forwarded-For"] == "192.0.2.1, 127.0.0.1"
    assert (headers["X-Forwarded-Proto"], headers["Host"], headers["Authorization"]) == (
        "https",
        "api.example.org",
        "x",
    )
    assert router.get("/").json()["headers"]["X-Forwarded-Proto"] == "http"


def test_what_services_take_passes(router):
    large = router.post("/api/v1/stations", content=bytes(4 * 1024 * 1024), headers={"Authorization": "x" * 16_000})
    assert large.json()["length"] == 4 * 1024 * 1024


def test_nginx_says_itself_that_it_lives(router):
    assert router.get("/-/alive").status_code == 204


def test_it_reads_the_configuration_of_other_values(tmp_path):
    require(nginx_requirement())
    values = EVERYTHING | {"http": {"router": {"enabled": True}}, "fullnameOverride": RELEASE}
    with nginx(configuration(values), tmp_path, SERVICES) as client:
        assert client.get("/docs").json()["service"] == "device-mgmt"
