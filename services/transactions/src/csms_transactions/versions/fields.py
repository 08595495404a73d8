"""Reads times and numbers in payloads, which schemas leave open. In all versions alike."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.times import parse_datetime

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


def moment(text: str, pointer: str) -> datetime:
    """Return a time. Raises OcppError(PropertyConstraintViolation)."""
    try:
        return parse_datetime(text)
    except ValueError as error:
        raise OcppError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{pointer}: not a date-time", {}) from error


def moment_or(text: str, default: datetime) -> datetime:
    """Return a time; `default` when it can't be read."""
    try:
        return parse_datetime(text)
    except ValueError:
        return default


def in_range(value: float, name: str) -> int:
    """Return a 32 bit integer. Raises OcppError(PropertyConstraintViolation).

    JSON knows no integer size; the database does. 1.0 is an integer to JSON Schema.
    """
    if not _INT32_MIN <= value <= _INT32_MAX:
        raise OcppError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"/{name}: not a 32 bit integer", {})
    return int(value)


def optional(container: Mapping[str, Any], name: str) -> int | None:
    """Return a 32 bit integer, if it is there. Raises as `in_range`."""
    value = container.get(name)
    if value is None or (type(value) is int and _INT32_MIN <= value <= _INT32_MAX):
        return value
    return in_range(value, name)
