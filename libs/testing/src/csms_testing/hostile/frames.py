"""WebSocket frames as no decent client writes them (RFC 6455 section 5.2, RFC 7692)."""

import struct
import zlib
from enum import IntEnum

_SHORT, _MEDIUM = 126, 65536
_KEY = b"\0\0\0\0"
"""A masking key of zeros is a valid one, and leaves the payload as it is: masking costs the attacker nothing."""
_FLUSHED = b"\0\0\xff\xff"
"""What a sync flush ends with, and what permessage-deflate leaves out (RFC 7692 section 7.2.1)."""


class Opcode(IntEnum):
    """RFC 6455 section 11.8."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    RESERVED = 3
    CLOSE = 8
    PING = 9
    PONG = 10


def frame(
    payload: bytes,
    opcode: Opcode = Opcode.TEXT,
    *,
    final: bool = True,
    deflated: bool = False,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """Return one frame. `length` is what its head claims, in bytes, if it is to lie."""
    first = (0x80 if final else 0) | (0x40 if deflated else 0) | opcode
    bit = 0x80 if masked else 0
    length = len(payload) if length is None else length
    if length < _SHORT:
        head = struct.pack("!BB", first, bit | length)
    elif length < _MEDIUM:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    return head + (_KEY if masked else b"") + payload


def compressed(data: bytes) -> bytes:
    """A piece of a deflated message; it refers to no other piece, so that pieces may be put together at will."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


def deflated_frame(*pieces: bytes) -> bytes:
    """One compressed text frame of `compressed` pieces."""
    return frame(b"".join(pieces).removesuffix(_FLUSHED), deflated=True)
