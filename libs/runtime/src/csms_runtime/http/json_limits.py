"""How deep a body may nest: what walks through it costs by the level, and may run out of them."""

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
