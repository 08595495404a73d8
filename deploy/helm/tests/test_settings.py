"""What services and jobs are told: variables are settings, values are good, and secrets go to who needs them."""

import importlib
from pathlib import Path

import pytest
import yaml
from csms_auth.settings import AuthSettings
from csms_bus import admin
from csms_device_mgmt.settings import DeviceSettings
from csms_gateway.settings import GatewaySettings
from csms_history.settings import HistorySettings
from csms_runtime.http.keys import digest_of
from csms_runtime.secret_files import is_secret
from csms_runtime.settings import ApiKeySetting, KafkaAccess
from csms_runtime.tracing.export import is_on
from csms_testing.chart import (
    ALL,
    CHART,
    EVERYTHING,
    PRODUCTION,
    SERVICES,
    TRIAL,
    container,
    deep,
    environment,
    named,
    of_kind,
    refused,
    rendered,
    workload,
)
from csms_transactions.settings import TransactionSettings
from pydantic import TypeAdapter
from typer.main import get_command

SETTINGS = {
    "auth": AuthSettings,
    "transactions": TransactionSettings,
    "device-mgmt": DeviceSettings,
    "history": HistorySettings,
    "gateway": GatewaySettings,
}
SECRETS = Path("/etc/csms/secrets")


def settings_of(service, made, monkeypatch, directory):
    """A service's settings, made of what its container gets, with secrets in files; wrong values raise."""
    for name, value in environment(made).items():
        if name.endswith("_FILE") and Path(value).parent == SECRETS:
            secret = directory / Path(value).name
            secret.write_text("[]" if name == "CSMS_API_KEYS_FILE" else f"postgresql://{'x' * 32}@host/database")
            monkeypatch.setenv(name, str(secret))
        else:
            monkeypatch.setenv(name, value)
    return SETTINGS[service]()


@pytest.mark.parametrize("values", ALL)
@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_is_told_is_what_it_understands(service, values, monkeypatch, tmp_path):
    made = container(rendered(ALL[values]), service)
    settings = settings_of(service, made, monkeypatch, tmp_path)
    ports = {port["name"]: port["containerPort"] for port in made["ports"]}
    assert (settings.http_port, settings.management_port) == (ports.pop("http"), ports.pop("management"))
    assert {settings.http_host, settings.management_host} == {"0.0.0.0"}  # noqa: S104 a pod's
    assert settings.require_secret_key()
    assert settings.log_format == "json"
    if service == "gateway":
        told = {"ocpp": settings.ocpp_port if settings.ocpp_plain else None, "ocpp-tls": settings.ocpp_tls_port}
        assert ports == {name: port for name, port in told.items() if port is not None}
        assert settings.ocpp_host == "0.0.0.0"  # noqa: S104 as above
    else:
        assert settings.require_database_url()
        assert not ports


@pytest.mark.parametrize("values", ALL)
@pytest.mark.parametrize("service", SERVICES)
def test_files_that_settings_name_are_mounted(service, values):
    made = container(rendered(ALL[values]), service)
    mounts = [Path(mount["mountPath"]) for mount in made["volumeMounts"]]
    named = [word for value in environment(made).values() for word in value.split('"') if word.startswith("/etc/csms/")]
    for path in map(Path, named):
        assert any(mount == path or mount in path.parents or path in mount.parents for mount in mounts), path


def given(documents, name):
    """The Secrets' keys that a workload or job is given as files, by variable."""
    (owner,) = [
        each for each in documents if each["metadata"]["name"] == f"csms-{name}" and "template" in each.get("spec", {})
    ]
    spec = owner["spec"]["template"]["spec"]
    paths = {}
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            for item in source["secret"]["items"]:
                paths[f"{SECRETS}/{item['path']}"] = (source["secret"]["name"], item["key"])
    env = environment(spec["containers"][0])
    found = {variable: paths.pop(value) for variable, value in env.items() if value in paths}
    assert not paths, "mounted, and no variable names it"
    return {variable.removeprefix("CSMS_").removesuffix("_FILE"): key for variable, key in found.items()}


