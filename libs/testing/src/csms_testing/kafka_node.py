"""One Kafka broker (and KRaft controller) as an operating-system process."""

import base64
import contextlib
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from csms_testing.kafka_jars import KafkaError, kafka_jars

_START_DEADLINE_S = 180.0
_STOP_DEADLINE_S = 15.0
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.awt.headless=true")
_FAST_START = "-XX:TieredStopAtLevel=1"
_LOGGING = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_AUTHORIZED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}
"""Brokers and controllers talk to each other on plain listeners."""
_METADATA = 3
"""Kafka's API key of the metadata request."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one node of a cluster listens, on 127.0.0.1."""

    node_id: int
    port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Secured:
    """What a broker needs to listen with TLS beside its plain listener: once with SASL, once for client certificates.

    The plain listener stays, for whoever looks whether the broker is ready.
    """

    plain_port: int
    sasl_port: int
    """SASL_SSL: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512."""
    mutual_port: int
    """SSL, for clients that show a certificate."""
    certificate: Path
    """PEM file: the key (PKCS #8), then the chain."""
    client_ca: Path
    """PEM file of the CAs of the clients' certificates."""
    users: Mapping[str, str]
    """Passwords by name."""
    acls: bool = False
    """Nobody may do what no ACL allows, but on the plain listener everything."""


