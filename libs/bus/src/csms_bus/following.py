"""Following a topic without a group: what each process reads for itself."""

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
    """Hand each batch of a topic (None: of all partitions) to `take`, until cancelled. Outlives broker outages.

    `opened` is told when nothing that is published later can be missed; from the beginning, an empty batch says that
    what was there has been read (see `csms_bus.ports.Reader`). Both must not block; what they raise comes out.
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
