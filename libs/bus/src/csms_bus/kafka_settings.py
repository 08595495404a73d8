"""How the bus talks to Kafka: what all of its clients share, and the time limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES

from csms_bus.topics import CATALOGUE

_FETCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where the brokers are and how long to wait for them. All times in seconds."""

    bootstrap_servers: str
    """host:port, separated by commas."""
    client_id: str
    """Names the process in the brokers' logs and quotas."""
    security: dict[str, Any] = field(default_factory=dict, repr=False)
    """aiokafka's `security_protocol`, `ssl_context`, `sasl_*`; may hold secrets."""
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    """How large an OCPP message may be: what the records may have follows from it."""
    topics: Sequence[str] = tuple(topic.name for topic in CATALOGUE)
    """Those that are asked about at the start: what the process may not see the brokers would tell again and again."""
    publish_timeout_s: float = 5.0
    """After this long a publish that is not acknowledged raises BusUnavailable."""
    request_timeout_s: float = 20.0
    """For one request to a broker. Longer than a rebalance, which holds a request that long."""
    rebalance_timeout_s: float = 15.0
    """How long a member may take to finish its work before its partitions go to another."""
    session_timeout_s: float = 10.0
    """How long a member may be silent before its partitions go to another."""
    heartbeat_s: float = 3.0
    """How often a member tells that it lives, and how soon it learns that partitions move."""
    fetch_wait_s: float = 0.25
    """How long a broker holds a fetch when there is nothing to read: what an idle consumer costs. Bounds the delay of a
    record that arrives while the fetch under way does not ask for its partition, as after a handler that took more than
    100 ms."""

    @property
    def largest_record_bytes(self) -> int:
        """How large a record's value may be on any topic."""
        return max(topic.max_record_bytes(self.max_message_bytes) for topic in CATALOGUE)

    @property
    def fetch_bytes(self) -> int:
        """How much a broker sends at a time; more only when one record alone has more."""
        return max(_FETCH_BYTES, self.largest_record_bytes)

    @property
    def user(self) -> str:
        """Who the process is to the brokers, as far as it knows."""
        return str(self.security.get("sasl_plain_username", "the user of this connection"))

    def client(self) -> dict[str, Any]:
        """Return the arguments that all of aiokafka's clients take."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "request_timeout_ms": int(self.request_timeout_s * 1000),
            **self.security,
        }
