"""Who reaches whom: Services, network policies, routes of the HTTP API."""

import re

import pytest
from csms_auth.app import Auth
from csms_auth.settings import AuthSettings
from csms_bus.memory import MemoryBus
from csms_db.engine import Database
from csms_device_mgmt.app import DeviceManagement
from csms_device_mgmt.settings import DeviceSettings
from csms_gateway.app import Gateway
from csms_gateway.settings import GatewaySettings
from csms_history.app import History
from csms_history.settings import HistorySettings
from csms_runtime.health import Health
from csms_runtime.secret_keys import SecretKeys
from csms_testing.chart import (
    CHART,
    EVERYTHING,
    PRODUCTION,
    RELEASE,
    SERVICES,
    TRIAL,
    container,
    named,
    of_kind,
    pods,
    rendered,
    workload,
)
from csms_testing.cluster.front import owner
from csms_transactions.app import Transactions
from csms_transactions.settings import TransactionSettings
from pydantic import SecretStr

KEY = b"a-secret-of-the-tests"


def _applications(directory):
    bus, health = MemoryBus(), Health()

    def database(name):
        return Database(f"sqlite:///{directory / name}.db")

    return {
        "auth": Auth(bus, database("auth"), AuthSettings(data_dir=directory), health, keys=SecretKeys(KEY)),
        "transactions": Transactions(
            bus, database("transactions"), TransactionSettings(), health, keys=SecretKeys(KEY)
        ),
        "device-mgmt": DeviceManagement(bus, database("devices"), DeviceSettings(), health, keys=SecretKeys(KEY)),
        "history": History(bus, database("history"), HistorySettings(), health, keys=SecretKeys(KEY)),
        "gateway": Gateway(GatewaySettings(secret_key=SecretStr(KEY.decode())), bus, health),
    }


@pytest.fixture(scope="module")
def routes(tmp_path_factory):
    """The paths of each service, parameters filled."""
    made = _applications(tmp_path_factory.mktemp("routes"))
    found = {
        service: [
            f"/api/v1{re.sub(r'{.*?}', 'x', route.path)}" for router in application.routers for route in router.routes
        ]
        for service, application in made.items()
    }
    assert all(found.values())
    return found


def test_the_cluster_runner_knows_the_owner_of_each_route(routes):
    for service, paths in routes.items():
        assert {path: owner(path) for path in paths} == dict.fromkeys(paths, service)


def test_paths_that_runbooks_name_exist(routes):
    """Those that stand after $API, or after a method; `{...}` and `...` stand for something."""
    known = [re.compile(path.replace("/x", "/[^/]+")) for paths in routes.values() for path in paths]
    named = {
        (page.name, path)
        for page in (CHART.parents[2] / "docs" / "runbooks").glob("*.md")
        for path in re.findall(r"(?:\$API|/api/v1)(/[a-zA-Z0-9/{}_.-]+)", page.read_text())
    }
    assert len(named) > 15
    assert {each for each in named if not any(pattern.fullmatch(f"/api/v1{each[1]}") for pattern in known)} == set()


def _backend(service):
    return f"{RELEASE}-gateway-http" if service == "gateway" else f"{RELEASE}-{service}"


def _by_ingress(path):
    """As ingress-nginx chooses: of regular expressions the longest that matches."""
    (rule,) = of_kind(rendered(EVERYTHING), "Ingress")[0]["spec"]["rules"]
    paths = sorted(rule["http"]["paths"], key=lambda each: -len(each["path"]))
    return next(each["backend"]["service"]["name"] for each in paths if re.match(each["path"], path))


def _by_http_route(path):
    """As the Gateway API has it, with regular expressions before prefixes."""
    (route,) = of_kind(rendered(EVERYTHING), "HTTPRoute")
    matches = [
        (match["path"], rule["backendRefs"][0]["name"]) for rule in route["spec"]["rules"] for match in rule["matches"]
    ]
    matches.sort(key=lambda each: (each[0]["type"] != "RegularExpression", -len(each[0]["value"])))
    return next(name for match, name in matches if _matches(match, path))


def _matches(match, path):
    value = match["value"].rstrip("/")
    if match["type"] == "RegularExpression":
        return re.fullmatch(value, path)
    return path == value or path.startswith(f"{value}/")


def _by_router(path):
    """As nginx chooses: the first regular expression of the map that matches."""
    conf = named(rendered(TRIAL), "ConfigMap", "api")["data"]["nginx.conf"]
    (table,) = re.findall(r"map \$sent_path \$owner \{(.*?)\n    \}", conf, re.DOTALL)
    patterns = [*re.findall(r'"~(\S+)" (\S+);', table), ("^", *re.findall(r"default (\S+);", table))]
    chosen = next(service for pattern, service in patterns if re.match(pattern, path))
    (backend,) = re.findall(rf"upstream {chosen} \{{ server (\S+):8080;", conf)
    return backend


