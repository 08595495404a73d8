"""What answers an action is: two pure functions. The consumer does the I/O between and after them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csms_auth.domain.certificates import CertificateRequest
from csms_auth.domain.tokens import Answer, TokenRef

JsonObject = Mapping[str, Any]
"""A payload, already valid by its JSON schema."""


@dataclass(frozen=True, slots=True)
class Call:
    """A station's CALL."""

    station_id: str
    request: JsonObject = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a CALL leads to."""

    response: JsonObject
    certificate_request: CertificateRequest | None = None
    """To be stored."""


def no_tokens(_request: JsonObject) -> Sequence[TokenRef]:
    """Return the tokens of a request that has none."""
    return ()


@dataclass(frozen=True, slots=True)
class Action:
    """How an action of a protocol is answered."""

    answer: Callable[[Call, Callable[[TokenRef], Answer]], Outcome]
    """Gets the CALL and a way to decide on the tokens that `tokens` named."""
    tokens: Callable[[JsonObject], Sequence[TokenRef]] = no_tokens
    """Which tokens to look up before, for a whole batch in one query."""
    stores: bool = False
    """Whether the outcome may hold something to store."""
