"""How much a body may hold: parsing costs by the value, and what walks through it by the level."""

from typing import Any

MAX_DEPTH = 64
"""Arrays and objects inside of each other; OCPP's own messages nest a dozen deep."""


def is_deep(value: Any) -> bool:  # noqa: ANN401 any JSON value
    """Whether a parsed value nests deeper than MAX_DEPTH."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return False
        level = inner
    return True


MAX_STRUCTURE = 200_000
"""Characters `{ [ , :` in a body: parsing and checking more values holds up all others (csms_ocpp.cost)."""


def has_too_much(body: bytes) -> bool:
    """Whether a body has more than MAX_STRUCTURE, so that it must not be parsed."""
    return len(body) > MAX_STRUCTURE and sum(map(body.count, (b",", b":", b"{", b"["))) > MAX_STRUCTURE