@pytest.mark.parametrize("choose", [_by_ingress, _by_http_route, _by_router], ids=["ingress", "http-route", "router"])
def test_the_chart_sends_each_route_to_its_owner(routes, choose):
    for service, paths in routes.items():
        assert {path: choose(path) for path in paths} == dict.fromkeys(paths, _backend(service))
    assert choose("/docs") == _backend("device-mgmt")


def test_with_the_router_everything_goes_to_it():
    made = rendered(EVERYTHING | {"http": EVERYTHING["http"] | {"router": {"enabled": True}}})
    (path,) = of_kind(made, "Ingress")[0]["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] == "csms-api"
    (rule,) = of_kind(made, "HTTPRoute")[0]["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "csms-api", "port": 8080}]
    assert path["path"] == rule["matches"][0]["path"]["value"] == "/"


def test_services_find_pods_and_their_ports(documents):
    for service in of_kind(documents, "Service"):
        selector = service["spec"]["selector"].items()
        (pod,) = [pod for pod in pods(documents).values() if selector <= pod["metadata"]["labels"].items()]
        ports = {port["name"] for each in pod["spec"]["containers"] for port in each["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_statefulsets_have_the_service_that_names_their_pods(documents):
    headless = {
        each["metadata"]["name"] for each in of_kind(documents, "Service") if each["spec"].get("clusterIP") == "None"
    }
    assert {each["spec"]["serviceName"] for each in of_kind(documents, "StatefulSet")} <= headless


def test_stations_addresses_are_kept():
    spec = named(rendered(PRODUCTION), "Service", "gateway")["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
    assert [port["name"] for port in spec["ports"]] == ["ocpp-tls"]
    assert "externalTrafficPolicy" not in named(rendered(TRIAL), "Service", "gateway")["spec"]


def test_stations_that_must_go_through_a_proxy_reach_the_plain_port():
    (_, ingress) = of_kind(rendered(EVERYTHING), "Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "csms-gateway", "port": {"name": "ocpp"}}


def test_they_may_go_on_to_the_gateways_own_tls():
    gateway = {"ingress": {"enabled": True, "toTls": True, "host": "x"}, "trustedProxies": ["10.0.0.0/8"]}
    made = rendered(PRODUCTION | {"gateway": gateway, "secrets": {"proxySecret": {"name": "csms", "key": "proxy"}}})
    (path,) = of_kind(made, "Ingress")[0]["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "csms-gateway", "port": {"name": "ocpp-tls"}}
    assert "ocpp" not in {port["name"] for port in container(made, "gateway")["ports"]}


def test_every_pod_has_a_policy(documents):
    policies = of_kind(documents, "NetworkPolicy")
    for name, pod in pods(documents).items():
        assert [each for each in policies if _selects(each["spec"]["podSelector"], pod["metadata"]["labels"])], name
    assert all(each["spec"]["policyTypes"] == ["Ingress", "Egress"] for each in policies)


def _selects(selector, labels):
    expressions = selector.get("matchExpressions", ())
    return selector["matchLabels"].items() <= labels.items() and all(
        labels[each["key"]] in each["values"] for each in expressions
    )


def _egress_ports(documents, service):
    spec = named(documents, "NetworkPolicy", service)["spec"]
    return {port["port"] for rule in spec["egress"] for port in rule["ports"]}


def test_pods_reach_what_they_need_and_nothing_else():
    made = rendered(PRODUCTION | {"networkPolicies": {"allowHttps": False}, "database": {"port": 6432}})
    assert _egress_ports(made, "gateway") == {53, 9093, 9094}
    assert _egress_ports(made, "transactions") == {53, 9093, 9094, 6432}
    assert _egress_ports(made, "jobs") == {53, 9093, 9094, 6432}


def test_auth_reaches_ocsp_responders():
    made = rendered(PRODUCTION)
    assert {service for service in SERVICES if 80 in _egress_ports(made, service)} == {"auth"}


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        ("http://collector:4318", 4318),
        ("https://collector2/otlp", 443),
        ("http://[fd00::1]", 80),
        ("http://10.0.0.5", 80),
    ],
)
def test_pods_reach_the_collector_of_traces(endpoint, port):
    made = rendered(PRODUCTION | {"networkPolicies": {"allowHttps": False}, "tracing": {"endpoint": endpoint}})
    for service in SERVICES:
        assert port in _egress_ports(made, service)
    assert port not in _egress_ports(made, "jobs")


@pytest.mark.parametrize("service", SERVICES)
def test_policies_name_ports_of_their_pods(service):
    made = rendered(EVERYTHING)
    ports = {
        port["name"]
        for each in workload(made, service)["spec"]["template"]["spec"]["containers"]
        for port in each["ports"]
    }
    rules = named(made, "NetworkPolicy", service)["spec"]["ingress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == ports


def test_policies_can_be_left_to_others():
    assert not of_kind(rendered(PRODUCTION | {"networkPolicies": {"enabled": False}}), "NetworkPolicy")
