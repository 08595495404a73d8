"""Reads headers of WebSocket frames: where the frame ends, and whether it may grow (RFC 6455, 5.2). Pure."""

from functools import lru_cache
from typing import NamedTuple

_FIN, _RSV1, _OPCODE, _CONTINUATION = 0x80, 0x40, 0x0F, 0x0
_MASKED, _LENGTH, _LENGTH_16, _LENGTH_64 = 0x80, 0x7F, 126, 127
_SHORTEST = 2


class FrameHeader(NamedTuple):
    """What the first bytes of a frame say."""

    length: int
    """Bytes of the whole frame, with its header."""
    payload: int
    """Bytes of the payload as it comes over the wire."""
    is_whole: bool
    """Whether it is a whole message that is not compressed, or a control frame."""
    may_be_compressed: bool
    """Whether the payload may become longer. A later fragment may be compressed, too: only the first one says so."""


def read_header(data: bytes, at: int) -> FrameHeader | None:
    """Read the header that begins at `at`. Returns None when it is not complete."""
    if len(data) - at < _SHORTEST:
        return None
    length = data[at + 1] & _LENGTH
    size = _SHORTEST if length < _LENGTH_16 else _SHORTEST + (2 if length == _LENGTH_16 else 8)
    return None if len(data) - at < size else _header(data[at : at + size])


@lru_cache(4096)  # most frames of all stations have one of some hundred lengths
def _header(begin: bytes) -> FrameHeader:
    """Return what a header says. `begin`: without the masking key."""
    first, second = begin[0], begin[1]
    payload = int.from_bytes(begin[_SHORTEST:], "big") if len(begin) > _SHORTEST else second & _LENGTH
    size = len(begin) + (4 if second & _MASKED else 0)
    compressed = bool(first & _RSV1) or not first & _OPCODE
    return FrameHeader(size + payload, payload, bool(first & _FIN) and not compressed, compressed)
