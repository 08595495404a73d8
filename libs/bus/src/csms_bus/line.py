"""One after the other, in the order of asking."""

import asyncio
from collections.abc import Coroutine


class Line:
    """A queue of work that takes its place when it is submitted, not when it first runs. One event loop only."""

    def __init__(self) -> None:
        self._last: asyncio.Future[None] | None = None

    def wait_and_run(self, work: Coroutine[object, object, None]) -> Coroutine[object, object, None]:
        """Take the next place now; the result, which must be awaited, waits for its turn and runs `work`."""
        before, mine = self._last, asyncio.get_running_loop().create_future()
        self._last = mine
        return _run(None if before is None or before.done() else before, work, mine)


async def _run(
    before: asyncio.Future[None] | None, work: Coroutine[object, object, None], mine: asyncio.Future[None]
) -> None:
    try:
        if before is not None:
            await asyncio.wait([before])  # unlike `await before`, does not cancel it along with us
        await work
    finally:
        work.close()
        if before is None or before.done():
            mine.set_result(None)
        else:
            before.add_done_callback(lambda _: mine.set_result(None))  # given up early: those behind wait as before
