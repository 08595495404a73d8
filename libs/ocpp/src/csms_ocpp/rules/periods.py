"""Comparing times in a payload."""

from csms_ocpp.rules.finding import JsonObject
from csms_ocpp.times import parse_datetime


def is_reversed(owner: JsonObject, begin: str, end: str) -> bool:
    """Whether an object has both times and the second comes before the first. Unreadable ones are for the schema."""
    if begin not in owner or end not in owner:
        return False
    try:
        return parse_datetime(owner[begin]) > parse_datetime(owner[end])
    except ValueError:
        return False
