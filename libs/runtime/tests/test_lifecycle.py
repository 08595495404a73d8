import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from csms_runtime import lifecycle
from csms_runtime.lifecycle import Supervisor
from csms_runtime.starting import TaskDied

PROGRAM = """
import asyncio
from csms_runtime import lifecycle, logging
logging.configure("info", "console")
async def main(stop):
    print("started", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    {then}
lifecycle.run(main)
"""


@contextmanager
def started(then: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs PROGRAM and has got as far as to wait for `stop`."""
    command = [sys.executable, "-c", PROGRAM.format(then=then)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert read_line(process) == "started\n"
        yield process
        process.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_in_order(number: signal.Signals) -> None:
    with started("pass") as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
        assert (out, process.returncode) == ("stopping\n", 0)


def test_second_signal_ends_at_once() -> None:
    with started("await asyncio.Event().wait()") as process:
        process.send_signal(signal.SIGTERM)
        assert read_line(process) == "stopping\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 128 + signal.SIGTERM


def test_failure_is_logged_and_status_1() -> None:
    with started("raise RuntimeError('boom')") as process:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "boom" in err


async def test_serve_sets_stop() -> None:
    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()

    async with asyncio.timeout(10):
        await lifecycle.serve(main)


async def until_stop(stop: asyncio.Event) -> None:
    await stop.wait()


async def fail(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


async def test_tasks_end_with_the_context() -> None:
    stop = asyncio.Event()
    async with Supervisor(stop) as supervisor:
        supervisor.start("work", until_stop(stop))
    assert stop.is_set()


async def supervise_failing(work: str) -> None:
    stop = asyncio.Event()
    async with Supervisor(stop) as supervisor:
        supervisor.start("other", until_stop(stop))
        supervisor.start("work", fail(ValueError("boom")) if work == "fails" else asyncio.sleep(0))
        await stop.wait()


async def test_a_dead_task_stops_the_process() -> None:
    with pytest.raises(TaskDied, match="work") as caught:
        await supervise_failing("fails")
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_task_that_returns_too_early_is_dead_too() -> None:
    with pytest.raises(TaskDied, match="work"):
        await supervise_failing("returns")


async def test_tasks_that_do_not_stop_are_cancelled() -> None:
    cancelled = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with Supervisor(asyncio.Event(), timeout_s=0.01) as supervisor:
        supervisor.start("stubborn", stubborn())
        await asyncio.sleep(0)
    assert cancelled.is_set()


async def raise_inside() -> None:
    stop = asyncio.Event()
    async with Supervisor(stop) as supervisor:
        supervisor.start("work", until_stop(stop))
        raise KeyError("mine")


async def test_the_bodys_own_error_comes_out() -> None:
    with pytest.raises(KeyError, match="mine"):
        await raise_inside()
