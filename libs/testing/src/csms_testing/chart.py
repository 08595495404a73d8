"""The chart as Helm renders it, for tests. Needs helm and kube-score, which `make chart` fetches, or in the PATH."""

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

CHART = Path(__file__).resolve().parents[4] / "deploy" / "helm" / "csms"
RELEASE, NAMESPACE = "csms", "charging"
SERVICES = ("auth", "transactions", "device-mgmt", "history", "gateway")
WITHOUT_SLOT = ("auth", "history")
"""Services that read no inbox: Deployments."""

PRODUCTION: Json = {"kafka": {"bootstrapServers": "kafka-0.kafka:9093,kafka-1.kafka:9094"}}
"""The fewest values that work."""
TRIAL: Json = yaml.safe_load((CHART / "values-trial.yaml").read_text())
_SCALING: Json = {"enabled": True, "mode": "keda"}
_SERVICE: Json = {
    "settings": {"CSMS_LOG_LEVEL": "debug"},
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    "podLabels": {"team": "charging"},
    "podAnnotations": {"note": "x"},
    "autoscaling": _SCALING,
    "kafkaUsername": "somebody",
    "kafkaClientCertificateSecret": "client",
    "priorityClassName": "high",
}
EVERYTHING: Json = {
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "settings": {"CSMS_UNKNOWN_STATIONS": "pending"},
    "extraVolumes": [{"name": "all", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "all", "mountPath": "/all"}],
    "tolerations": [{"key": "x", "operator": "Exists"}],
    "nodeSelector": {"kind": "x"},
    "secrets": {
        "adminApiKey": {"name": "csms", "key": "admin-api-key"},
        "estPassword": {"name": "est", "key": "password"},
        "proxySecret": {"name": "proxy", "key": "secret"},
        "secretKeyOthers": {"name": "csms", "key": "secret-key-others"},
    },
    "kafka": {"bootstrapServers": "kafka:9093", "caSecret": {"name": "kafka-ca", "key": "ca.crt"}},
    "database": {"caSecret": {"name": "database-ca", "key": "ca.crt"}},
    "topics": {
        "strict": True,
        "partitions": 48,
        "kafkaUsername": "admin",
        "secrets": {"kafkaPassword": {"name": "admin", "key": "p"}},
    },
    "migrations": {"secrets": {"auth": {"databaseUrl": {"name": "owner", "key": "url"}}}},
    "autoscaling": {"prometheusAddress": "http://prometheus:9090"},
    "tracing": {"endpoint": "http://collector.observability:4318", "ratio": 0.1},
    "gateway": _SERVICE
    | {
        "plain": {"enabled": True},
        "tls": {
            "secrets": ["ecdsa", "rsa"],
            "clientCaSecret": {"name": "stations", "key": "ca.crt"},
            "clientCrlSecret": {"name": "stations", "key": "ca.crl"},
            "certManager": {"enabled": True, "issuerRef": {"name": "ca"}, "dnsNames": ["ocpp.example.org"]},
        },
        "service": {"loadBalancerSourceRanges": ["192.0.2.0/24"], "tlsNodePort": 30443, "annotations": {"a": "b"}},
        "ingress": {"enabled": True, "host": "ocpp.example.org", "tlsSecret": "ocpp"},
        "trustedProxies": ["192.0.2.7/32"],
    },
    "auth": _SERVICE | {"pkiSecret": "pki"},
    "transactions": _SERVICE,
    "deviceMgmt": _SERVICE,
    "history": _SERVICE,
    "http": {
        "ingress": {"enabled": True, "host": "api.example.org", "tlsSecret": "api"},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "front"}], "hostnames": ["api.example.org"]},
        "trustedProxies": ["192.0.2.8/32"],
    },
    "networkPolicies": {
        "httpFrom": [{"namespaceSelector": {}}],
        "kafkaTo": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
        "extraEgress": [{"ports": [{"port": 4317}]}],
    },
    "metrics": {name: {"enabled": True} for name in ("podMonitor", "prometheusRule", "dashboards")},
}
"""Nearly every value there is."""
ALL: dict[str, Json] = {"production": PRODUCTION, "trial": TRIAL, "everything": EVERYTHING}
"""The sets of values that every rule must hold for."""


