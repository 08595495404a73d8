"""Questions about tokens in events, and what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from csms.v1.auth_pb2 import IdTokenInfo
from csms_db.direct import Direct
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import IdToken
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import Transaction
from csms_transactions.events.step import Step
from csms_transactions.store.authorizations import Authorization, Key

Session = AsyncSession | Direct


@dataclass(frozen=True, slots=True)
class Asked:
    """A token in an event: the row that is stored, and what auth says."""

    identity: Identity
    row: Authorization
    token: IdToken
    info: IdTokenInfo | None = None
    """None: auth has not answered yet."""

    def counted_as(self, info: IdTokenInfo) -> str:
        """Return the form of the token in which auth compares tokens; its type counts, too."""
        return info.token_key or self.row.id_token.casefold()  # older versions of auth send no token_key

    def token_by(self, info: IdTokenInfo) -> IdToken:
        """Return the token, masked; one without a type (OCPP 1.6) has the type under which auth knows it."""
        token = self.row.token
        return token if token.type else token._replace(type=info.id_token_type)


class Decided(NamedTuple):
    """A decision that is new: other teams are told of it."""

    identity: Identity
    row: Authorization
    info: IdTokenInfo
    evse_id: int
    """0: the EVSE is not known."""


class Settled(NamedTuple):
    """All decisions about some tokens, and those among them that are new."""

    rows: Mapping[Key, Authorization]
    decided: Sequence[Decided]


@dataclass(slots=True)
class Authorized:
    """What came of the questions about tokens, by their numbers."""

    answers: dict[int, IdTokenInfo] = field(default_factory=dict)
    """What stations must be told."""
    open: dict[int, Asked] = field(default_factory=dict)
    """The questions that auth has not answered."""
    decided: Sequence[Decided] = ()
    """What is new."""


def step_of(identity: Identity, steps: Mapping[str, Step], stored: Mapping[str, Transaction]) -> Step | None:
    """Return how a transaction is changed so far; None when it is neither stored nor new."""
    step = steps.get(identity.key)
    if step is None and identity.key in stored:
        step = Step(identity, stored[identity.key], stored[identity.key])
    return step
