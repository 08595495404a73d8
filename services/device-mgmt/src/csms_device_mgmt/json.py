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


def has_nul(value: object) -> bool:
    """Whether a JSON value holds a NUL character anywhere."""
    return b"\\u0000" in orjson.dumps(value)
