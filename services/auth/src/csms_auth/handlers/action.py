"""What answers an action is: two pure functions. The consumer does the I/O between and after them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csms_auth.domain.certificates import CertificateRequest
from csms_auth.domain.stations import Station
from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.turn import Rules
from csms_auth.ocsp.question import Question as StatusQuestion

JsonObject = Mapping[str, Any]
"""A payload, already valid by its JSON schema."""


@dataclass(frozen=True, slots=True)
class StationMessage:
    """A station's CALL."""

    station_id: str
    request: JsonObject = field(repr=False)
    received_at: datetime
    rules: Rules
    station: Station | None = None
    """What is known of it, for an action that wants it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a CALL leads to."""

    response: JsonObject
    """With a `question`: what is answered when that cannot be asked."""
    certificate_request: CertificateRequest | None = None
    """To be stored."""
    question: StatusQuestion | None = None
    """To be asked of others; the station is answered when they have answered."""


def no_tokens(_request: JsonObject) -> Sequence[TokenRef]:
    """Return the tokens of a request that has none."""
    return ()


@dataclass(frozen=True, slots=True)
class Action:
    """How an action of a protocol is answered."""

    answer: Callable[[StationMessage, Callable[[TokenRef], Answer]], Outcome]
    """Gets the CALL and a way to decide on the tokens that `tokens` named."""
    tokens: Callable[[JsonObject], Sequence[TokenRef]] = no_tokens
    """Which tokens to look up before, for a whole batch in one query."""
    stores: bool = False
    """Whether the outcome may hold something to store."""
    wants_station: bool = False
    """Whether what is known of the station is looked up before."""
