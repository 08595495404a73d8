"""Which processes a cluster has, and the settings each is given."""

import json
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from csms_db.grants import MIGRATOR, SCHEMAS, users_of
from csms_runtime.http.keys import digest_of
from sqlalchemy.engine import make_url

from csms_testing.cluster.processes import ServiceProcess

MODULES = {
    "auth": "csms_auth",
    "transactions": "csms_transactions",
    "device-mgmt": "csms_device_mgmt",
    "history": "csms_history",
    "gateway": "csms_gateway",
}


def free_port() -> int:
    """A TCP port that was free on loopback a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Layout:
    """What the cluster is made of. Counts are 1 or more."""

    kafka: str
    """Bootstrap servers."""
    database_url: str
    directory: Path
    """Log files go here."""
    ocpp_ports: list[int] = field(default_factory=lambda: [9000, 9001])
    """One gateway for each."""
    ocpp_tls_ports: list[int] = field(default_factory=list)
    """One for each gateway, with TLS; empty: none. The certificates come with `settings` or the environment."""
    transactions: int = 1
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    unknown_stations: str = "accept"
    settings: dict[str, str] = field(default_factory=dict)
    """More settings, by environment name, for every process."""
    kafka_user_prefix: str | None = None
    """Each service is the Kafka user of this prefix and its name; None: all are who CSMS_KAFKA_SASL_USERNAME names."""
    database_user_prefix: str | None = None
    """Each service is the PostgreSQL user of this prefix and its name, and migrates as another
    (`csms_db.grants.users_of`); None: all are who `database_url` names."""
    secret_key: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def ocpp_urls(self) -> list[str]:
        """Where stations connect, a URL per gateway, without the station's identity."""
        return [f"ws://127.0.0.1:{port}/ocpp" for port in self.ocpp_ports]

    @property
    def ocpp_tls_urls(self) -> list[str]:
        """Where stations connect with TLS, as `ocpp_urls`."""
        return [f"wss://127.0.0.1:{port}/ocpp" for port in self.ocpp_tls_ports]

    def processes(self) -> list[ServiceProcess]:
        """The processes in start order; the gateways last, so that no station meets a system that cannot answer."""
        made = [self._process("auth", 0)]
        made += [self._process("transactions", slot) for slot in range(self.transactions)]
        made += [self._process("device-mgmt", 0), self._process("history", 0)]
        made += [self._process("gateway", slot) for slot in range(len(self.ocpp_ports))]
        return made

    def migrations(self) -> list[ServiceProcess]:
        """The migration step of each service that has a database."""
        made = [self._process(service, 0) for service in SCHEMAS]
        for process in made:
            process.arguments = ("migrate",)
            process.environment = {**process.environment, "CSMS_DATABASE_URL": self._database_url(MIGRATOR)}
        return made

    def _database_url(self, who: str) -> str:
        if self.database_user_prefix is None:
            return self.database_url
        user = users_of(self.database_user_prefix)[who]
        return make_url(self.database_url).set(username=user).render_as_string(hide_password=False)

    def _api_key(self, service: str) -> dict[str, str]:
        """Return the setting of the admin key. Gateways have its digest only, as in the chart."""
        if service != "gateway":
            return {"CSMS_ADMIN_API_KEY": self.api_key}
        digest = {"name": "admin", "sha256": digest_of(self.api_key).hex(), "scopes": ["admin"]}
        return {"CSMS_API_KEYS": json.dumps([digest])}

    def _process(self, service: str, slot: int) -> ServiceProcess:
        management_port, http_port = free_port(), free_port()
        environment = {
            "CSMS_KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "CSMS_SLOT": str(slot),
            "CSMS_HTTP_HOST": "127.0.0.1",
            "CSMS_HTTP_PORT": str(http_port),
            "CSMS_MANAGEMENT_HOST": "127.0.0.1",
            "CSMS_MANAGEMENT_PORT": str(management_port),
            "CSMS_OCPP_HOST": "127.0.0.1",
            "CSMS_OCPP_PORT": str(self.ocpp_ports[slot] if service == "gateway" else 0),
            **self._api_key(service),
            "CSMS_SECRET_KEY": self.secret_key,
            "CSMS_UNKNOWN_STATIONS": self.unknown_stations,
            **self.settings,
        }
        if service != "gateway":
            environment["CSMS_DATABASE_URL"] = self._database_url(service)
        if self.kafka_user_prefix is not None:
            environment["CSMS_KAFKA_SASL_USERNAME"] = f"{self.kafka_user_prefix}{service}"
        if service == "gateway" and self.ocpp_tls_ports:
            environment["CSMS_OCPP_TLS_PORT"] = str(self.ocpp_tls_ports[slot])
        name = f"{service}-{slot}"
        return ServiceProcess(name, MODULES[service], environment, management_port, self.directory / f"{name}.log")
