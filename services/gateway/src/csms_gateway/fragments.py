"""A message that comes in fragments (RFC 6455, 5.4)."""

from websockets.frames import Frame, Opcode

_MOST_FRAGMENTS = 4096
"""Fragments of one message at most. With 1 KiB each they make the largest message that is allowed."""


class FragmentedMessage:
    """Puts fragments together. websockets limits their sizes; this limits their number, since they may be empty."""

    __slots__ = ("_count", "data", "opcode")

    def __init__(self, opcode: Opcode) -> None:
        self.opcode = opcode
        self.data = bytearray()
        self._count = 0

    @property
    def size(self) -> int:
        """Bytes so far."""
        return len(self.data)

    def add(self, frame: Frame) -> bool:
        """Add the next fragment. Returns False when there are too many."""
        self._count += 1
        self.data += frame.data
        return self._count <= _MOST_FRAGMENTS
