"""One CALL or answer, made once and sent many times: only its id is new each time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from csms_testing.hostile.frames import compressed, deflated_frame, frame

LARGEST = 4 * 1024 * 1024
"""CSMS_MAX_MESSAGE_BYTES by default."""
_ROOM = 200
"""For type, id and brackets."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose id is put in when it is sent; `head` stands before the id, `tail` after it."""

    head: bytes
    tail: bytes
    _compressed: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, head: bytes, tail: bytes) -> Self:
        """Make one, and compress what will not change."""
        return cls(head, tail, compressed(tail))

    @classmethod
    def call(cls, action: str, payload: bytes | Mapping[str, Any]) -> Self:
        """A CALL; the payload may be anything."""
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        return cls.of(b'[2,"', b'","' + action.encode() + b'",' + body + b"]")

    @classmethod
    def result(cls, payload: bytes) -> Self:
        """A CALLRESULT."""
        return cls.of(b'[3,"', b'",' + payload + b"]")

    @classmethod
    def error(cls, rest: bytes) -> Self:
        """A CALLERROR: code, description and details as they are to stand there."""
        return cls.of(b'[4,"', b'",' + rest + b"]")

    def plain(self, message_id: str) -> bytes:
        """The frame as it is."""
        return frame(self.head + message_id.encode() + self.tail)

    def deflated(self, message_id: str) -> bytes:
        """The frame, compressed: a bomb's is a few kilobytes."""
        return deflated_frame(compressed(self.head + message_id.encode()), self._compressed)


def filled(before: bytes, unit: bytes, after: bytes, *, size: int = LARGEST, between: bytes = b",") -> bytes:
    """`before`, as many `unit`s as fit into a message of `size` bytes, `after`."""
    count = (size - len(before) - len(after) - _ROOM) // (len(unit) + len(between))
    return before + between.join([unit] * count) + after
