"""What handlers and the adapters of OCPP versions hand to each other."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

JsonObject = Mapping[str, Any]
"""A payload, already valid by its JSON schema."""


class Reason(NamedTuple):
    """Why a station does not get what it asks for: OCPP's StatusInfo."""

    code: str
    text: str


class StatusAnswers(NamedTuple):
    """How a version writes the answers to a question about a certificate's status."""

    known: Callable[[str], JsonObject]
    """With an OCSPResponse, DER in base64."""
    unknown: Callable[[Reason], JsonObject]