def new_cluster_id() -> str:
    """Return a random cluster id in Kafka's spelling."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


class KafkaNode:
    """One node. `start`, `stop` and `kill` may be called again and again; its data stays in `directory`."""

    def __init__(
        self,
        address: Address,
        cluster: Sequence[Address],
        cluster_id: str,
        directory: Path,
        *,
        fast_start: bool,
        secured: Secured | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.address = address
        self.log_file = directory / "kafka.log"
        """What the process wrote: warnings and errors."""
        self._cluster = cluster
        self._cluster_id = cluster_id
        self._directory = directory
        self._fast_start = fast_start
        self._secured = secured
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def launch(self) -> None:
        """Start the process; does not wait until it is ready. Raises KafkaError."""
        if self.pid is not None:
            return
        _check_free(self.address.port)
        self._format()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 fixed program
                self._command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._guard = _guard(self._process.pid)

    def wait_until_ready(self) -> None:
        """Wait until the broker answers and knows all nodes of the cluster. Raises KafkaError."""
        deadline = time.monotonic() + _START_DEADLINE_S
        while _brokers(self.address.port) < len(self._cluster):
            if self.pid is None:
                raise KafkaError(f"Kafka ended:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise KafkaError(f"Kafka was not ready within {_START_DEADLINE_S:g} s:\n{self._tail()}")
            time.sleep(0.05)

    def start(self) -> None:
        """Start and wait until ready. Raises KafkaError."""
        self.launch()
        self.wait_until_ready()

    def terminate(self) -> None:
        """Ask the process to stop; does not wait."""
        self._signal(signal.SIGTERM)
        self.thaw()

    def stop(self) -> None:
        """Stop as an administrator would; a process that does not end in time is killed."""
        self.terminate()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_DEADLINE_S)
        self.kill()

    def kill(self) -> None:
        """Stop as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_STOP_DEADLINE_S)
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def freeze(self) -> None:
        """Make the node answer nobody while its sockets stay open, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """End a `freeze`."""
        self._signal(signal.SIGCONT)

    def wait(self) -> int:
        """Wait until the process ends; returns its exit status."""
        return 0 if self._process is None else self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _command(self) -> list[str]:
        options = [*_JVM, _LOGGING, *([_FAST_START] if self._fast_start else [])]
        return ["java", *options, "-cp", f"{kafka_jars()}/*", "kafka.Kafka", str(self._properties_file)]

    @property
    def _properties_file(self) -> Path:
        return self._directory / "server.properties"

    def _format(self) -> None:
        """Make the storage. What kafka-storage.sh would write, without starting a JVM for it unless there are users."""
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        configuration = _configuration(self.address, self._cluster, data) | self._settings
        if self._secured is not None:
            configuration |= _secured_configuration(configuration, self._secured)
        self._properties_file.write_text(_properties(configuration))
        meta = {"version": 1, "cluster.id": self._cluster_id, "node.id": self.address.node_id}
        if (data / "meta.properties").exists():
            return
        if self._secured is None:
            (data / "meta.properties").write_text(_properties(meta))
        else:
            self._format_with_users(self._secured)

    def _format_with_users(self, secured: Secured) -> None:
        users = [
            f"--add-scram={mechanism}=[name={name},password={password}]"
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for name, password in secured.users.items()
        ]
        tool = [_FAST_START, _LOGGING, "-cp", f"{kafka_jars()}/*", "kafka.tools.StorageTool", "format"]
        command = ["java", *tool, "-t", self._cluster_id, "-c", str(self._properties_file), *users]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
        if done.returncode:
            raise KafkaError(f"Kafka's storage could not be formatted:\n{done.stderr[-2000:]}")

    def _tail(self) -> str:
        return self.log_file.read_text(errors="replace")[-2000:]


def _properties(settings: Mapping[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _configuration(address: Address, cluster: Sequence[Address], data: Path) -> dict[str, object]:
    replicas = min(3, len(cluster))
    in_sync = min(2, replicas)
    return {
        "process.roles": "broker,controller",
        "node.id": address.node_id,
        "controller.quorum.voters": ",".join(f"{node.node_id}@127.0.0.1:{node.controller_port}" for node in cluster),
        "listeners": f"BROKER://127.0.0.1:{address.port},CONTROLLER://127.0.0.1:{address.controller_port}",
        "advertised.listeners": f"BROKER://127.0.0.1:{address.port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        # A topic that nobody created is a mistake, and must show.
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        # The first member of a group need not wait for others.
        "group.initial.rebalance.delay.ms": 0,
        # A killed broker is missed after this long; the default is 9 s.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
        "num.recovery.threads.per.data.dir": 2,
    }


def _secured_configuration(plain: Mapping[str, object], secured: Secured) -> dict[str, object]:
    sasl, mutual = f"SASL://127.0.0.1:{secured.sasl_port}", f"MUTUAL://127.0.0.1:{secured.mutual_port}"
    jaas = "listener.name.sasl.{}.sasl.jaas.config"
    plain_module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    scram_module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    users = " ".join(f'user_{name}="{password}"' for name, password in secured.users.items())
    return {
        "listeners": f"{plain['listeners']},{sasl},{mutual}",
        "advertised.listeners": f"{plain['advertised.listeners']},{sasl},{mutual}",
        "listener.security.protocol.map": f"{plain['listener.security.protocol.map']},SASL:SASL_SSL,MUTUAL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": secured.certificate,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": secured.client_ca,
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        jaas.format("plain"): f"{plain_module} required {users};",
        jaas.format("scram-sha-256"): f"{scram_module} required;",
        jaas.format("scram-sha-512"): f"{scram_module} required;",
        **(_AUTHORIZED if secured.acls else {}),
    }


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """Start what stops the broker when this process dies without doing so: its end of the pipe closes then."""
    script = ["sh", "-c", 'cat >/dev/null; kill -TERM "$1"', "sh", str(pid)]
    return subprocess.Popen(script, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603


def _check_free(port: int) -> None:
    """Make sure that it is not another broker that answers on the port. Raises KafkaError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise KafkaError(f"port {port} is in use") from error


def _brokers(port: int) -> int:
    """Return how many brokers this one knows of; 0 when it does not answer."""
    body = struct.pack(">hhih", _METADATA, 1, 1, -1) + struct.pack(">i", 0)
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        answer = connection.makefile("rb").read(12)
        if len(answer) == 12:  # noqa: PLR2004 size, correlation id, number of brokers
            return int(struct.unpack(">iii", answer)[2])
    return 0
