"""Finds payloads that are valid JSON, but that nobody can process."""

import orjson

TOO_DEEP = "nested too deeply"
HOLDS_NUL = "a string holds the character NUL"

_MAX_BRACKETS = 200
_SHORTEST_DEEP = 2 * _MAX_BRACKETS
"""Bytes. A shorter text does not have so many brackets with their ends."""


def holds_nul(raw: bytes) -> bool:
    r"""Whether a string in a JSON text holds the character NUL. `\\\\u0000` is the text of an escape, not NUL."""
    return b"\\u0000" in raw and b"\\u0000" in raw.replace(b"\\\\", b"__")  # without escaped backslashes


def is_too_deep(payload: object) -> bool:
    """Whether a payload is nested deeper than JSON writers can write (254 levels)."""
    try:
        orjson.dumps(payload)
    except TypeError:
        return True
    return False


def unfit(payload: object, raw: bytes) -> str | None:
    """Return why a payload that is valid JSON can't be processed. Returns None when it can.

    It can't if it is nested too deeply, or if a text has the character NUL, which databases refuse. No OCPP message has
    either, but `customData` may hold anything.
    """
    if holds_nul(raw):
        return HOLDS_NUL
    if len(raw) >= _SHORTEST_DEEP and raw.count(b"{") + raw.count(b"[") > _MAX_BRACKETS and is_too_deep(payload):
        return TOO_DEEP
    return None
