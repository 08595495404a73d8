"""Limits the bytes of large messages that all stations together have in this process."""

import asyncio
from typing import Protocol

FREE_BYTES = 16 * 1024
"""So many bytes of a message are not counted: small messages pass, however many large ones wait."""


class Waiting(Protocol):
    """What can wait for room. Must be hashable by identity."""

    def go_on(self) -> None:
        """Ask for room again."""


class Budget:
    """Counts the bytes that arrive, wait or are published. A station without room is not read until there is some."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._waiting: dict[Waiting, None] = {}
        self.used = 0
        """Bytes that are taken."""

    def take(self, waiting: Waiting, count: int) -> bool:
        """Take room for `count` bytes. Returns False when there is none; `go_on` is called when there may be some."""
        first = next(iter(self._waiting), waiting)
        if first is waiting and (self.used + count <= self._total or self.used == 0):
            self._waiting.pop(waiting, None)
            self.used += count
            self._wake()
            return True
        self._waiting[waiting] = None
        return False

    def let_pass(self, waiting: Waiting) -> bool:
        """Whether a small message may be taken that may become a large one. If not, `go_on` is called when it may.

        The total may be exceeded by such messages, up to twice the total.
        """
        if self.used > 2 * self._total:
            self._waiting[waiting] = None
            return False
        self.forget(waiting)
        return True

    def add(self, count: int) -> None:
        """Count bytes that are here already: a message became larger than was expected."""
        self.used += count

    def give(self, count: int) -> None:
        """Give room back."""
        self.used -= count
        self._wake()

    def forget(self, waiting: Waiting) -> None:
        """Take somebody out of those that wait."""
        if self._waiting.pop(waiting, self) is not self:
            self._wake()

    def _wake(self) -> None:
        if self._waiting and self.used < self._total:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        first = next(iter(self._waiting), None)
        if first is not None:
            first.go_on()
