"""How many bytes of large messages all stations together may have in this process."""

import asyncio
from typing import Protocol

FREE_BYTES = 16 * 1024
"""Of one station's messages: not counted, so that small messages pass whatever large ones wait."""


class Waiting(Protocol):
    """What can wait for room. Must be hashable by identity."""

    def go_on(self) -> None:
        """Ask for room again."""


class Budget:
    """Bytes that are being received, wait or are being published. Who gets no room is not read until there is some."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._waiting: dict[Waiting, None] = {}
        self.used = 0
        """In bytes."""

    def take(self, waiting: Waiting, count: int) -> bool:
        """Take room for so many bytes; False: there is none, `go_on` is called when there may be."""
        first = next(iter(self._waiting), waiting)
        if first is waiting and (self.used + count <= self._total or self.used == 0):
            self._waiting.pop(waiting, None)
            self.used += count
            self._wake()
            return True
        self._waiting[waiting] = None
        return False

    def let_pass(self, waiting: Waiting) -> bool:
        """Whether a small message may be taken that may become a large one; False: `go_on` is called when it may.

        It may, also beyond the total, until there is twice as much.
        """
        if self.used > 2 * self._total:
            self._waiting[waiting] = None
            return False
        self.forget(waiting)
        return True

    def add(self, count: int) -> None:
        """Count bytes that are there already, of a message that turned out larger."""
        self.used += count

    def give(self, count: int) -> None:
        """Give room back."""
        self.used -= count
        self._wake()

    def forget(self, waiting: Waiting) -> None:
        """It waits no more."""
        if self._waiting.pop(waiting, self) is not self:
            self._wake()

    def _wake(self) -> None:
        if self._waiting and self.used < self._total:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        first = next(iter(self._waiting), None)
        if first is not None:
            first.go_on()