def helm() -> str:
    """Return the program. Raises FileNotFoundError."""
    return _program("helm")


def _program(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"there is no {name}: run `make chart`")
    return found


def scored(documents: list[Json]) -> list[Json]:
    """Return what kube-score says of each object, as its JSON has it. Raises CalledProcessError if it could not."""
    command = [_program("kube-score"), "score", "--output-format", "json", "--kubernetes-version", f"v{oldest()}", "-"]
    told = "\n---\n".join(map(json.dumps, documents))
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=False)  # noqa: S603 our own chart
    if not done.stdout:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    found: list[Json] = json.loads(done.stdout)
    return found


def oldest() -> str:
    """Return the oldest Kubernetes that the chart takes: `1.30`."""
    wanted: str = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]
    return wanted.removeprefix(">=").removesuffix(".0-0")


def _template(values: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [helm(), "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", "-", *options]
    return subprocess.run(command, input=values, capture_output=True, text=True, check=False)  # noqa: S603 our own chart


@cache
def _rendered(values: str, *options: str) -> list[Json]:
    done = _template(values, *options)
    if done.returncode:
        raise ValueError(done.stderr)
    return [document for document in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if document]


def rendered(values: Json, *options: str) -> list[Json]:
    """Return all objects that an installation with these values makes. They are shared: change none.

    Raises ValueError, with Helm's own words, when it refuses the values.
    """
    return _rendered(json.dumps(values), *options)


def refused(values: Json, *options: str) -> str:
    """Return why Helm refuses these values; empty: it takes them."""
    done = _template(json.dumps(values), *options)
    return done.stderr if done.returncode else ""


def notes(values: Json) -> str:
    """Return what an installation with these values says at its end. Raises CalledProcessError."""
    command = [helm(), "install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=client", "--values", "-"]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=True)  # noqa: S603 our own chart
    return done.stdout.partition("NOTES:\n")[2]


def deep(values: Json, more: Json) -> Json:
    """Return values, and more of them, as Helm puts two files together."""
    both = {key: deep(values[key], more[key]) for key in more if isinstance(values.get(key), dict)}
    return values | more | both


def of_kind(documents: list[Json], kind: str) -> list[Json]:
    """Return the objects of a kind."""
    return [each for each in documents if each["kind"] == kind]


def named(documents: list[Json], kind: str, name: str) -> Json:
    """Return the object of a kind with a name, which is without the release. Raises ValueError unless there is one."""
    (one,) = [each for each in of_kind(documents, kind) if each["metadata"]["name"] == f"{RELEASE}-{name}"]
    return one


def workload(documents: list[Json], service: str) -> Json:
    """Return the workload of a service."""
    return named(documents, "Deployment" if service in WITHOUT_SLOT else "StatefulSet", service)


def pods(documents: list[Json]) -> dict[str, Json]:
    """Return the template of every pod that is made, by the name of its owner."""
    kinds = {"Deployment", "StatefulSet", "Job"}
    return {each["metadata"]["name"]: each["spec"]["template"] for each in documents if each["kind"] in kinds}


def container_of(pod: Json) -> Json:
    """Return the only container of a pod's template."""
    (one,) = pod["spec"]["containers"]
    found: Json = one
    return found


def container(documents: list[Json], service: str) -> Json:
    """Return the container of a service."""
    return container_of(workload(documents, service)["spec"]["template"])


def environment(made: Json) -> dict[str, str]:
    """Return the variables of a container that have a value of their own."""
    return {each["name"]: each["value"] for each in made["env"] if "value" in each}
