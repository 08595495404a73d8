"""What Docker is given fits its schema, and the files that it mounts are what their programs take.

nginx gets requests, Prometheus' configuration is read by promtool.
"""

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from csms_testing.cluster.front import owner
from csms_testing.nginx import PATHS, nginx, nginx_requirement
from csms_testing.requirements import require

DEPLOY = Path(__file__).parents[2] / "deploy"
HOME = DEPLOY / "compose"
SERVICES = ("auth", "transactions", "gateway", "device-mgmt", "history")


def as_image_has_it(conf):
    """A whole nginx.conf as that of the image, which includes the file; names are upstreams instead of Docker's DNS."""
    asked = "proxy_pass http://$owner:8080;"
    assert asked in conf
    upstreams = "".join(f"upstream {name} {{ server {name}:8080; }}\n" for name in SERVICES)
    places = "".join(
        f"{name}_temp_path /tmp/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    inner = conf.replace(asked, "proxy_pass http://$owner;")
    return f"pid /tmp/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{places}{upstreams}{inner}}}\n"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    require(nginx_requirement())
    conf = as_image_has_it((HOME / "api.conf").read_text())
    with nginx(conf, tmp_path_factory.mktemp("nginx"), SERVICES) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_a_request_reaches_the_owner_of_its_path_as_it_was_sent(api, path):
    found = api.get(path).raise_for_status().json()
    assert (found["service"], found["path"]) == (owner(path.partition("?")[0]), path)


def test_services_are_told_who_asks_and_nothing_that_he_says_of_others(api):
    headers = api.get("/docs", headers={"X-Forwarded-For": "192.0.2.1", "Host": "api:1"}).json()["headers"]
    assert (headers["X-Forwarded-For"], headers["Host"]) == ("127.0.0.1", "api:1")


def test_what_services_take_passes(api):
    large = api.post("/api/v1/stations", content=bytes(4 * 1024 * 1024), headers={"Authorization": "x" * 16_000})
    assert large.json()["length"] == 4 * 1024 * 1024


def test_prometheus_takes_its_configuration(tmp_path):
    promtool = shutil.which("promtool")
    require(None if promtool else "no promtool found (Debian: apt install prometheus)")
    rules = str(DEPLOY / "prometheus" / "rules.yaml")
    file = tmp_path / "prometheus.yml"
    file.write_text((HOME / "prometheus.yaml").read_text().replace("/etc/prometheus/rules.yaml", rules))
    assert rules in file.read_text()
    done = subprocess.run([promtool, "check", "config", file], capture_output=True, text=True, check=False)  # noqa: S603 Debian's
    assert not done.returncode, done.stderr


def test_the_file_fits_the_compose_specification():
    schema = json.loads((Path(__file__).parent / "compose-spec" / "compose-spec.json").read_text())
    validator = jsonschema_rs.Draft7Validator(schema)
    made = yaml.safe_load((HOME / "compose.yaml").read_text())
    assert not [f"{each.instance_path}: {each.message}" for each in validator.iter_errors(made)]
    made["services"]["api"]["prots"] = []
    assert not validator.is_valid(made)


def test_jobs_and_services_wait_for_what_there_is():
    services = yaml.safe_load((HOME / "compose.yaml").read_text())["services"]
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[name]
            else:
                assert services[name]["restart"] == "on-failure", "a job that ends when it is done"
