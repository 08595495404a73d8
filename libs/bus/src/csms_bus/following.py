"""Follows a topic without a consumer group: each process reads all of it."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from csms_bus.flow import Backoff
from csms_bus.ports import Bus, BusUnavailable, Incoming, Start

_log = structlog.get_logger(__name__)


async def follow(
    bus: Bus,
    topic: str,
    take: Callable[[Sequence[Incoming]], None],
    *,
    start: Start,
    partition: int | None = None,
    opened: Callable[[], None] = lambda: None,
) -> None:
    """Give each batch of a partition (None: of all partitions) to `take`, until cancelled. Outlives broker outages.

    `opened` is called when no record that is published later can be missed. With a start at the beginning, an empty
    batch says that all that was there has been read (see `csms_bus.ports.Reader`). Neither must block. What they raise
    is raised here.
    """
    backoff = Backoff(0.2, 5.0)
    while True:
        try:
            async with bus.read(topic, partition=partition, start=start) as reader:
                opened()
                async for batch in reader.batches():
                    take(batch)
        except BusUnavailable as error:
            _log.warning("cannot read yet", topic=topic, error=str(error))
        await asyncio.sleep(backoff.next_pause())
