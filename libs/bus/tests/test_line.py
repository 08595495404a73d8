import asyncio

import pytest
from csms_bus.line import Line


class Work:
    """Appends its name when it may end."""

    def __init__(self, done: list[str]) -> None:
        self.done = done
        self.go_on: dict[str, asyncio.Event] = {}

    async def __call__(self, name: str) -> None:
        await self.go_on.setdefault(name, asyncio.Event()).wait()
        self.done.append(name)

    def let(self, name: str) -> None:
        self.go_on.setdefault(name, asyncio.Event()).set()


async def test_places_are_taken_when_work_is_submitted() -> None:
    line, done = Line(), []
    work = Work(done)
    first, second = line.wait_and_run(work("first")), line.wait_and_run(work("second"))
    for name in ("first", "second"):
        work.let(name)
    await asyncio.gather(second, first)
    assert done == ["first", "second"]


async def test_work_that_waits_can_be_cancelled_without_letting_others_pass() -> None:
    line, done = Line(), []
    work = Work(done)
    tasks = [asyncio.create_task(line.wait_and_run(work(name))) for name in ("first", "second", "third")]
    await asyncio.sleep(0)
    work.let("third")
    tasks[1].cancel()
    await asyncio.wait({tasks[1]})
    assert not tasks[2].done()
    work.let("first")
    async with asyncio.timeout(5):
        await asyncio.gather(tasks[0], tasks[2])
    assert done == ["first", "third"]


async def test_failure_lets_the_next_go_on() -> None:
    line = Line()

    async def fail() -> None:
        raise ValueError("no")

    done: list[str] = []
    work = Work(done)
    work.let("next")
    with pytest.raises(ValueError, match="no"):
        await line.wait_and_run(fail())
    await line.wait_and_run(work("next"))
    assert done == ["next"]
