"""A batch in which some records are large: the others are handled and answered first."""

from collections.abc import Awaitable, Callable, Sequence

from csms_bus.batches import BatchHandler
from csms_bus.ports import Incoming, Outgoing

HEAVY_BYTES = 32 * 1024
"""A record of so many bytes or more is one that others need not wait for."""


class LightFirst:
    """A batch handler that has another one handle a batch in parts, each with the order of its keys as it was.

    First come the records of all keys that have only small ones, then each other key's records, so that what one
    station sends is paid for by itself. What a part leads to is published before the next one is handled. When a part
    fails, the whole batch comes again: the handler is idempotent anyway.
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
    """Return the parts of a batch that is not empty, the light one first; a batch without large records is one part."""
    heavy = dict.fromkeys(item.key for item in batch if _size(item) >= HEAVY_BYTES)
    light = [item for item in batch if item.key not in heavy]
    found = [light] if light else []
    return [*found, *([item for item in batch if item.key == key] for key in heavy)]


def _size(item: Incoming) -> int:
    return len(item.value)
