"""Values that cannot work are refused, in words that say which and why, before anything is installed."""

import json
import runpy

import pytest
from csms_testing.chart import CHART, PRODUCTION, TRIAL, container, deep, environment, refused, rendered

TOOLS = CHART.parents[2] / "tools"


def value(path, what):
    """The values that have one at a path: `gateway.replicas`."""
    for key in reversed(path.split(".")):
        what = {key: what}
    return what


OF_SCHEMA = {
    "gatway": {},
    "settings.csms_x": "1",
    "image.tag": 1.2,
    "image.digest": "latest",
    "image.pullSecrets": [{"name": "x"}],
    "nameOverride": "Upper",
    "fullnameOverride": "under_score",
    "listenAddress": "localhost",
    "podLabels.team": 1,
    "tolerations": {"key": "x"},
    "shutdownTimeoutSeconds": 0,
    "kafka.bootstrapServers": "kafka",
    "kafka.securityProtocol": "sasl_ssl",
    "kafka.saslMechanism": "GSSAPI",
    "database.port": "5432",
    "secrets.databaseUrl": "postgresql://x",
    "topics.partitions": 0,
    "jobs.deadlineSeconds": 0,
    "autoscaling.prometheusAddress": "prometheus:9090",
    "gateway.replica": 3,
    "gateway.replicas": "3",
    "gateway.resources.request": {"cpu": 1},
    "gateway.resources.requests.cpus": 1,
    "gateway.resources.limits.memory": "2GB",
    "gateway.autoscaling.mode": "custom",
    "gateway.autoscaling.targetCPU": "60",
    "gateway.tls.secrets": ["same", "same"],
    "gateway.tls.enabled": "true",
    "gateway.service.type": "ExternalName",
    "gateway.service.tlsNodePort": 70000,
    "gateway.trustedProxies": ["10.0.0.0/33"],
    "gateway.extraEnv": {"TZ": "UTC"},
    "gateway.podDisruptionBudget.maxUnavailable": "half",
    "auth.podDisruptionBudget.maxUnavailable": "0%",
    "transactions.podDisruptionBudget.maxUnavailable": 0,
    "gateway.maxUnavailable": "00%",
    "auth.tls": {},
    "http.ingress.path": "/",
    "http.httpRoute.parentRefs": {"name": "x"},
    "http.httpRoute.timeouts.request": "700",
    "networkPolicies.kafkaTo": ["10.0.0.0/8"],
    "metrics.podMonitor.interval": "15",
    "trial.enabled": "yes",
}


def test_what_the_schema_does_not_allow_is_refused():
    """Helm tells all of it at once."""
    values = PRODUCTION
    for path, what in OF_SCHEMA.items():
        values = deep(values, value(path, what))
    told = refused(values)
    assert "schema" in told
    for path in OF_SCHEMA:
        *_, group, key = ("", *path.split("."))
        assert f"{group}/{key}" in told or f"'{key}'" in told, path


