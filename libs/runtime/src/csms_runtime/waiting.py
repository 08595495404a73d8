"""Waiting: for one of several things, for what is away, and longer each time that something fails."""

import asyncio
import random
from collections.abc import Awaitable


class Later(Exception):  # noqa: N818 named for what it asks for
    """Something the handler needs is away for the moment (the database, for one). Nothing of the batch was stored."""


class LaterOrNever(Later):
    """Later, unless it goes on for this record while those of others succeed: then the record is at fault."""


async def wait_for(*events: asyncio.Event, timeout_s: float | None = None) -> bool:
    """Wait until one of the events is set, `timeout_s` seconds at most (None: for ever); False: none is.

    Returns without yielding to the event loop when one is set already.
    """
    if not any(event.is_set() for event in events):
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
    return any(event.is_set() for event in events)


async def done_before(work: Awaitable[object], *events: asyncio.Event) -> bool:
    """Wait for `work`, but no longer than until one of the events is set: then it is cancelled, and False returned.

    Raises what `work` raises.
    """
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(wait_for(*events))
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
        return doing.done()
    finally:
        doing.cancel()
        waiting.cancel()
        await asyncio.wait({doing, waiting})


class Backoff:
    """Pauses that double from `first_s` to `longest_s` seconds, each shortened at random by up to half."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def next_pause(self) -> float:
        """Return how many seconds to pause now."""
        pause: float = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 jitter needs no secrecy

    def reset(self) -> None:
        """Start again with the shortest pause: it worked."""
        self._failures = 0