SECRETS_OF_VALUES = yaml.safe_load((CHART / "values.yaml").read_text())["secrets"]
NAMED = EVERYTHING | {"secrets": {what: {"name": "csms", "key": ref["key"]} for what, ref in SECRETS_OF_VALUES.items()}}
"""Values that name a Secret for every secret."""
ADMIN = {"name": "from-vault", "key": "root.key"}
WITH_ADMIN = {
    "everything": (EVERYTHING, ("csms", "admin-api-key")),
    "all secrets": (NAMED, ("csms", "admin-api-key")),
    "a trial": (TRIAL, ("csms-trial", "admin-api-key")),
    "named otherwise": (deep(NAMED, {"secrets": {"adminApiKey": ADMIN}}), ("from-vault", "root.key")),
    "of one service": (deep(PRODUCTION, {"auth": {"secrets": {"adminApiKey": ADMIN}}}), ("from-vault", "root.key")),
}
"""Values with an API key that may do everything, and the Secret and key that hold it."""
JOBS = {
    "topics": {"KAFKA_SASL_PASSWORD"},
    "migrate-auth": {"DATABASE_URL"},
    "migrate-transactions": {"DATABASE_URL"},
    "migrate-device-mgmt": {"DATABASE_URL"},
    "migrate-history": {"DATABASE_URL"},
}
DATABASES = {"auth": "auth", "transactions": "transactions", "deviceMgmt": "device-mgmt", "history": "history"}
NOWHERE = {"name": "", "key": "x"}
"""A secret that no Secret holds."""


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_the_secrets_that_it_knows_and_no_others(service):
    known = {name.upper() for name, field in SETTINGS[service].model_fields.items() if is_secret(field)}
    # A gateway could take a key, and is given digests only.
    assert given(rendered(NAMED), service).keys() == known - ({"ADMIN_API_KEY"} if service == "gateway" else set())


def readable(pod):
    """The keys of Secrets that a pod's containers can read; the Secret alone where they can read all of it."""
    containers = [*pod["containers"], *pod.get("initContainers", ())]
    for variable in (variable for each in containers for variable in each.get("env", ())):
        if "secretKeyRef" in variable.get("valueFrom", {}):
            ref = variable["valueFrom"]["secretKeyRef"]
            yield ref["name"], ref["key"]
    for each in (source for made in containers for source in made.get("envFrom", ()) if "secretRef" in source):
        yield each["secretRef"]["name"], None
    for volume in pod["volumes"]:
        plain = [volume["secret"]] if "secret" in volume else []
        projected = [each["secret"] for each in volume.get("projected", {}).get("sources", ()) if "secret" in each]
        for source in plain + projected:
            name = source.get("secretName") or source["name"]
            yield from ((name, item["key"]) for item in source.get("items") or [{"key": None}])


@pytest.mark.parametrize("which", WITH_ADMIN)
def test_no_gateway_can_read_a_key_that_commands_stations(which):
    """What is taken over first must not order CALLs (docs/threat-model.md)."""
    values, (name, key) = WITH_ADMIN[which]
    made = rendered(values)
    found = set(readable(workload(made, "gateway")["spec"]["template"]["spec"]))
    assert not found & {(name, key), (name, None)}
    assert (name, key) in set(readable(workload(made, "auth")["spec"]["template"]["spec"]))


def test_gateways_of_a_trial_know_its_admin_key_by_its_digest():
    made = rendered(TRIAL)
    (secret,) = of_kind(made, "Secret")
    assert given(made, "gateway")["API_KEYS"] == (secret["metadata"]["name"], "api-keys")
    (known,) = TypeAdapter(list[ApiKeySetting]).validate_json(secret["stringData"]["api-keys"])
    assert bytes.fromhex(known.sha256) == digest_of(secret["stringData"]["admin-api-key"])
    assert known.scopes == ["admin"]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_given_what_it_connects_with_and_no_more(name):
    assert given(rendered(NAMED), name).keys() == JOBS[name]


def test_no_secret_stands_in_the_environment(documents):
    for each in documents:
        for made in each.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
            sources = [variable["valueFrom"] for variable in made.get("env", ()) if "valueFrom" in variable]
            if "csms" in made["image"]:
                assert not [source for source in sources if "secretKeyRef" in source]


