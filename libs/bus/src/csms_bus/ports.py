"""What a service may ask of the bus. Two implementations: `csms_bus.kafka` and `csms_bus.memory`, one behaviour suite.

Errors:

    BusError
    ├── BusUnavailable      the broker cannot be reached or did not acknowledge in time
    ├── NotAssigned         an offset was committed for a partition that now belongs to another consumer
    └── RecordTooLarge      a record exceeds what the bus carries; trying again is no use
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from csms.v1.bus_pb2 import Record


class BusError(Exception):
    """Base of the bus's errors."""


class BusUnavailable(BusError):  # noqa: N818 says what is the case
    """The broker cannot be reached, or did not acknowledge in time. What was published may or may not be on the bus."""


class NotAssigned(BusError):  # noqa: N818 as above
    """The partition belongs to another consumer by now; it will see the record again, which handlers must bear."""


class RecordTooLarge(BusError):  # noqa: N818 as above
    """A record exceeds what the bus carries (1 MiB; dead letters 2 MiB). Trying again is no use."""


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


@dataclass(slots=True)  # not frozen: one is made for every record, and that would take three times as long
class Outgoing:
    """A record to publish. Never change `record` afterwards: the in-process bus hands on the same object."""

    topic: str
    record: Record
    partition: int | None = None
    """A fixed partition (an inbox's slot); None: chosen by the key."""
    key: str | None = None
    """None: the record's station id."""
    tombstone: bool = False
    """Deletes the key from a compacted topic; `record` is not written."""


@dataclass(slots=True)  # not frozen: one is made for every record, and that would take three times as long
class Incoming:
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    key: str
    record: Record | None
    """None: a tombstone (then `value` is empty), or a value that is no Record (then `value` holds it)."""
    value: bytes = field(default=b"", repr=False)
    """The undecodable value; empty when `record` is set."""


class Start(Enum):
    """Where a reader begins."""

    BEGINNING = "beginning"
    END = "end"


class Consumer(Protocol):
    """A member of a consumer group. Not shared between tasks, but `commit` may run beside `poll`."""

    async def poll(self, *, max_records: int, timeout_s: float) -> Sequence[Incoming]:
        """Wait up to `timeout_s` for at least one record and return up to `max_records`, in order per partition.

        May return an empty sequence. Raises BusUnavailable.
        """
        ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit, for each partition, the offset of the next record to read.

        Raises NotAssigned when a partition was taken away, BusUnavailable.
        """
        ...

    async def rewind(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Make the next poll start again at these offsets (redelivery in place).

        Partitions that are not assigned any more are ignored.
        """
        ...

    async def close(self) -> None:
        """Leave the group. Does not commit."""
        ...


class RebalanceListener(Protocol):
    """Told when partitions of a group move."""

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Finish and commit the work in hand: the partitions are about to be taken away.

        Bounded by the session timeout.
        """
        ...


class Bus(Protocol):
    """The bus as a service sees it. One instance per process; safe for use by many tasks."""

    @property
    def durable(self) -> bool:
        """Whether what was published outlives this process: it may be acknowledged before it is handled."""
        ...

    async def start(self) -> None:
        """Connect. Raises BusUnavailable."""
        ...

    async def stop(self) -> None:
        """Flush and disconnect. Consumers and readers must be closed before."""
        ...

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish, and return when all are durable (Kafka: acks=all, idempotent producer). Order per key is kept.

        Blocks while the bounded buffer is full. Raises BusUnavailable, RecordTooLarge; then each record may or may not
        be on the bus.
        """
        ...

    async def subscribe(self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None) -> Consumer:
        """Join a consumer group; a group without committed offsets starts at the beginning."""
        ...

    def read(self, topic: str, *, partition: int | None, start: Start) -> "Reader":
        """Read one partition, or all of them (None), without a group and without commits."""
        ...

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        ...


class Reader(Protocol):
    """Reads partitions by assignment. An async context manager; iterate inside."""

    async def __aenter__(self) -> "Reader":
        """Assign and position. On return with Start.END, every record published later will be seen.

        Raises BusUnavailable.
        """
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Close."""
        ...

    def batches(self) -> AsyncIterator[Sequence[Incoming]]:
        """Yield records as they come, in order per partition, for ever.

        Outlives broker outages; never raises BusUnavailable.
        With Start.BEGINNING the first time the reader has reached what was the end when it started, an empty batch is
        yielded once: the table is complete.
        """
        ...
