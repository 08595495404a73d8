"""Publishes records that nobody can ask for again: results of commands, ends of connections."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from csms_bus.flow import Backoff
from csms_bus.kafka_records import hash_of
from csms_bus.ports import Bus, BusError, Outgoing, RecordRefused
from csms_runtime import metrics

from csms_gateway.publisher import MAX_WAITING_BYTES, publish_within

_log = structlog.get_logger(__name__)

_MAX_BATCH = 500
_MAX_BATCH_BYTES = 8 * 1024 * 1024
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
GROUPS = 24
"""Number of groups of stations. The groups are published independently: a record that can't be published holds up its
own group only. A group is a part of one partition when a topic has 24, 12, 8 ... partitions; of 120 it is five."""


def group_of(outgoing: Outgoing) -> int:
    """Return the number of a record's group."""
    return hash_of(outgoing.ordering_key) % GROUPS


@dataclass(eq=False, slots=True)
class _Kept:
    since: float
    """Since when it waits, in seconds of the event loop's clock."""
    outgoing: Outgoing
    size: int
    tries: int = 0
    """How often it was given to the bus. Unless the bus refused it, it may have been published."""


class RetryingPublisher:
    """Publishes in order per station and tries again while the bus is away.

    A record that can't be published holds up only its own group of stations. Records are given up when they are older
    than `max_age_s`, when they are the oldest beyond `max_records` or `max_bytes`, or when the bus refuses them for
    good. They are logged and counted. The log says which of them are lost, and which may have been published.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        deadline_s: float,
        max_age_s: float,
        max_records: int,
        max_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._queues = [_Queue(bus, deadline_s, max_age_s) for _ in range(GROUPS)]

    def put(self, outgoing: Outgoing) -> None:
        """Publish soon; never blocks."""
        outgoing.stored = outgoing.encoded()
        kept = _Kept(asyncio.get_running_loop().time(), outgoing, len(outgoing.stored))
        self._queues[group_of(outgoing)].put(kept)
        while self._is_over_full():
            min(self._queues, key=lambda queue: queue.oldest).give_up_oldest("too many records wait")

    def _is_over_full(self) -> bool:
        records = sum(len(queue) for queue in self._queues)
        return records > self._max_records or (records > 1 and sum(q.bytes for q in self._queues) > self._max_bytes)

    async def run(self) -> None:
        """Publish until cancelled. Records that are left then are given up."""
        async with asyncio.TaskGroup() as tasks:
            for queue in self._queues:
                tasks.create_task(queue.run())

    async def drain(self) -> None:
        """Wait until everything is published or given up. `run` must be running."""
        for queue in self._queues:
            await queue.empty.wait()


class _Queue:
    """The records of one group of stations that wait."""

    def __init__(self, bus: Bus, deadline_s: float, max_age_s: float) -> None:
        self._bus = bus
        self._deadline_s = deadline_s
        self._max_age_s = max_age_s
        self._waiting: deque[_Kept] = deque()
        self.bytes = 0
        self._changed = asyncio.Event()
        self.empty = asyncio.Event()
        self.empty.set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def oldest(self) -> float:
        """Since when its first record waits, in seconds of the event loop's clock."""
        return self._waiting[0].since if self._waiting else float("inf")

    def put(self, kept: _Kept) -> None:
        self._waiting.append(kept)
        self.bytes += kept.size
        self._changed.set()
        self.empty.clear()

    def give_up_oldest(self, reason: str) -> None:
        _give_up(self._take(), reason)

    async def run(self) -> None:
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        try:
            while True:
                await self._changed.wait()
                if await self._publish_some():
                    backoff.reset()
                else:
                    await asyncio.sleep(backoff.next_pause())
        finally:
            while self._waiting:
                self.give_up_oldest("the gateway stopped")

    async def _publish_some(self) -> bool:
        """Publish the first records. Returns False when some of them must be tried again after a pause."""
        batch = self._next_batch()
        for kept in batch:
            kept.tries += 1
        failed = await publish_within(self._bus, [kept.outgoing for kept in batch], self._deadline_s)
        metrics.GATEWAY_PUBLISH_FAILURES.inc(len(failed))
        again = self._sort_out(batch, failed)
        self._waiting.extendleft(reversed(again))
        self.bytes += sum(kept.size for kept in again)
        if not self._waiting:
            self._changed.clear()
            self.empty.set()
        return not again

    def _next_batch(self) -> list[_Kept]:
        batch: list[_Kept] = []
        left = _MAX_BATCH_BYTES
        for kept in self._waiting:
            left -= kept.size
            if len(batch) == _MAX_BATCH or (left < 0 and batch):
                break
            batch.append(kept)
        return batch

    def _sort_out(self, batch: Sequence[_Kept], failed: Mapping[int, BusError]) -> list[_Kept]:
        """Take the batch out of the records that wait, and return those that are worth another try."""
        too_old = asyncio.get_running_loop().time() - self._max_age_s
        again: list[_Kept] = []
        for position, kept in enumerate(batch):
            if not self._waiting or self._waiting[0] is not kept:
                continue  # it was the oldest, and was given up meanwhile
            self._take()
            error = failed.get(position)
            if isinstance(error, RecordRefused):
                kept.tries -= 1
                _give_up(kept, str(error))
            elif error is not None and kept.since < too_old:
                _give_up(kept, str(error))
            elif error is not None:
                again.append(kept)
        return again

    def _take(self) -> _Kept:
        kept = self._waiting.popleft()
        self.bytes -= kept.size
        return kept


def _give_up(kept: _Kept, reason: str) -> None:
    outgoing = kept.outgoing
    metrics.GATEWAY_RECORDS_LOST.labels(outgoing.topic).inc()
    _log.error(
        "record given up, it may have been published" if kept.tries else "record lost",
        topic=outgoing.topic,
        station_id=outgoing.record.station_id,
        body=outgoing.record.WhichOneof("body"),
        reason=reason,
    )
