"""Kinds of parameters and fields that every API has."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character is not allowed")
    return text


def _to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside of the years 1 to 9999 in UTC") from error


NO_NUL = AfterValidator(_without_nul)
"""PostgreSQL cannot store a NUL, nor compare with one."""

UtcMoment = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""RFC 3339 in any zone, converted to UTC."""
