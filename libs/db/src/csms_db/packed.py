"""Columns of large texts that are stored as they are: compressed where that pays.

A station's message may be thousands of times larger than what it takes on the wire; on the disk it then is, too.
"""

import zlib
from typing import Any

import orjson
import sqlalchemy as sa

_PLAIN_BYTES = 1024
"""What is no longer than this is left alone: it would gain little."""
_MARK = 0
"""The first byte of a compressed text. No JSON text begins with it, nor one that was stored before there were any."""
_SIZE_BYTES = 4
_HEADER = 1 + _SIZE_BYTES


def pack(text: bytes) -> bytes:
    """Return what to store; takes about 10 ms for a megabyte. `text` must not begin with a zero byte."""
    if len(text) <= _PLAIN_BYTES:
        return text
    packed = bytes([_MARK]) + len(text).to_bytes(_SIZE_BYTES) + zlib.compress(text, 1)
    return packed if len(packed) < len(text) else text


def unpack(stored: bytes) -> bytes:
    """Return the text of what was stored, packed or not. Raises zlib.error for what `pack` did not make."""
    return zlib.decompress(stored[_HEADER:]) if is_packed(stored) else stored


def size_of(stored: bytes) -> int:
    """Return the length of the text in bytes, without unpacking it."""
    return int.from_bytes(stored[1:_HEADER]) if is_packed(stored) else len(stored)


def is_packed(stored: bytes) -> bool:
    """Whether it is compressed."""
    return stored[:1] == bytes([_MARK])


class PackedJson(sa.types.TypeDecorator[Any]):
    """A JSON value as packed text, in its order and spelling. Takes a value, or what `pack` made of its text."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> bytes | None:  # noqa: ANN401, ARG002 as SQLAlchemy has it
        """Convert to what the driver takes."""
        return value if value is None or isinstance(value, bytes) else pack(orjson.dumps(value))

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> Any:  # noqa: ANN401, ARG002 as above
        """Convert what the driver gave."""
        return None if value is None else orjson.loads(unpack(value))
