"""Says whose frame may be handled now. Frames never fill a turn of the event loop, and costly ones come one by one."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

TURN_S = 0.01
"""Seconds for frames in one turn of the event loop. Other frames wait for the next turn."""
_COSTLY_S = 0.002
"""Seconds. After a heavy frame that took longer there is a pause for heavy frames."""
_PAUSE = 2
"""The pause is so many times as long as the frame took: all costly frames together get a third of the loop."""


class Waiting(Protocol):
    """What can wait for its turn. Must be hashable by identity."""

    def go_on(self) -> None:
        """Handle the next frame."""


class Turns:
    """Shares the event loop among the stations. Each handles one frame, then the next station has its turn.

    `heavy` frames may cost much. They wait in a line of their own, so that they delay no small ones. `clock` gives
    seconds. Belongs to one event loop.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._light: dict[Waiting, None] = {}
        self._heavy: dict[Waiting, None] = {}
        self._left = TURN_S
        self._heavy_from = 0.0
        """When the next heavy frame may be handled."""
        self._serving: Waiting | None = None
        self._serving_heavy = False
        self._soon = False
        self._later: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        """Whether small frames wait, so that another one has to wait behind them."""
        return bool(self._light)

    def is_serving(self, waiting: Waiting) -> bool:
        """Whether this station has its turn, for one frame."""
        return self._serving is waiting

    def wait(self, waiting: Waiting) -> None:
        """Put somebody into the line of small frames. `go_on` is called when its turn comes."""
        self._light[waiting] = None
        self._schedule()

    def take(self, waiting: Waiting, *, heavy: bool) -> bool:
        """Whether a frame may be handled now. If so, call `spent` afterwards. If not, `go_on` is called when it may."""
        if self._serving is waiting and self._serving_heavy is heavy:
            self._serving = None
            return True
        line = self._heavy if heavy else self._light
        if self._left > 0 and not line and not (heavy and self._clock() < self._heavy_from):
            return True
        line[waiting] = None
        self._schedule()
        return False

    def spent(self, seconds: float, *, heavy: bool) -> None:
        """Note how long a frame took."""
        self._left -= seconds
        if heavy and seconds > _COSTLY_S:
            self._heavy_from = self._clock() + _PAUSE * seconds
        if self._left < TURN_S / 2:  # not for each frame: it costs the event loop a turn
            self._next_turn_soon()

    def forget(self, waiting: Waiting) -> None:
        """Take somebody out of both lines."""
        self._light.pop(waiting, None)
        self._heavy.pop(waiting, None)

    def _schedule(self) -> None:
        if self._light:
            self._next_turn_soon()
        elif self._heavy and self._later is None:
            delay_s = max(0.0, self._heavy_from - self._clock())
            self._later = asyncio.get_running_loop().call_later(delay_s, self._turn)

    def _next_turn_soon(self) -> None:
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._soon = False
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._left = TURN_S
        while self._light and self._left > 0:
            self._serve(self._light, heavy=False)
        if self._heavy and self._clock() >= self._heavy_from:
            self._serve(self._heavy, heavy=True)
        self._schedule()

    def _serve(self, line: dict[Waiting, None], *, heavy: bool) -> None:
        waiting = next(iter(line))
        del line[waiting]
        self._serving, self._serving_heavy = waiting, heavy
        waiting.go_on()
        self._serving = None
