"""Notes which records are done, and commits their offsets in the background now and then.

A late commit does no harm, since handlers bear redelivery. To wait for it would delay every answer to a station.
"""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from csms_runtime import metrics

from csms_bus.ports import BusUnavailable, Consumer, Incoming, NotAssigned, TopicPartition

_log = structlog.get_logger(__name__)


def first_offsets(records: Iterable[Incoming]) -> dict[TopicPartition, int]:
    """Return the offset of the first of these records, which are in order, in each partition."""
    first: dict[TopicPartition, int] = {}
    for incoming in records:
        first.setdefault(TopicPartition(incoming.topic, incoming.partition), incoming.offset)
    return first


class Offsets:
    """What one consumer has done. It commits one at a time, and at most once every `interval_s` seconds."""

    def __init__(self, group: str, interval_s: float) -> None:
        self._group = group
        self._interval_s = interval_s
        self._next: dict[TopicPartition, int] = {}
        """By partition: the offset after the last record that is done."""
        self._pending: dict[TopicPartition, int] = {}
        self._commit: asyncio.Task[None] | None = None
        self._due = 0.0

    @property
    def pending(self) -> bool:
        """Whether something is done but not committed."""
        return bool(self._pending)

    def done(self, records: Iterable[Incoming]) -> None:
        """Note that these records, in order, need not come again."""
        last = {(incoming.topic, incoming.partition): incoming.offset for incoming in records}
        for place, offset in last.items():
            name = TopicPartition(*place)
            self._next[name] = self._pending[name] = offset + 1

    def undone(self, batch: Sequence[Incoming]) -> dict[TopicPartition, int]:
        """Return the offset of each partition of the batch from which its records must come again."""
        return first_offsets(
            incoming
            for incoming in batch
            if incoming.offset >= self._next.get(TopicPartition(incoming.topic, incoming.partition), 0)
        )

    def commit_soon(self, consumer: Consumer) -> None:
        """Commit in the background when it is time. This object owns the task, and `flush` ends it."""
        now = asyncio.get_running_loop().time()
        if self._pending and now >= self._due and (self._commit is None or self._commit.done()):
            self._due = now + self._interval_s
            self._commit = asyncio.create_task(self._run(consumer))

    async def flush(self, consumer: Consumer) -> None:
        """Commit everything that is done, with one try. A failure is logged and counted: the records come again."""
        if self._commit is not None:
            await self._commit
        await self._run(consumer)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop what is known of partitions that were taken away."""
        for name in partitions:
            self._next.pop(name, None)
            self._pending.pop(name, None)

    async def _run(self, consumer: Consumer) -> None:
        offsets, self._pending = self._pending, {}
        if not offsets:
            return
        try:
            await consumer.commit(offsets)
        except NotAssigned as error:
            metrics.CONSUMER_COMMIT_FAILURES.labels(self._group, "not_assigned").inc()
            _log.info("offsets not committed: partitions moved", group=self._group, error=str(error))
        except BusUnavailable as error:
            metrics.CONSUMER_COMMIT_FAILURES.labels(self._group, "bus").inc()
            _log.warning("offsets not committed yet", group=self._group, error=str(error))
            self._pending = offsets | self._pending
