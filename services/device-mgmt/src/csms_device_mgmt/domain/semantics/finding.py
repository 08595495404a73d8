"""What a rule finds."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from csms_device_mgmt.domain.device_model import JsonObject


class Finding(NamedTuple):
    """One violation of a rule of the standard."""

    pointer: str
    """JSON pointer (RFC 6901) to the field."""
    detail: str
    """What is wrong, with the requirement id; never the field's value."""


Rule = Callable[[JsonObject], Iterable[Finding]]
