"""Splits a batch with large records: the small records are handled and answered first."""

from collections.abc import Awaitable, Callable, Sequence

from csms_bus.batches import BatchHandler
from csms_bus.ports import Incoming, Outgoing

HEAVY_BYTES = 32 * 1024
"""Bytes. Small records do not wait for a record that has so many, or more."""


class LightFirst:
    """A batch handler that gives a batch to another handler in parts. The order of each key's records stays.

    First come the records of all keys that have only small ones. Then come the records of each other key: a station
    with large records delays itself only. What a part leads to is published before the next part is handled. When a
    part fails, the whole batch comes again: the handler is idempotent.
    """

    def __init__(self, handler: BatchHandler, publish: Callable[[Sequence[Outgoing]], Awaitable[None]]) -> None:
        self._handler = handler
        self._publish = publish

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a BatchHandler). Raises what the handler raises, and BusUnavailable."""
        *before, last = parts(batch)
        for part in before:
            outgoing = await self._handler(part)
            if outgoing:
                await self._publish(outgoing)
        return await self._handler(last)


def parts(batch: Sequence[Incoming]) -> list[list[Incoming]]:
    """Return the parts of a batch, the light one first. A batch without large records is one part."""
    heavy = dict.fromkeys(item.key for item in batch if len(item.value) >= HEAVY_BYTES)
    if not heavy:
        return [list(batch)]
    light = [item for item in batch if item.key not in heavy]
    found = [light] if light else []
    return [*found, *([item for item in batch if item.key == key] for key in heavy)]
