"""What scenarios play on: an installed release, its API and its database as they are reached from outside."""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from csms_testing.drills.api import Api
from csms_testing.drills.stored import PostgresStore
from csms_testing.k8s.names import KAFKA_IMAGE, NGINX_IMAGE, NODE_PORTS, POSTGRES_IMAGE
from csms_testing.k8s.programs import Json, Namespace
from csms_testing.k8s.release import Release
from csms_testing.k8s.stations import Outfitter
from csms_testing.pki import Pki

KINDS = ("rsa", "ecdsa")
"""Of the gateways' certificates."""
_CLIENT_CA = "stations-ca"
_SMALL: Json = {"resources": {"requests": {"cpu": "25m", "memory": "128Mi"}}}
"""One small node holds everything."""


@dataclass(slots=True)
class Stage:
    """A release that runs."""

    release: Release
    api: Api
    store: PostgresStore
    outfitter: Outfitter
    notes: dict[str, object]
    """How the installation went."""


def values_for(image: str) -> Json:
    """The chart's values: a trial with Kafka and PostgreSQL in the cluster, everything at ports of the nodes."""
    repository, _, tag = image.rpartition(":")
    gateway: Json = {
        "replicas": 2,
        "plain": {"enabled": True},
        "tls": {"secrets": [_tls(kind) for kind in KINDS], "clientCaSecret": {"name": _CLIENT_CA, "key": "ca.crt"}},
        "service": {"type": "NodePort", "plainNodePort": NODE_PORTS["ocpp"], "tlsNodePort": NODE_PORTS["ocpp-tls"]},
        **_SMALL,
    }
    router: Json = {
        "enabled": True,
        "image": NGINX_IMAGE,
        "service": {"type": "NodePort", "nodePort": NODE_PORTS["api"]},
    }
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        "trial": {"enabled": True, "kafka": {"image": KAFKA_IMAGE}, "postgresql": {"image": POSTGRES_IMAGE}},
        "gateway": gateway,
        "auth": {"replicas": 2, **_SMALL},
        "transactions": {"replicas": 1, **_SMALL},
        "deviceMgmt": {"replicas": 1, **_SMALL},
        "history": {"replicas": 1, **_SMALL},
        "http": {"router": router},
    }


async def prepare(namespace: Namespace, pki: Pki) -> None:
    """Make the namespace anew, with the certificates that the gateways are given. Raises CommandFailed."""
    await namespace.create()
    await give_certificates(namespace, pki)
    await namespace.apply(_secret(_CLIENT_CA, {"ca.crt": pki.root.pem.decode()}))


async def give_certificates(namespace: Namespace, pki: Pki) -> None:
    """Make the gateways' certificates, or replace them, in their Secrets. Raises CommandFailed."""
    for files, kind in zip(pki.servers, KINDS, strict=True):
        data = {"tls.crt": files.certificate.read_text(), "tls.key": files.key.read_text()}
        await namespace.apply(_secret(_tls(kind), data, kind="kubernetes.io/tls"))


async def installed(release: Release, pki: Pki, host: str) -> Stage:
    """Install the chart, and open what is not open to the outside. Raises CommandFailed."""
    began = time.monotonic()
    await release.install()
    installed_s = time.monotonic() - began
    await release.rolled_out()
    notes: dict[str, object] = {"installed_s": round(installed_s, 1), "ready_s": round(time.monotonic() - began, 1)}
    await release.namespace.apply(*_postgres_outside(release.name))
    made = f"{release.name}-trial"
    api = Api(lambda _: f"http://{host}:{NODE_PORTS['api']}", await release.secret(made, "admin-api-key"))
    inside = urlsplit(await release.secret(made, "database-url"))
    user, _, _ = inside.netloc.rpartition("@")
    store = PostgresStore(f"postgresql://{user}@{host}:{NODE_PORTS['postgres']}{inside.path}")
    return Stage(release, api, store, Outfitter(api, pki, host), notes)


def issue(pki: Pki, host: str) -> None:
    """Make new certificates for the gateways, whose names are localhost and the host where they are reached."""
    pki.servers = [pki.server(kind, list({"localhost": None, host: None})) for kind in KINDS]


def _tls(kind: str) -> str:
    return f"csms-gateway-{kind}"


def _secret(name: str, data: dict[str, str], kind: str = "Opaque") -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {"name": name}, "stringData": data}


def _postgres_outside(release: str) -> list[Json]:
    """What lets the test read the database: a port of the nodes, and a policy beside that of the chart."""
    labels = {"app.kubernetes.io/instance": release, "app.kubernetes.io/component": "postgresql"}
    ports = [{"port": 5432, "nodePort": NODE_PORTS["postgres"]}]
    metadata = {"name": "outside-postgresql"}
    service = {"type": "NodePort", "selector": labels, "ports": ports}
    policy = {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": 5432}]}],
    }
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": policy},
    ]
