"""How much a body may hold: parsing costs by the value, and what walks through it by the level."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

MAX_DEPTH = 64
"""Arrays and objects inside of each other; OCPP's own messages nest a dozen deep."""


MAX_NAMES = 1_000
"""In one object; OCPP's own have some dozens. A model tells each one that it does not know, which costs the most."""


def is_deep(value: Any) -> bool:  # noqa: ANN401 any JSON value
    """Whether a parsed value nests deeper than MAX_DEPTH."""
    return sum(1 for _ in islice(_levels(value), MAX_DEPTH + 1)) > MAX_DEPTH


def is_wide(value: Any) -> bool:  # noqa: ANN401 any JSON value
    """Whether an object in a parsed value, which must not be deep, has more than MAX_NAMES names."""
    return any(
        isinstance(item, dict) and len(item) > MAX_NAMES for level in ([value], *_levels(value)) for item in level
    )


def _levels(value: Any) -> Iterator[list[Any]]:  # noqa: ANN401 any JSON value
    """Yield what is in the value, what is in that, and so on."""
    level = [value]
    while True:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return
        yield inner
        level = inner


MAX_STRUCTURE = 200_000
"""Characters `{ [ , :` in a body: parsing and checking more values holds up all others (csms_ocpp.cost)."""


def has_too_much(body: bytes) -> bool:
    """Whether a body has more than MAX_STRUCTURE, so that it must not be parsed."""
    return len(body) > MAX_STRUCTURE and sum(map(body.count, (b",", b":", b"{", b"["))) > MAX_STRUCTURE
