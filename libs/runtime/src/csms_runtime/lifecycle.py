"""A process's life: event loop, signals, supervision of background tasks, ordered stop.

A composition root is one coroutine function `main(stop)`: it enters its parts into an `AsyncExitStack` in the order of
their start (so that they stop in reverse), starts background work under `Supervisor`, and returns after `stop` was
set. `run(main)` is the whole `__main__`.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Self

import structlog
import uvloop

from csms_runtime import memory, starting
from csms_runtime.starting import TaskDied

Main = Callable[[asyncio.Event], Awaitable[None]]

_log = structlog.get_logger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_GC_THRESHOLDS = (10_000, 10, 10)
"""Reference counting frees nearly everything here; with Python's defaults the collector looked through the objects of
all connections again and again, a quarter of the CPU time at 1,000 stations and pauses of 100 ms at 10,000."""


def run(main: Main) -> None:
    """Run `main(stop)` in a new uvloop until it returns; SIGTERM and SIGINT set `stop`, a second one ends the process.

    Exits with status 1 (SystemExit) when main raises, the error logged: in one line if it says what stands against
    running (`csms_runtime.starting`). Status 130 or 143 on a second signal.
    """
    _collect_garbage_rarely()
    memory.give_back_freed()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(main))
        except starting.StoppedEarly as early:
            _log.info("stopped before it had begun", reason=str(early))
        except Exception as error:  # noqa: BLE001 the last place that can log it
            why = starting.reason(error)
            if why is None:
                _log.exception("process failed")
            else:
                _log.error("cannot run", reason=why)
            sys.exit(1)


def _collect_garbage_rarely() -> None:
    gc.collect()
    gc.freeze()  # modules and classes live as long as the process
    gc.set_threshold(*_GC_THRESHOLDS)


async def serve(main: Main) -> None:
    """Like `run`, in the running event loop, and raising what main raises."""
    stop = asyncio.Event()
    async with _signals_set(stop):
        await main(stop)


@asynccontextmanager
async def _signals_set(stop: asyncio.Event) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    seen: list[signal.Signals] = []
    for number in _SIGNALS:
        loop.add_signal_handler(number, _on_signal, number, seen, stop)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _on_signal(number: signal.Signals, seen: list[signal.Signals], stop: asyncio.Event) -> None:
    if seen:
        _log.error("second signal: ending at once", signal=number.name)
        os._exit(128 + number)
    seen.append(number)
    _log.info("stopping", signal=number.name)
    stop.set()


@contextmanager
def on_hangup(act: Callable[[], None]) -> Iterator[None]:
    """Have SIGHUP, on which a process reads its files again, call `act`. Does nothing outside the main thread."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGHUP, act)
    except (RuntimeError, ValueError):  # signals belong to the main thread
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


class Supervisor:
    """Owns the background tasks of a process. When one dies, `stop` is set, and leaving the context raises its error.

    On leaving the context: sets the `stop` event, waits up to `timeout_s` for the tasks to return, cancels the rest.
    """

    def __init__(self, stop: asyncio.Event, *, timeout_s: float = 25.0) -> None:
        self._stop = stop
        self._timeout_s = timeout_s
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._deaths: list[TaskDied] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        try:
            await self._finish()
        finally:
            await self._cancel()
        if self._deaths and error is None:
            raise self._deaths[0]

    def start(self, name: str, work: Coroutine[object, object, None]) -> None:
        """Start a task that is to run until `stop` is set. `name` is for the log."""
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = name
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        name = self._tasks.pop(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None and self._stop.is_set():
            return
        death = TaskDied(f"background task {name} ended")
        death.__cause__ = error
        self._deaths.append(death)
        if error is None or starting.reason(error) is None:  # else who ends the process tells it
            _log.error("background task died", task=name, exc_info=error)
        self._stop.set()

    async def _finish(self) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self._timeout_s)

    async def _cancel(self) -> None:
        late = dict(self._tasks)
        for task, name in late.items():
            _log.warning("background task did not stop in time", task=name, timeout_s=self._timeout_s)
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
