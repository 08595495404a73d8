"""How a message is answered: by two pure functions. The consumer does the I/O between and after them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from csms_auth.contracts.chains import Contract
from csms_auth.contracts.pool import Wanted
from csms_auth.domain.certificates import CertificateRequest
from csms_auth.domain.stations import Station
from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.payloads import Found, JsonObject, Reason
from csms_auth.handlers.turn import Rules
from csms_auth.ocsp.question import Question as StatusQuestion


@dataclass(frozen=True, slots=True)
class StationMessage:
    """A station's CALL."""

    station_id: str
    request: JsonObject = field(repr=False)
    received_at: datetime
    rules: Rules
    station: Station | None = None
    """What is known of the station, for an action that wants it."""


class StatusWanted(NamedTuple):
    """Questions about the status of certificates, and how their answer is written."""

    questions: Sequence[StatusQuestion | Reason]
    """Or why nobody can be asked."""
    write: Callable[[Sequence[Found]], JsonObject]
    """Writes the answer for the station, with what became of the questions, in their order."""
    most_result: int | None
    """How long an OCSPResponse in base64 may be, in characters; None: none is passed on."""


class Decided(NamedTuple):
    """A token, and what was decided about it."""

    token: TokenRef
    answer: Answer


class ContractWanted(NamedTuple):
    """What is to be asked of the pool of contract certificates, and how the answer for the station is written."""

    wanted: Wanted
    write: Callable[[Contract | Reason], JsonObject]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a CALL leads to."""

    response: JsonObject
    """The answer. With `status` or `contract`: the answer when nobody can be asked."""
    certificate_request: CertificateRequest | None = None
    """To be stored."""
    status: StatusWanted | None = None
    """To be asked of others. The station is answered when they have answered."""
    decided: Decided | None = None
    """What was decided about a token, for other teams."""
    contract: ContractWanted | None = None
    """To be asked of the pool of contract certificates; likewise."""


def no_tokens(_request: JsonObject) -> Sequence[TokenRef]:
    """Return the tokens of a request that has none."""
    return ()


@dataclass(frozen=True, slots=True)
class Action:
    """How a message of a station is answered."""

    answer: Callable[[StationMessage, Callable[[TokenRef], Answer]], Outcome]
    """Gets the CALL, and a function that decides on the tokens that `tokens` named."""
    tokens: Callable[[JsonObject], Sequence[TokenRef]] = no_tokens
    """Returns the tokens to look up before: one query does it for a whole batch."""
    stores: bool = False
    """Whether the outcome may hold something to store."""
    wants_station: bool = False
    """Whether what is known of the station is looked up before."""
