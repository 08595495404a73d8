"""What a service may ask of the bus. `csms_bus.kafka` and `csms_bus.memory` implement it, and pass the same tests.

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

    An error that `Bus.publish` raises has in `outcomes` the errors of records, by position. The other records are
    durable. In all other errors `outcomes` is empty.
    """

    def __init__(self, *arguments: object, outcomes: Mapping[int, "BusError"] | None = None) -> None:
        super().__init__(*arguments)
        self.outcomes = outcomes or {}

    def of_each(self, count: int) -> Mapping[int, "BusError"]:
        """Return `outcomes`, or this error for each of the `count` records when nothing is known of single ones."""
        return self.outcomes or dict.fromkeys(range(count), self)


class BusUnavailable(BusError):  # noqa: N818 says what is the case
    """The broker can't be reached, or did not acknowledge in time. The records may or may not be on the bus."""


class NotAuthorized(BusUnavailable):
    """Kafka's ACLs do not let this process do it. `python -m csms_bus.acls` prints what each service needs."""


class NotAssigned(BusError):  # noqa: N818 as above
    """The partition belongs to another consumer now. That one gets the record again, which handlers must bear."""


class RecordRefused(BusError):  # noqa: N818 as above
    """The record can never be published as it is. Another try does not help."""


class RecordTooLarge(RecordRefused):
    """The record is larger than its topic carries (`csms_bus.topics.Topic.max_record_bytes`)."""


class UnknownPartition(RecordRefused):
    """The record's topic has no partition of that number."""


MAX_BATCH_BYTES = 8 * 1024 * 1024
"""Bytes that a poll returns at most by default: the work at a time is bounded by bytes too."""


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
    """A fixed partition (an inbox's slot). None: the key chooses it."""
    key: str | None = None
    """The key. None: the record's station id."""
    tombstone: bool = False
    """Whether to delete the key from a compacted topic. Then `record` is not written."""
    stored: bytes | None = field(default=None, repr=False, compare=False)
    """The bytes of `record`, if it was kept as bytes. They are published as they are."""

    @property
    def ordering_key(self) -> str:
        """The key: records of one key stay in order."""
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
    """None for a tombstone (then `value` is empty), and for a value that is no Record."""
    value: bytes = field(default=b"", repr=False)
    """The record as it was published, byte for byte."""


class Start(Enum):
    """Where a reader begins."""

    BEGINNING = "beginning"
    END = "end"


class Consumer(Protocol):
    """A member of a consumer group. One task uses it, but `commit` may run at the same time as `poll`."""

    async def poll(self, *, max_records: int, timeout_s: float, max_bytes: int = MAX_BATCH_BYTES) -> Sequence[Incoming]:
        """Wait up to `timeout_s` for at least one record and return up to `max_records`, in order per partition.

        Together their values have at most `max_bytes`, unless the first alone has more. May return an empty sequence.
        Raises BusUnavailable.
        """
        ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit, for each partition, the offset of the next record to read.

        Raises NotAssigned when a partition was taken away, BusUnavailable.
        """
        ...

    async def rewind(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Make the next poll start again at these offsets, without a rebalance.

        Partitions that are not assigned any more are ignored.
        """
        ...

    async def behind(self) -> int:
        """Return how many records of the assigned partitions were not polled yet, or are to come again.

        It may run at the same time as all others. On Kafka it counts offsets, and asks the brokers. Raises BusError.
        """
        ...

    async def close(self) -> None:
        """Leave the group. Does not commit."""
        ...


class RebalanceListener(Protocol):
    """Learns when partitions of a group move."""

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Finish and commit the work in hand: the partitions are about to be taken away.

        The session timeout is the limit for it.
        """
        ...


Settled = Callable[[int, BusError | None], None]
"""Takes a record's position and its error. None: the record is durable. Must not raise."""


class Bus(Protocol):
    """The bus as a service sees it. One instance per process. Many tasks may use it."""

    @property
    def durable(self) -> bool:
        """Whether records outlive this process. If so, they may be acknowledged before they are handled."""
        ...

    async def start(self) -> None:
        """Connect. Raises BusUnavailable."""
        ...

    async def stop(self) -> None:
        """Flush and disconnect. Consumers and readers must be closed before."""
        ...

    async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
        """Publish, and return when all are durable (Kafka: acks=all, idempotent producer). Order per key is kept.

        `settled` is called for each record as soon as its outcome is known, while others may still be under way. When
        publishing is cancelled, it is not called for records that were under way.

        Blocks while the bounded buffer is full. A record that fails does not make others fail: the BusError that is
        raised says in `outcomes` which ones failed. BusUnavailable: some of these may or may not be on the bus, and
        another try may help. RecordRefused: these are not on the bus, and never will be.
        """
        ...

    async def subscribe(self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None) -> Consumer:
        """Join a consumer group. A group without committed offsets starts at the beginning."""
        ...

    def read(self, topic: str, *, partition: int | None, start: Start) -> "Reader":
        """Read one partition, or all of them (None), without a group and without commits."""
        ...

    def partitions(self, topic: str) -> int:
        """Return the number of the topic's partitions."""
        ...


class Reader(Protocol):
    """Reads partitions by assignment. It is an async context manager: iterate inside of it."""

    async def __aenter__(self) -> "Reader":
        """Assign and position. With Start.END every record that is published after the return will be seen.

        Raises BusUnavailable.
        """
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Close."""
        ...

    def batches(self) -> AsyncIterator[Sequence[Incoming]]:
        """Yield records as they come, in order per partition, for ever.

        Outlives broker outages, and never raises BusUnavailable.
        With Start.BEGINNING it yields one empty batch when it has read all that was there at the start: then the table
        is complete.
        """
        ...
