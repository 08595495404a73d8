"""Reads a process's own partition of an inbox topic: answers, and what others ask of the process."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import ReplyTo
from csms_runtime import metrics
from csms_runtime.waiting import done_before

from csms_bus.following import follow
from csms_bus.placement import misplacement
from csms_bus.ports import Bus, Incoming, Start

_log = structlog.get_logger(__name__)


class Inbox:
    """Reads one partition from its end, by assignment, and gives each record to `on_record`, which must not block.

    `partition` is the slot of the process. Records from before its start were for the process before it, and are not
    read.
    """

    def __init__(self, bus: Bus, topic: str, partition: int, on_record: Callable[[Record], object]) -> None:
        self.reply_to = ReplyTo(topic=topic, partition=partition)
        """Put this into a question, and its answer comes here."""
        self._bus = bus
        self._on_record = on_record
        self._ready = asyncio.Event()

    async def ready(self) -> None:
        """Wait until every record that is published from now on will be read. Ask no questions before."""
        await self._ready.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set. Outlives broker outages. Call it once."""
        topic, partition = self.reply_to.topic, self.reply_to.partition
        reading = follow(self._bus, topic, self._take, partition=partition, start=Start.END, opened=self._ready.set)
        await done_before(reading, stop)

    def _take(self, batch: Sequence[Incoming]) -> None:
        for incoming in batch:
            if incoming.record is None:
                self._drop(incoming, "undecodable")
                continue
            misplaced = misplacement(incoming.topic, incoming.record)
            if misplaced:
                _log.error("record does not belong into the inbox", offset=incoming.offset, reason=misplaced)
                self._drop(incoming, "misplaced")
                continue
            try:
                self._on_record(incoming.record)
            except Exception:  # noqa: BLE001 one bad record must not cost the process its inbox
                _log.exception("record of the inbox failed", topic=incoming.topic, offset=incoming.offset)
                self._drop(incoming, "failed")

    def _drop(self, incoming: Incoming, reason: str) -> None:
        metrics.INBOX_DROPPED.labels(incoming.topic, reason).inc()
