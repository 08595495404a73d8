"""What the compose file names exists in the code: variables, commands, ports, probes, routes, files."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from csms_auth.settings import AuthSettings
from csms_bus import admin
from csms_device_mgmt.settings import DeviceSettings
from csms_gateway.settings import GatewaySettings
from csms_history.settings import HistorySettings
from csms_runtime.health import Health
from csms_runtime.http import management_router
from csms_runtime.settings import KafkaAccess
from csms_runtime.tracing.export import VARIABLES
from csms_testing.cluster.front import ROUTES
from csms_transactions.settings import TransactionSettings
from typer.main import get_command

ROOT = Path(__file__).parents[2]
HOME = ROOT / "deploy" / "compose"
COMPOSE = yaml.safe_load((HOME / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
SETTINGS = {
    "gateway": GatewaySettings,
    "auth": AuthSettings,
    "transactions": TransactionSettings,
    "device-mgmt": DeviceSettings,
    "history": HistorySettings,
}
PROGRAMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
MANAGEMENT = {route.path for route in management_router(Health()).routes}


def filled(text):
    """A text as Docker would have it, with every variable that has no default set."""
    return re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", lambda m: m[3] if m[2] == "-" else "secret0" * 4, text)


def settings_of(name, monkeypatch):
    """A service's settings, made of what its container gets; wrong values raise."""
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, filled(str(value)))
    return SETTINGS[name]()


@pytest.mark.parametrize("name", SETTINGS)
def test_variables_are_settings_and_their_values_are_good(name, monkeypatch):
    known = {f"CSMS_{field}".upper() for field in SETTINGS[name].model_fields}
    assert set(SERVICES[name]["environment"]) <= known | VARIABLES.keys()
    settings = settings_of(name, monkeypatch)
    assert settings.require_secret_key()
    assert name == "gateway" or settings.require_database_url().startswith("postgresql://")


@pytest.mark.parametrize("name", SETTINGS)
def test_services_are_started_by_commands_that_there_are(name):
    program, command = SERVICES[name]["command"]
    module = PROGRAMS[program].partition(".")[0]
    assert (module, command) == (f"csms_{name.replace('-', '_')}", "serve")


def test_the_topics_job_is_a_command_of_the_bus():
    job = SERVICES["topics"]
    assert job["command"][:3] == ["python", "-m", admin.__name__]
    parameters = get_command(admin.cli).params
    options = {option for parameter in parameters for option in parameter.opts}
    assert {word for word in job["command"] if word.startswith("--")} <= options
    variables = {str(parameter.envvar) for parameter in parameters}
    variables |= {f"CSMS_{field}".upper() for field in KafkaAccess.model_fields}
    assert set(job["environment"]) <= variables


def test_every_service_with_a_database_is_migrated_first():
    *_, script = SERVICES["migrations"]["command"]
    assert script.split(" && ") == [f"csms-{name} migrate" for name in SETTINGS if name != "gateway"]
    assert all(SERVICES[name]["depends_on"]["migrations"] for name in SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_probes_ask_the_management_port(name, monkeypatch):
    (url,) = re.findall(r"http://[^']+", SERVICES[name]["healthcheck"]["test"][-1])
    assert urlsplit(url).port == settings_of(name, monkeypatch).management_port
    assert urlsplit(url).path in MANAGEMENT


def test_published_ports_are_listened_on(monkeypatch):
    (gateway,), (api,) = SERVICES["gateway"]["ports"], SERVICES["api"]["ports"]
    assert int(gateway.rpartition(":")[2]) == settings_of("gateway", monkeypatch).ocpp_port
    conf = (HOME / "api.conf").read_text()
    assert f"listen {api.rpartition(':')[2]};" in conf
    (port,) = set(re.findall(r"proxy_pass http://\$owner:(\d+);", conf))
    assert {settings_of(name, monkeypatch).http_port for name in SETTINGS} == {int(port)}


def test_requests_go_where_the_cluster_runner_sends_them():
    conf = (HOME / "api.conf").read_text()
    (table,) = re.findall(r"map \$sent_path \$owner \{(.*?)\n\}", conf, re.DOTALL)
    routes = re.findall(r'^\s+"~(\S+)" (\S+);$', table, re.MULTILINE)
    (rest,) = re.findall(r"^\s+default (\S+);$", table, re.MULTILINE)
    assert [*routes, ("^/", rest)] == [(pattern.pattern, owner) for pattern, owner in ROUTES]
    assert {owner for _, owner in routes} | {rest} <= SERVICES.keys()


def test_prometheus_scrapes_every_service_where_it_listens(monkeypatch):
    (job,) = yaml.safe_load((HOME / "prometheus.yaml").read_text())["scrape_configs"]
    assert job.get("metrics_path", "/metrics") in MANAGEMENT
    targets = {target for each in job["static_configs"] for target in each["targets"]}
    assert targets == {f"{name}:{settings_of(name, monkeypatch).management_port}" for name in SETTINGS}


def mounted():
    return {volume for service in SERVICES.values() for volume in service.get("volumes", ()) if volume.startswith(".")}


def test_files_that_are_mounted_exist():
    assert mounted()
    assert all((HOME / volume.partition(":")[0]).exists() for volume in mounted())


def test_volumes_are_declared():
    named = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert {volume for volume in named if not volume.startswith(".")} == COMPOSE["volumes"].keys()


def test_every_secret_stands_in_the_example():
    wanted = set(re.findall(r"\$\{(\w+):\?", (HOME / "compose.yaml").read_text()))
    given = set(re.findall(r"^(\w+)=$", (HOME / "env.example").read_text(), re.MULTILINE))
    assert wanted == given


def test_images_of_others_have_a_version():
    images = {service["image"] for service in SERVICES.values()}
    others = {image for image in images if not image.startswith("$")}
    assert all(re.search(r":v?\d", image) for image in others)


def test_a_container_has_the_time_that_its_service_takes_to_stop(monkeypatch):
    settings = settings_of("gateway", monkeypatch)
    needed = settings.drain_calls_s + settings.drain_spread_s + settings.close_timeout_s + settings.shutdown_timeout_s
    assert all(float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > needed for name in SETTINGS)