def test_a_service_and_a_job_may_have_secrets_of_their_own():
    values = EVERYTHING | {
        "gateway": EVERYTHING["gateway"] | {"secrets": {"kafkaPassword": {"name": "gateway", "key": "password"}}}
    }
    made = rendered(values)
    assert given(made, "gateway")["KAFKA_SASL_PASSWORD"] == ("gateway", "password")
    assert given(made, "auth")["KAFKA_SASL_PASSWORD"] == ("csms", "kafka-password")
    assert given(made, "topics")["KAFKA_SASL_PASSWORD"] == ("admin", "p")
    assert given(made, "auth")["DATABASE_URL"] == ("csms", "database-url")
    assert given(made, "migrate-auth")["DATABASE_URL"] == ("owner", "url")


def test_a_secret_of_one_s_own_wins_over_a_file_for_all():
    services = {key: {"secrets": {"databaseUrl": {"name": f"of-{key.lower()}", "key": "u"}}} for key in DATABASES}
    jobs = {key: {"databaseUrl": {"name": key.lower(), "key": "u"}} for key in DATABASES}
    values = {"settings": {"CSMS_DATABASE_URL_FILE": "/vault/url"}, "migrations": {"secrets": jobs}}
    made = rendered(deep(deep(PRODUCTION, values), services))
    for key, service in DATABASES.items():
        assert given(made, service)["DATABASE_URL"] == (f"of-{key.lower()}", "u")
        assert given(made, f"migrate-{service}")["DATABASE_URL"] == (key.lower(), "u")


def test_a_secret_of_a_job_s_own_wins_over_its_service_s_file():
    values = {
        "auth": {"settings": {"CSMS_DATABASE_URL_FILE": "/vault/url"}, "secrets": {"databaseUrl": NOWHERE}},
        "migrations": {"secrets": {"auth": {"databaseUrl": {"name": "owner", "key": "url"}}}},
    }
    made = rendered(deep(PRODUCTION, values))
    assert environment(container(made, "auth"))["CSMS_DATABASE_URL_FILE"] == "/vault/url"
    assert given(made, "migrate-auth")["DATABASE_URL"] == ("owner", "url")


