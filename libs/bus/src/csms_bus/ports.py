"""What a service may ask of the bus. Two implementations: `csms_bus.kafka` and `csms_bus.memory`, one behaviour suite.

Errors:

    BusError
    ├── BusUnavailable      the broker cannot be reached or did not acknowledge in time
    │   └── NotAuthorized       the broker's ACLs do not allow it: works once somebody has granted it
    ├── NotAssigned         an offset was committed for a partition that now belongs to another consumer
    └── RecordRefused       the record can never be published as it is: trying again is no use
        ├── RecordTooLarge      it exceeds what the bus carries
        └── UnknownPartition    its topic has no such partition
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from csms.v1.bus_pb2 import Record


class BusError(Exception):
    """Base of the bus's errors.

    One that `Bus.publish` raises says in `outcomes` what went wrong with which record, by its position; the others are
    durable. From elsewhere `outcomes` is empty.
    """

    def __init__(self, *arguments: object, outcomes: Mapping[int, "BusError"] | None = None) -> None:
        super().__init__(*arguments)
        self.outcomes = outcomes or {}

    def of_each(self, count: int) -> Mapping[int, "BusError"]:
        """Return `outcomes`; when nothing is known of single records, this error for each of the `count`."""
        return self.outcomes or dict.fromkeys(range(count), self)


class BusUnavailable(BusError):  # noqa: N818 says what is the case
    """The broker cannot be reached, or did not acknowledge in time. What was published may or may not be on the bus."""


class NotAuthorized(BusUnavailable):
    """Kafka's ACLs do not let this process do it. `python -m csms_bus.acls` prints what each service needs."""


class NotAssigned(BusError):  # noqa: N818 as above
    """The partition belongs to another consumer by now; it will see the record again, which handlers must bear."""


class RecordRefused(BusError):  # noqa: N818 as above
    """The record can never be published as it is. Trying again is no use."""


class RecordTooLarge(RecordRefused):
    """A record exceeds what the bus carries (`csms_bus.topics.Topic.max_record_bytes`)."""


class UnknownPartition(RecordRefused):
    """The record's topic has no partition of that number."""


MAX_BATCH_BYTES = 8 * 1024 * 1024
"""How much a poll returns when nothing else is said: what is in work at a time is bounded by bytes, too."""


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


@dataclass(slots=True)  # not frozen: one is made for every record, and that would take three times as long
class Outgoing:
    """A record to publish."""

    topic: str
    record: Record
    partition: int | None = None
    """A fixed partition (an inbox's slot); None: chosen by the key."""
    key: str | None = None
    """None: the record's station id."""
    tombstone: bool = False
    """Deletes the key from a compacted topic; `record` is not written."""
    stored: bytes | None = field(default=None, repr=False, compare=False)
    """`record` as bytes, when it comes from where it was kept: published as it was."""

    @property
    def ordering_key(self) -> str:
        """What the record's order holds for."""
        return self.record.station_id if self.key is None else self.key

    def encoded(self) -> bytes:
        """Return the record as the bytes that are published."""
        return self.record.SerializeToString() if self.stored is None else self.stored


@dataclass(slots=True)  # not frozen: one is made for every record, and that would take three times as long
class Incoming:
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    key: str
    record: Record | None
    """None: a tombstone (then `value` is empty), or a value that is no Record."""
    value: bytes = field(default=b"", repr=False)
    """The record as it was published, byte for byte."""


class Start(Enum):
    """Where a reader begins."""

    BEGINNING = "beginning"
    END = "end"


class Consumer(Protocol):
    """A member of a consumer group. Not shared between tasks, but `commit` may run beside `poll`."""

    async def poll(self, *, max_records: int, timeout_s: float, max_bytes: int = MAX_BATCH_BYTES) -> Sequence[Incoming]:
        """Wait up to `timeout_s` for at least one record and return up to `max_records`, in order per partition.

        Their values have `max_bytes` together at most, unless the first alone has more. May return an empty sequence.
        Raises BusUnavailable.
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


Settled = Callable[[int, BusError | None], None]
"""Takes a record's position, and what went wrong with it; None: it is durable. Must not raise."""


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

    async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
        """Publish, and return when all are durable (Kafka: acks=all, idempotent producer). Order per key is kept.

        `settled` is told of each record as soon as its outcome is known, while others may still be waited for. When
        publishing is broken off, it is not told of what was under way.

        Blocks while the bounded buffer is full. One record's failure is no other's: the BusError that is raised says in
        `outcomes` which failed. BusUnavailable: some of these may or may not be on the bus, and trying again is of use;
        RecordRefused: these are not on the bus, and never will be.
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
