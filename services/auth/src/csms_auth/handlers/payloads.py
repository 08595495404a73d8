"""What handlers and the adapters of OCPP versions hand to each other."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

JsonObject = Mapping[str, Any]
"""A payload, already valid by its JSON schema."""


class Reason(NamedTuple):
    """Why a station does not get what it asks for: OCPP's StatusInfo."""

    code: str
    text: str


class Unable(Exception):  # noqa: N818 says what is the case
    """A message, valid by its schema, asks for something that can't be done here."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class Status(NamedTuple):
    """What an OCSP responder says of a certificate."""

    name: str
    """"Good", "Revoked" or "Unknown"."""
    next_update: datetime
    """Until when it holds."""
    response: bytes
    """The whole OCSPResponse, DER."""


Found = Status | Reason
"""What became of a question: the status, or why it can't be had."""

StatusAnswer = Callable[[JsonObject, Sequence[Found]], JsonObject]
"""Writes the answer to a request, with what became of its questions, in their order."""
