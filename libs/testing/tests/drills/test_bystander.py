"""A stall counts as long as it was for everything that fell due in it."""

import asyncio
import time

from csms_testing.drills.bystander import Times, paced

STALL_S = 0.3


async def run_for(seconds, what, every_s=0.01):
    stop, times = asyncio.Event(), Times()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    await paced(stop, every_s, what, lambda: times)
    return times


async def test_one_long_answer_delays_all_that_was_due_meanwhile():
    began = time.monotonic()
    stalled = False

    async def what():
        nonlocal stalled
        if not stalled and time.monotonic() - began > 0.2:
            stalled = True
            await asyncio.sleep(STALL_S)
        return True

    times = await run_for(0.8, what)
    assert times.quantile(1.0) >= STALL_S * 1000
    assert times.quantile(0.8) > 50
    assert times.quantile(0.2) < 50
    assert times.failed == 0


async def test_what_was_never_sent_counts_too():
    async def what():
        await asyncio.sleep(STALL_S)
        return True

    times = await run_for(0.05, what)
    assert len(times.seconds) >= 20
    assert times.quantile(0.5) > 100


async def test_refusals_and_timeouts_are_counted():
    async def what():
        if len(seen := calls) % 2:
            seen.append(1)
            raise TimeoutError
        seen.append(0)
        return False

    calls = []
    times = await run_for(0.1, what)
    assert times.failed == len(calls)
    assert "TimeoutError" in times.last_failure
