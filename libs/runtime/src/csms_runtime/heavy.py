"""Work on large values that must not hold the event loop: it is done in a thread, one piece of work at a time.

Python runs one thread at a time and changes threads every few milliseconds, so the loop goes on at half its speed at
worst, however many stations send large messages.
"""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

HEAVY_BYTES = 32 * 1024
"""From this size on work goes to the thread: what is smaller takes a millisecond or two, a switch a tenth of one."""

_one_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="heavy")
_awaited_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="heavy-awaited")
"""For work that others wait for: it would else stand in line behind the messages of many stations."""


async def run(size: int, work: Callable[[], T], *, awaited: bool = False) -> T:
    """Return what `work` returns, done at once for a value of few bytes, else in the thread. Raises what it raises.

    `work` only computes: it touches nothing that the event loop uses meanwhile. When the caller is cancelled, work that
    has begun goes on unheard. `awaited`: the caller holds what others wait for, such as a database transaction.
    """
    if size < HEAVY_BYTES:
        return work()
    thread = _awaited_thread if awaited else _one_thread
    return await asyncio.get_running_loop().run_in_executor(thread, _without_collections, work)


def _without_collections(work: Callable[[], T]) -> T:
    """Do work while no garbage is looked for.

    The many values of a large message would have the collector walk all that the process has, for half a second in
    which no thread goes on, and form no cycles.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return work()
    finally:
        if collecting:  # the event loop's thread may do the same meanwhile: whoever found it on turns it on
            gc.enable()
