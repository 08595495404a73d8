"""JSON that is going to be stored or compared."""

import re
from typing import Any

import orjson
from csms_ocpp import long_list

_MAYBE_INTEGRAL = re.compile(rb"\d(\.0|[eE])")
_STEP = 64 * 1024
_EXACT = 2.0**53
"""Below it each integer is a float and back."""


def loads(data: bytes) -> Any:  # noqa: ANN401 any JSON value
    """Parse JSON so that it can be stored. Raises orjson.JSONDecodeError.

    Numbers such as 1.0 and 1e3 become integers: JSON schemas take them for such, columns do not.
    """
    value = long_list.loads(data)
    return _integral(value) if _may_be_integral(data) else value


def integers(value: Any) -> Any:  # noqa: ANN401 any JSON value
    """Return a parsed value as `loads` reads it: 1.0 and 1e3 are integers. Not all stations take them for such."""
    try:
        text = orjson.dumps(value)
    except TypeError:  # what cannot be written is refused where it is checked
        return value
    return _integral(value) if _may_be_integral(text) else value


def size_of(value: Any) -> int:  # noqa: ANN401 as above
    """Return how many bytes of JSON a value makes; 0: none, for it cannot be written."""
    try:
        return len(orjson.dumps(value))
    except TypeError:
        return 0


def canonical(value: Any) -> bytes:  # noqa: ANN401 any JSON value
    """Return the same bytes for the same value, in whatever order its keys are, 1.0 being 1 as `loads` reads it."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if _may_be_integral(text):
        return orjson.dumps(_integral(value), option=orjson.OPT_SORT_KEYS)
    return text


def _may_be_integral(text: bytes) -> bool:
    """In steps, so that other threads go on: a search keeps them waiting, for 50 ms with 4 MiB."""
    return any(_MAYBE_INTEGRAL.search(text, at, at + _STEP + 2) for at in range(0, len(text), _STEP))


def _integral(value: Any) -> Any:  # noqa: ANN401 as above
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, list):
        return [_integral(item) for item in value]
    if isinstance(value, dict):
        return {name: _integral(item) for name, item in value.items()}
    return value