TAKEN_BY_THE_SCHEMA = [
    ("kafka.bootstrapServers", "", "kafka.bootstrapServers"),
    ("kafka.username", "", "kafka.username"),
    ("gateway.replicas", 33, "inboxPartitions"),
    ("transactions.autoscaling", {"enabled": True, "maxReplicas": 40}, "inboxPartitions"),
    ("topics.replicationFactor", 1, "minInsyncReplicas"),
    ("auth.autoscaling", {"enabled": True, "minReplicas": 8}, "minReplicas is more"),
    ("auth.autoscaling", {"enabled": True, "mode": "keda"}, "autoscaling.prometheusAddress"),
    ("auth.autoscaling.targetConnections", 5, "targetLag"),
    ("gateway.tls.enabled", False, "stations need one"),
    ("gateway.tls.secrets", [], "gateway.tls.secrets"),
    ("gateway.tls.certManager.enabled", True, "issuerRef"),
    ("gateway", {"plain": {"enabled": True}, "service": {"tlsPort": 80}}, "the same port"),
    ("gateway.ingress", {"enabled": True, "host": "x"}, "plain.enabled"),
    ("gateway", {"plain": {"enabled": True}, "trustedProxies": ["10.244.0.0/16"]}, "proxySecret"),
    ("gateway", {"ingress": {"enabled": True, "toTls": True}, "trustedProxies": ["10.0.0.0/8"]}, "proxySecret"),
    ("gateway.settings.CSMS_TRUSTED_PROXIES", ["10.244.0.0/16"], "gateway.trustedProxies"),
    ("http.httpRoute.enabled", True, "parentRefs"),
    ("http.ingress", {"enabled": True, "tlsSecret": "x"}, "http.ingress.host"),
    ("secrets.secretKey.name", "", "secrets.secretKey.name"),
    ("secrets.databaseUrl.name", "", "secrets.databaseUrl.name"),
    ("secrets.kafkaPassword.name", "", "secrets.kafkaPassword.name"),
    ("settings.CSMS_SECRET_KEY_FILE", "/x", "secrets.secretKey.name"),
    ("settings.CSMS_SECRET_KEY", "x", "belongs into a Secret"),
    ("gateway.settings.CSMS_PROXY_SECRET", "x", "belongs into a Secret"),
    ("settings.CSMS_HEARTBEAT_INTERVALL_S", 5, "no such setting"),
    ("gateway.settings.CSMS_DATABASE_POOL_SIZE", 5, "no such setting"),
    ("settings.CSMS_HTTP_PORT", 5, "is the chart's"),
    ("gateway.settings.CSMS_MAX_MESSAGE_BYTES", 5_000_000, "settings.CSMS_MAX_MESSAGE_BYTES"),
    ("topics.settings.CSMS_MAX_MESSAGE_BYTES", 5_000_000, "settings.CSMS_MAX_MESSAGE_BYTES"),
    ("topics.settings.CSMS_NO_SUCH", "x", "no such setting"),
    ("podLabels", {"app.kubernetes.io/name": "x"}, "podLabels: the label app.kubernetes.io/name"),
    ("deviceMgmt.podLabels", {"app.kubernetes.io/component": "x"}, "deviceMgmt.podLabels"),
    ("gateway.secrets.adminApiKey", {"name": "csms", "key": "k"}, "digests only"),
    ("settings.CSMS_ADMIN_API_KEY_FILE", "/vault/key", "digests only"),
    ("gateway.settings.CSMS_ADMIN_API_KEY_FILE", "/vault/key", "digests only"),
    ("extraEnv", [{"name": "CSMS_ADMIN_API_KEY", "valueFrom": {}}], "digests only"),
    ("gateway.extraEnv", [{"name": "CSMS_ADMIN_API_KEY_FILE", "value": "/x"}], "digests only"),
]


@pytest.mark.parametrize(
    ("path", "what", "told"), TAKEN_BY_THE_SCHEMA, ids=[f"{number}" for number in range(len(TAKEN_BY_THE_SCHEMA))]
)
def test_what_contradicts_itself_is_refused(path, what, told):
    assert told in refused(deep(PRODUCTION, value(path, what)))


def test_what_a_trial_brings_is_not_asked_for():
    assert not refused(deep(TRIAL, {"kafka": {"username": ""}, "secrets": {"kafkaPassword": {"name": ""}}}))


def test_settings_that_the_chart_knows_are_those_of_the_services():
    """`make docs` writes them."""
    names = runpy.run_path(str(TOOLS / "configuration.py"))["names"]
    assert (CHART / "settings.json").read_text() == names()
    assert json.loads(names()).keys() == {"auth", "device-mgmt", "gateway", "history", "transactions"}


def test_a_gateway_starts_whatever_its_delay(monkeypatch):
    from csms_gateway.settings import GatewaySettings  # noqa: PLC0415 only here

    env = environment(container(rendered(PRODUCTION | {"drainDelaySeconds": 300}), "gateway"))
    for name in ("CSMS_DRAIN_DELAY_S", "CSMS_DRAIN_CALLS_S", "CSMS_DRAIN_SPREAD_S", "CSMS_SHUTDOWN_TIMEOUT_S"):
        monkeypatch.setenv(name, env[name])
    assert GatewaySettings().drain_timeout_s >= 300