@pytest.mark.parametrize(
    "name", ["topics", "migrate-auth", "migrate-device-mgmt", "migrate-history", "migrate-transactions"]
)
def test_a_job_is_given_the_files_that_its_settings_name(name):
    key = {"migrate-auth": "auth", "migrate-device-mgmt": "deviceMgmt"}.get(name, name.removeprefix("migrate-"))
    what = "kafkaPassword" if name == "topics" else "databaseUrl"
    variable = {"kafkaPassword": "CSMS_KAFKA_SASL_PASSWORD_FILE", "databaseUrl": "CSMS_DATABASE_URL_FILE"}[what]
    files = {
        "secrets": {what: NOWHERE},
        "settings": {variable: "/vault/secret"},
        "extraEnv": [{"name": "WHOSE", "value": key}],
        "extraVolumes": [{"name": "vault", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": True}}],
        "extraVolumeMounts": [{"name": "vault", "mountPath": "/vault", "readOnly": True}],
    }
    pod = named(rendered(deep(PRODUCTION, {key: files})), "Job", name)["spec"]["template"]["spec"]
    (made,) = pod["containers"]
    assert environment(made)[variable] == "/vault/secret"
    assert environment(made)["WHOSE"] == key
    assert files["extraVolumes"][0] in pod["volumes"]
    assert files["extraVolumeMounts"][0] in made["volumeMounts"]
    assert "secrets" not in {volume["name"] for volume in pod["volumes"]}


def test_a_secret_among_the_settings_is_refused():
    for name in ("CSMS_SECRET_KEY", "CSMS_DATABASE_URL", "CSMS_ADMIN_API_KEY"):
        assert "belongs into a Secret" in refused(PRODUCTION | {"settings": {name: "x"}})


def test_secrets_may_be_files_of_somebody_else():
    values = PRODUCTION | {
        "secrets": {"secretKey": {"name": "", "key": "x"}, "databaseUrl": {"name": "", "key": "x"}},
        "settings": {"CSMS_SECRET_KEY_FILE": "/vault/key", "CSMS_DATABASE_URL_FILE": "/vault/url"},
    }
    assert environment(container(rendered(values), "auth"))["CSMS_SECRET_KEY_FILE"] == "/vault/key"
    without = PRODUCTION | {"secrets": {"secretKey": {"name": "", "key": "x"}}}
    assert "secrets.secretKey.name" in refused(without)


def test_settings_reach_everybody_and_a_service_s_own_win():
    values = PRODUCTION | {
        "settings": {
            "CSMS_LENIENT_VALIDATION": True,
            "CSMS_MAX_MESSAGE_BYTES": 20_000_000,
            "CSMS_OIDC_SCOPE_PREFIX": "a",
        },
        "gateway": {"settings": {"CSMS_LENIENT_VALIDATION": False, "CSMS_OCPP_PROTOCOLS": ["ocpp2.0.1"]}},
    }
    made = rendered(values)
    gateway, auth = (environment(container(made, service)) for service in ("gateway", "auth"))
    assert (gateway["CSMS_LENIENT_VALIDATION"], auth["CSMS_LENIENT_VALIDATION"]) == ("false", "true")
    assert gateway["CSMS_MAX_MESSAGE_BYTES"] == "20000000"
    assert gateway["CSMS_OCPP_PROTOCOLS"] == '["ocpp2.0.1"]'
    (topics,) = named(made, "Job", "topics")["spec"]["template"]["spec"]["containers"]
    assert environment(topics)["CSMS_MAX_MESSAGE_BYTES"] == "20000000"


def test_only_the_gateway_s_own_proxies_are_believed_by_gateways():
    made = rendered(EVERYTHING)
    assert environment(container(made, "gateway"))["CSMS_TRUSTED_PROXIES"] == '["192.0.2.7/32"]'
    assert environment(container(made, "auth"))["CSMS_TRUSTED_PROXIES"] == '["192.0.2.8/32"]'


@pytest.mark.parametrize(("name", "job"), [("topics", "csms_bus.admin"), ("migrate-device-mgmt", "csms_device_mgmt")])
def test_jobs_are_commands_that_there_are(name, job):
    (made,) = named(rendered(EVERYTHING), "Job", name)["spec"]["template"]["spec"]["containers"]
    assert made["command"][:3] == ["python", "-m", job]
    assert importlib.util.find_spec(job)


def test_the_topics_job_s_options_are_the_command_s(documents):
    jobs = [each for each in of_kind(documents, "Job") if "topics" in each["metadata"]["name"]]
    (made,) = jobs[0]["spec"]["template"]["spec"]["containers"]
    parameters = get_command(admin.cli).params
    options = {option for parameter in parameters for option in parameter.opts}
    assert {word for word in made["command"] if word.startswith("--")} <= options
    known = {str(parameter.envvar) for parameter in parameters} | {
        f"CSMS_{name}".upper() for name in KafkaAccess.model_fields
    }
    told = {name.removesuffix("_FILE") for name in environment(made)}
    assert {name for name in told if "KAFKA" in name} - {"CSMS_KAFKA_CA"} <= known


def test_topics_have_three_replicas_but_for_a_trial():
    for values, expected in ((PRODUCTION, ("3", "2")), (TRIAL, ("1", "1"))):
        (job,) = [each for each in of_kind(rendered(values), "Job") if "topics" in each["metadata"]["name"]]
        command = job["spec"]["template"]["spec"]["containers"][0]["command"]
        options = dict(zip(command[3::2], command[4::2], strict=True))
        assert (options["--replication-factor"], options["--min-insync-replicas"]) == expected


def test_proxies_before_gateways_need_a_secret():
    values = PRODUCTION | {"gateway": {"plain": {"enabled": True}, "trustedProxies": ["10.244.0.0/16"]}}
    assert "proxySecret" in refused(values)
    made = rendered(values | {"secrets": {"proxySecret": {"name": "csms", "key": "proxy"}}})
    assert given(made, "gateway")["PROXY_SECRET"] == ("csms", "proxy")
    assert "PROXY_SECRET" not in given(made, "auth")


@pytest.mark.parametrize("service", SERVICES)
def test_traces_are_off_unless_a_collector_is_named(service):
    assert not [name for name in environment(container(rendered(PRODUCTION), service)) if name.startswith("OTEL_")]
    told = environment(container(rendered(EVERYTHING), service))
    assert is_on(told)
    assert (told["OTEL_EXPORTER_OTLP_ENDPOINT"], told["OTEL_TRACES_SAMPLER_ARG"]) == (
        "http://collector.observability:4318",
        "0.1",
    )
