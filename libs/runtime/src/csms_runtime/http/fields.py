"""Kinds of parameters and fields that every API has."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, StringConstraints

from csms_runtime import texts


def _to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside of the years 1 to 9999 in UTC") from error


NO_NUL = StringConstraints(pattern=texts.NO_NUL)
"""For the API's document: PostgreSQL cannot store a NUL, nor compare with one."""

UtcMoment = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""RFC 3339 in any zone, converted to UTC."""
