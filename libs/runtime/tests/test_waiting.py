import asyncio

import pytest
from csms_runtime.waiting import Backoff, done_before, wait_for


async def test_wait_for_returns_when_one_of_the_events_is_set() -> None:
    first, second = asyncio.Event(), asyncio.Event()
    waiting = asyncio.create_task(wait_for(first, second))
    await asyncio.sleep(0)
    assert not waiting.done()
    second.set()
    assert await waiting is True
    assert await wait_for(first, second) is True
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_wait_for_gives_up_after_its_time() -> None:
    assert await wait_for(asyncio.Event(), timeout_s=0.01) is False


async def test_work_that_is_done_before_an_event() -> None:
    assert await done_before(asyncio.sleep(0), asyncio.Event())


async def test_work_is_cancelled_when_an_event_comes_first() -> None:
    stop, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(done_before(work(), stop))
    await asyncio.sleep(0.01)
    stop.set()
    assert await waiting is False
    assert cancelled.is_set()


async def test_errors_of_the_work_come_out() -> None:
    async def work() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await done_before(work(), asyncio.Event())


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(1.0, 5.0)
    pauses = [backoff.next_pause() for _ in range(5)]
    for pause, longest in zip(pauses, (1, 2, 4, 5, 5), strict=True):
        assert longest / 2 <= pause <= longest
    backoff.reset()
    assert backoff.next_pause() <= 1
