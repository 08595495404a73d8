"""Reads a large message in steps, so that messages of other stations are handled in between."""

import time
from collections.abc import Callable, Generator

from csms_ocpp.session import Effect

from csms_gateway.turns import Turns

LARGE_BYTES = 64 * 1024
"""A shorter message is read at once. That takes a few milliseconds at most."""
_STEP_S = 0.004

_Steps = Generator[None, None, list[Effect]]


class Reading:
    """The steps of one message. They take turns with everything that is heavy.

    Args:
        steps: What `Session.reading` gave.
        turns: Says when the next steps may be taken.
        read: Is called once, with the effects of the message.
        failed: Is called instead when a step, or `read`, raised.
    """

    def __init__(
        self, steps: _Steps, turns: Turns, *, read: Callable[[list[Effect]], None], failed: Callable[[], None]
    ) -> None:
        self._steps: _Steps | None = steps
        self._turns = turns
        self._read = read
        self._failed = failed

    def go_on(self) -> None:
        """Take the next steps. Never raises: the caller may serve other stations next."""
        while self._steps is not None and self._turns.take(self, heavy=True):
            began = time.perf_counter()
            try:
                self._take_steps(self._steps, began + _STEP_S)
            except Exception:  # noqa: BLE001 it concerns one connection
                self._steps = None
                self._failed()
            self._turns.spent(time.perf_counter() - began, heavy=True)

    def _take_steps(self, steps: _Steps, until: float) -> None:
        try:
            while time.perf_counter() < until:
                next(steps)
        except StopIteration as done:
            self._steps = None
            self._read(done.value)

    def end(self) -> None:
        """Stop reading: the connection has ended."""
        self._steps = None
        self._turns.forget(self)
