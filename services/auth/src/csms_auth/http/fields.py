"""Kinds of fields the API's bodies have."""

from datetime import UTC, datetime
from typing import Annotated

from csms_runtime.http.fields import NO_NUL, UtcMoment
from pydantic import Field, PlainSerializer, StringConstraints

TokenType = Annotated[str, StringConstraints(min_length=1, max_length=20), NO_NUL]
"""OCPP 2.1's limit."""
GroupId = Annotated[str, StringConstraints(min_length=1, max_length=36), NO_NUL]
"""At most 36 characters, so that OCPP 2.0.1 can carry it."""
Language = Annotated[str, StringConstraints(max_length=8, pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$")]
"""An RFC 5646 tag that OCPP's 8 characters can hold (C01.FR.17)."""
Message = Annotated[str, StringConstraints(min_length=1, max_length=512), NO_NUL]
EvseId = Annotated[int, Field(ge=1, le=2_147_483_647)]
TransactionLimit = Annotated[int, Field(ge=1, le=2_147_483_647)]
Priority = Annotated[int, Field(ge=-9, le=9)]
"""OCPP's chargingPriority."""

SiteRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,47}$", max_length=48)]
"""A site's id, as device management has it. Whether there is such a site is not checked here."""
Labels = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")],
        Annotated[str, StringConstraints(max_length=100), NO_NUL],
    ],
    Field(max_length=32),
]
"""Labels of stations."""


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Moment = Annotated[UtcMoment, PlainSerializer(_in_utc, return_type=str, when_used="json")]
"""RFC 3339: in any zone when read, in UTC when written."""
