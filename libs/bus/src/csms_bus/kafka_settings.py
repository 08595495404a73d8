"""Settings that all Kafka clients of the bus share, and their time limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES

from csms_bus.topics import CATALOGUE

_GROUP_METADATA_AGE_S = 5.0
_FETCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where the brokers are, and how long to wait for them. All times are in seconds."""

    bootstrap_servers: str
    """host:port, separated by commas."""
    client_id: str
    """Names the process in the brokers' logs and quotas."""
    security: dict[str, Any] = field(default_factory=dict, repr=False)
    """aiokafka's `security_protocol`, `ssl_context`, `sasl_*`. May hold secrets."""
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    """Size of the largest OCPP message. The sizes of records follow from it."""
    topics: Sequence[str] = tuple(topic.name for topic in CATALOGUE)
    """Topics that are looked at. Others are left out: brokers would refuse those that the process may not see."""
    publish_timeout_s: float = 5.0
    """A publish that is not acknowledged after this time raises BusUnavailable."""
    request_timeout_s: float = 20.0
    """Time for one request to a broker. It is longer than a rebalance, for which a request may wait."""
    rebalance_timeout_s: float = 15.0
    """How long a member may take to finish its work before its partitions go to another."""
    session_timeout_s: float = 10.0
    """How long a member may be silent before its partitions go to another."""
    heartbeat_s: float = 3.0
    """How often a member says that it lives. It learns as soon that partitions move."""
    fetch_wait_s: float = 0.25
    """How long a broker holds a fetch when there is nothing to read. A longer time makes idle consumers cheaper. But a
    record may wait so long when the fetch under way does not ask for its partition, as after a handler that took more
    than 100 ms."""

    metadata_age_s: float = 30.0
    """How often a client asks which partitions there are. Producers ask about all topics of their service: with 120
    partitions of each an answer costs some milliseconds of CPU time."""

    @property
    def largest_record_bytes(self) -> int:
        """Bytes that a record's value may have on any topic."""
        return max(topic.max_record_bytes(self.max_message_bytes) for topic in CATALOGUE)

    @property
    def fetch_bytes(self) -> int:
        """Bytes that a broker sends at a time. It sends more only when one record alone has more."""
        return max(_FETCH_BYTES, self.largest_record_bytes)

    @property
    def group_metadata_age_s(self) -> float:
        """How often the members of groups ask. So long a new partition may stay unread.

        Who reads should know it before most of those who write, else stations wait for answers.
        """
        return min(_GROUP_METADATA_AGE_S, self.metadata_age_s)

    @property
    def user(self) -> str:
        """The user name of the process at the brokers, as far as it knows it."""
        return str(self.security.get("sasl_plain_username", "the user of this connection"))

    def client(self) -> dict[str, Any]:
        """Return the arguments that all of aiokafka's clients take."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "request_timeout_ms": int(self.request_timeout_s * 1000),
            "metadata_max_age_ms": int(self.metadata_age_s * 1000),
            **self.security,
        }
