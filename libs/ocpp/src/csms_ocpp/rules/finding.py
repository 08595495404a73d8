"""What a rule finds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

JsonObject = Mapping[str, Any]


class Finding(NamedTuple):
    """One violation of a rule of the standard."""

    pointer: str
    """JSON pointer (RFC 6901) to the field."""
    detail: str
    """What is wrong, with the requirement id; never the field's value."""
