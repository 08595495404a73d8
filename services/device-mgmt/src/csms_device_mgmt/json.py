"""Reading JSON that is going to be stored."""

from typing import Any

import orjson

NO_NUL = r"^[^\x00]*$"
"""Pattern of text that can be stored: PostgreSQL takes any character but NUL."""


def loads(data: bytes) -> Any:  # noqa: ANN401 any JSON value
    """Parse JSON, leaving out NUL characters: they cannot be stored. Raises orjson.JSONDecodeError."""
    value = orjson.loads(data)
    return _without_nul(value) if b"\\u0000" in data else value


def _without_nul(value: Any) -> Any:  # noqa: ANN401 as above
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(item) for name, item in value.items()}
    return value


def unfit(value: object) -> str | None:
    """Say why a parsed JSON value can be neither sent nor stored; None if it can."""
    try:
        text = orjson.dumps(value)
    except TypeError:  # lone surrogates, integers beyond 64 bits, absurd depth
        return "no JSON that every parser reads alike"
    return "a NUL character cannot be stored" if b"\\u0000" in text else None
