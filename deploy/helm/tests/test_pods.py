"""What runs, and as whom: slots, probes, rights, time to end."""

import pytest
from csms_bus.topics import CATALOGUE, Key
from csms_runtime.health import Health
from csms_runtime.http.management import management_router
from csms_testing.chart import (
    EVERYTHING,
    PRODUCTION,
    SERVICES,
    TRIAL,
    container,
    environment,
    named,
    of_kind,
    pods,
    rendered,
    workload,
)

SLOT = {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}
INBOXES = {
    topic.name: topic.consumers for topic in CATALOGUE if topic.key is Key.SLOT and topic.name.endswith(".inbox")
}


def test_pods_pass_the_restricted_standard_on_a_file_system_that_cannot_be_written(documents):
    for name, pod in pods(documents).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "secret", "configMap", "projected"}, name
        for each in [*spec["containers"], *spec.get("initContainers", ())]:
            context = each["securityContext"]
            assert context["readOnlyRootFilesystem"], name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert each["resources"]["limits"]["memory"], name
            assert each["resources"]["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}, name


def test_volumes_that_are_not_root_s_are_changed_only_when_they_are_new(documents):
    assert all(
        pod["spec"]["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch" for pod in pods(documents).values()
    )


def test_who_reads_an_inbox_partition_has_its_number_as_slot(documents):
    with_inbox = {service for consumers in INBOXES.values() for service in consumers}
    assert with_inbox == {"gateway", "transactions", "device-mgmt"}
    for service in SERVICES:
        slots = [each["valueFrom"] for each in container(documents, service)["env"] if each["name"] == "CSMS_SLOT"]
        assert slots == ([SLOT] if service in with_inbox else [])
        assert workload(documents, service)["kind"] == ("StatefulSet" if service in with_inbox else "Deployment")


def test_gateways_start_and_end_without_waiting_for_each_other():
    assert workload(rendered(PRODUCTION), "gateway")["spec"]["podManagementPolicy"] == "Parallel"


@pytest.mark.parametrize("service", SERVICES)
def test_probes_ask_the_management_port(service):
    known = {route.path for route in management_router(Health()).routes}
    made = container(rendered(PRODUCTION), service)
    ports = {port["name"]: port["containerPort"] for port in made["ports"]}
    paths = {}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert ports[made[probe]["httpGet"]["port"]] == int(environment(made)["CSMS_MANAGEMENT_PORT"])
        paths[probe] = made[probe]["httpGet"]["path"]
    assert set(paths.values()) <= known
    # One that is not ready is not dead.
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def _grace(service, values):
    spec = workload(rendered(values), service)["spec"]["template"]["spec"]
    return (
        spec["terminationGracePeriodSeconds"],
        environment(spec["containers"][0]),
        spec["containers"][0].get("lifecycle"),
    )


@pytest.mark.parametrize("spread", [0, 20, 120])
def test_a_gateway_is_killed_after_all_of_its_drain(spread):
    grace, env, hook = _grace("gateway", PRODUCTION | {"gateway": {"drainSpreadSeconds": spread}})
    delay, calls = int(env["CSMS_DRAIN_DELAY_S"]), int(env["CSMS_DRAIN_CALLS_S"])
    assert int(env["CSMS_DRAIN_SPREAD_S"]) == spread
    assert int(env["CSMS_SHUTDOWN_TIMEOUT_S"]) >= delay + calls + spread + 12
    assert grace == int(env["CSMS_SHUTDOWN_TIMEOUT_S"]) + 15
    assert hook is None


@pytest.mark.parametrize("service", ["auth", "transactions", "device-mgmt", "history"])
def test_a_service_is_killed_after_its_requests_and_its_work(service):
    grace, env, hook = _grace(service, PRODUCTION | {"shutdownTimeoutSeconds": 60, "drainDelaySeconds": 7})
    assert env["CSMS_SHUTDOWN_TIMEOUT_S"] == "60"
    assert hook == {"preStop": {"sleep": {"seconds": 7}}}
    assert grace >= 7 + 25 + 60


def test_a_pod_of_each_workload_may_be_evicted_and_no_more(documents):
    for service in SERVICES:
        spec = named(documents, "PodDisruptionBudget", service)["spec"]
        assert spec["maxUnavailable"] == 1
        assert spec["selector"] == workload(documents, service)["spec"]["selector"]


def test_pods_are_spread_over_zones_and_nodes():
    spec = workload(rendered(PRODUCTION), "gateway")["spec"]["template"]["spec"]
    keys = {each["topologyKey"] for each in spec["topologySpreadConstraints"]}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_constraints_that_are_given_are_about_each_workload_s_own_pods():
    zone = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    others = {"topologyKey": "rack", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    values = {"topologySpreadConstraints": [zone, others], "http": {"router": {"enabled": True}}}
    made = rendered(PRODUCTION | values)
    for owner in (*(workload(made, service) for service in SERVICES), named(made, "Deployment", "api")):
        spec = owner["spec"]
        assert spec["template"]["spec"]["topologySpreadConstraints"] == [
            zone | {"labelSelector": spec["selector"]},
            others,
        ]


def test_a_digest_wins_over_the_tag():
    assert container(rendered(EVERYTHING), "auth")["image"] == f"csms@sha256:{'0' * 64}"
    assert container(rendered(PRODUCTION | {"image": {"tag": "1.2"}}), "auth")["image"] == "csms:1.2"


def test_services_and_jobs_have_accounts_that_may_do_nothing(documents):
    accounts = {each["metadata"]["name"]: each for each in of_kind(documents, "ServiceAccount")}
    assert all(each["automountServiceAccountToken"] is False for each in accounts.values())
    used = {pod["spec"].get("serviceAccountName") for pod in pods(documents).values()}
    assert used - {None} == accounts.keys()  # the trial's stores have the default one, without a token
    assert not of_kind(documents, "Role") + of_kind(documents, "ClusterRole")


def test_what_is_extra_reaches_every_service():
    for service in SERVICES:
        pod = workload(rendered(EVERYTHING), service)["spec"]["template"]
        made = pod["spec"]["containers"][0]
        assert environment(made)["TZ"] == "UTC"
        assert {"all", "more"} <= {volume["name"] for volume in pod["spec"]["volumes"]}
        assert {"/all", "/more"} <= {mount["mountPath"] for mount in made["volumeMounts"]}
        assert pod["metadata"]["labels"]["team"] == "charging"


@pytest.mark.parametrize("mode", ["cpu", "metric", "keda"])
def test_an_autoscaler_alone_says_how_many_there_are(mode):
    scaling = {"enabled": True, "mode": mode}
    values = {
        service: {"autoscaling": scaling} for service in ("gateway", "auth", "transactions", "deviceMgmt", "history")
    }
    made = rendered(PRODUCTION | values | {"autoscaling": {"prometheusAddress": "http://prometheus:9090"}})
    for service in SERVICES:
        assert "replicas" not in workload(made, service)["spec"]
        scaler = named(made, "ScaledObject" if mode == "keda" else "HorizontalPodAutoscaler", service)
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) == (workload(made, service)["kind"], f"csms-{service}")


def test_everything_of_a_trial_is_one_pod():
    assert {each["spec"]["replicas"] for each in rendered(TRIAL) if each["kind"] in {"StatefulSet", "Deployment"}} == {
        1
    }


def test_pods_of_a_trial_wait_for_its_stores_and_others_do_not():
    waiting = {name: pod["spec"].get("initContainers") for name, pod in pods(rendered(TRIAL)).items()}
    stores = {name: init[0]["command"][3:] for name, init in waiting.items() if init}
    assert stores["csms-gateway"] == ["csms-kafka:9092"]
    assert stores["csms-transactions"] == ["csms-kafka:9092", "csms-postgresql:5432"]
    assert stores["csms-migrate-auth-first"] == ["csms-postgresql:5432"]
    assert stores.keys() == {name for name in waiting if name.split("-")[1] not in {"api", "kafka", "postgresql"}}
    assert not [name for name, pod in pods(rendered(PRODUCTION)).items() if "initContainers" in pod["spec"]]
