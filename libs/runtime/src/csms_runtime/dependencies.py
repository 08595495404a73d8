"""Asks what the process depends on for a sign of life, again and again: a database, Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from csms_runtime import metrics
from csms_runtime.health import Health

Ask = Callable[[], Awaitable[None]]
"""Returns when there was an answer. Raises whatever stands against it."""

_INTERVAL_S = 5.0
_DEADLINE_S = 3.0
"""Seconds. Without an answer for so long, it counts as away. The question is not taken back: its end is waited for."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def watched(
    name: str, ask: Ask, health: Health, *, interval_s: float = _INTERVAL_S, deadline_s: float = _DEADLINE_S
) -> AsyncIterator[None]:
    """Watch a dependency while the context lasts: a shared component of `health` and a gauge say how it is."""
    watch = _Watch(name, ask, health, deadline_s)
    task = asyncio.create_task(watch.run(interval_s), name=f"watch-{name}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        watch.end()


class _Watch:
    """Asks one question at a time."""

    def __init__(self, name: str, ask: Ask, health: Health, deadline_s: float) -> None:
        self._name = name
        self._ask = ask
        self._health = health
        self._deadline_s = deadline_s
        self._asked_at: float | None = None
        self._took_s = 0.0
        self._ok = True
        metrics.DEPENDENCY_ANSWER_SECONDS.labels(name).set_function(self._seconds)

    async def run(self, interval_s: float) -> None:
        """Ask every `interval_s` seconds, until cancelled."""
        while True:
            await self._ask_once()
            await asyncio.sleep(interval_s)

    def end(self) -> None:
        """Say no more about it."""
        self._health.forget(self._name)
        metrics.DEPENDENCY_ANSWER_SECONDS.remove(self._name)

    async def _ask_once(self) -> None:
        self._asked_at = time.monotonic()
        asking = asyncio.ensure_future(self._ask())
        try:
            await asyncio.wait({asking}, timeout=self._deadline_s)
            if not asking.done():
                self._tell(ok=False, detail=f"no answer for {self._deadline_s:g} s")
                await asyncio.wait({asking})
        finally:
            asking.cancel()
        self._took_s, self._asked_at = self._seconds(), None
        error = None if asking.cancelled() else asking.exception()
        self._tell(ok=error is None, detail="" if error is None else str(error) or type(error).__name__)

    def _seconds(self) -> float:
        """Return how long the answer took; while there is none, how long it is waited for."""
        return self._took_s if self._asked_at is None else time.monotonic() - self._asked_at

    def _tell(self, *, ok: bool, detail: str) -> None:
        self._health.set(self._name, ok, detail, shared=True)
        if ok != self._ok:
            self._ok = ok
            _log.warning("dependency is back" if ok else "dependency is away", dependency=self._name, detail=detail)
