"""Kinds of parameters and fields that every API has."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from csms_runtime import money, texts
from csms_runtime.http.problems import BELOW


def _to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside of the years 1 to 9999 in UTC") from error


NO_NUL = StringConstraints(pattern=texts.NO_NUL)
"""For the API's document: PostgreSQL cannot store a NUL, nor compare with one."""

UtcMoment = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""RFC 3339 in any zone, converted to UTC."""

_LARGEST = int(money.MOST)
Amount = Annotated[
    Decimal,
    Field(ge=-_LARGEST, le=_LARGEST, decimal_places=4, allow_inf_nan=False),
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST}),
]
"""Money, in the unit of its currency: a number with up to four places."""
Price = Annotated[
    Decimal,
    Field(ge=0, le=_LARGEST, decimal_places=4, allow_inf_nan=False),
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": _LARGEST}),
]
"""An `Amount` that is not negative."""
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$", max_length=3)]
"""A currency, as ISO 4217 names it."""


def one_of(*values: str) -> WithJsonSchema:
    """Return an annotation that documents a text of an answer as an enumeration of these values.

    What is stored is not checked against it: a newer version may have stored a word that this one does not know.
    """
    return WithJsonSchema({"type": "string", "enum": [str(value) for value in values]})


def wrong(pointer: str, detail: str) -> PydanticCustomError:
    """Return what a validator raises about a field below its own: `pointer` begins at the validated value."""
    return PydanticCustomError(BELOW, "{detail}", {BELOW: pointer, "detail": detail})
