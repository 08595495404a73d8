"""The owner of a station's short-lived background tasks."""

import asyncio
from collections.abc import Coroutine


class Tasks:
    """Owns tasks until they end; their errors are kept and raised by `close`, never lost."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.failures: list[Exception] = []

    def start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Run `work` in a task of its own."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            self.failures.append(error)

    async def close(self) -> None:
        """Cancel what still runs, wait for it, and raise what failed as an ExceptionGroup."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        failures, self.failures = self.failures, []
        if failures:
            raise ExceptionGroup("background work of a simulated station failed", failures)
