"""Reading JSON that is going to be stored."""

import re
from typing import Any

import orjson

NO_NUL = r"^[^\x00]*$"
"""Pattern of text that can be stored: PostgreSQL takes any character but NUL."""


_MAYBE_INTEGRAL = re.compile(rb"\d(\.0|[eE])")
_EXACT = 2.0**53
"""Below it each integer is a float and back."""


def loads(data: bytes) -> Any:  # noqa: ANN401 any JSON value
    """Parse JSON so that it can be stored. Raises orjson.JSONDecodeError.

    NUL characters are left out. Numbers such as 1.0 and 1e3 become integers: JSON schemas take them for such.
    """
    value = orjson.loads(data)
    return _storable(value) if b"\\u0000" in data or _MAYBE_INTEGRAL.search(data) else value


def _storable(value: Any) -> Any:  # noqa: ANN401 as above
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value


def unfit(value: object) -> str | None:
    """Say why a parsed JSON value can be neither sent nor stored; None if it can."""
    try:
        text = orjson.dumps(value)
    except TypeError:  # lone surrogates, integers beyond 64 bits, absurd depth
        return "no JSON that every parser reads alike"
    return "a NUL character cannot be stored" if b"\\u0000" in text else None
