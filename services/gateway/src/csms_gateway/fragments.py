"""A message that comes in fragments (RFC 6455, 5.4)."""

from websockets.frames import Frame, Opcode

_MOST_FRAGMENTS = 4096
"""Of one message: with 1 KiB each they make the largest."""


class FragmentedMessage:
    """Puts fragments together. Their sizes are websockets' business, their number is ours: they may be empty."""

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
        """Add the next fragment; False: there are too many."""
        self._count += 1
        self.data += frame.data
        return self._count <= _MOST_FRAGMENTS
