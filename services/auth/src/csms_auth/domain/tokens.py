"""May an ID token be used? Requirements: C01, C02, C04, C09, C10 and C16 of OCPP 2.0.1, C17 of OCPP 2.1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from csms_runtime.money import Money

from csms_auth.domain.placement import ANYWHERE, Limits, Placement

NO_AUTHORIZATION = "NoAuthorization"
KEY_CODE = "KeyCode"
CENTRAL = "Central"

TOKEN_TYPES = (
    CENTRAL, "DirectPayment", "eMAID", "EVCCID", "ISO14443", "ISO15693", KEY_CODE, "Local", "MacAddress",
    NO_AUTHORIZATION, "VIN",
)  # fmt: skip
"""OCPP 2.0.1's IdTokenEnumType, and the types that the appendix of OCPP 2.1 adds. 2.1 allows other strings too."""

MASK = "****"


class TokenStatus(StrEnum):
    """OCPP 2.0.1's AuthorizationStatusEnumType."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class Why(StrEnum):
    """Why an answer is as it is, for people; as `AuthorizationDecided.reason` in `proto/`."""

    STORED = "stored"
    """This status is stored with the token."""
    UNKNOWN = "unknown"
    """Nothing is stored of the token."""
    NO_AUTHORIZATION = "no_authorization"
    """Its type needs no decision (C02.FR.02)."""
    EXPIRED = "expired"
    SITE = "site"
    """It may be used at other sites only."""
    LABELS = "labels"
    """It may be used at stations with other labels only."""
    LOCATION = "location"
    """It may be used at no EVSE of this station (C01.FR.22)."""
    EVSE = "evse"
    """It may be used at other EVSEs only."""
    CREDIT = "credit"
    """Nothing is left of its prepaid balance (C17.FR.02)."""
    CERTIFICATE = "certificate"
    """The certificate that came with it cannot be verified (C07.FR.17)."""
    AUTH_AWAY = "auth_away"
    """Nobody decided in time."""


@dataclass(frozen=True, slots=True)
class TokenRef:
    """A token as OCPP names it. Its id is never shown in a repr: it may be a key code (C04.FR.04)."""

    type: str
    """Empty: the protocol has no types (OCPP 1.6)."""
    id_token: str = field(repr=False)

    @property
    def key(self) -> str:
        """The form in which ids are compared: case does not matter (C01.FR.25)."""
        return self.id_token.casefold()

    @property
    def shown(self) -> str:
        """The id as it may appear in logs and events: a key code is masked."""
        return MASK if self.type == KEY_CODE else self.id_token


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is stored."""

    ref: TokenRef
    status: TokenStatus
    """The stored decision."""
    group_id: str | None = None
    expires_at: datetime | None = None
    language1: str | None = None
    personal_message: str | None = None
    evse_ids: Sequence[int] | None = None
    """The EVSEs it may be used at; None: all, empty: none."""
    limits: Limits = ANYWHERE
    """The stations it may be used at."""
    concurrent_tx_limit: int | None = None
    charging_priority: int | None = None
    tariff: Mapping[str, Any] | None = None
    """The driver's own, OCPP 2.1's TariffType (I08)."""
    credit: Money | None = None
    """What is left of a prepaid balance, negative where more was spent; None: it is no prepaid token."""
    credit_since: datetime | None = None
    """When it became a prepaid one; None: it is none, or that is not known."""


class TokenShown(NamedTuple):
    """A token that a station asks about before somebody charges."""

    token: TokenRef
    has_certificate: bool
    """It came with a contract certificate (C07)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a token."""

    token: TokenRef
    evse_id: int = 0
    """0: not known."""
    station_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a station is told of a token (IdTokenInfoType). None and empty: absent."""

    status: TokenStatus
    group_id: str | None = None
    """Goes out as a token of type Central (C09.FR.13)."""
    cache_expiry: datetime | None = None
    language1: str | None = None
    personal_message: str | None = None
    evse_ids: Sequence[int] = ()
    charging_priority: int | None = None
    concurrent_tx_limit: int | None = None
    """For transactions, which counts: only its answers may be ConcurrentTx (AuthorizationStatusEnum)."""
    expires_at: datetime | None = None
    """When the token itself ends, while it is accepted. Only OCPP 1.6 tells it."""
    type: str = ""
    """Under which the token is stored; empty: it is not."""
    why: Why = field(default=Why.STORED, compare=False)
    """For people: what a station is told does not depend on it."""
    tariff: Mapping[str, Any] | None = None
    """The driver's own, while the token is accepted. Only OCPP 2.1 tells it (I08.FR.01)."""
    credit: Money | None = None
    """What may be spent, of a prepaid token that is accepted."""


def decide(
    question: Question,
    token: Token | None,
    *,
    now: datetime,
    cache_for: timedelta | None = None,
    placement: Placement | None = None,
) -> Answer:
    """Answer a question about a token; `token` is what is stored of it, None: nothing.

    `placement` is where the station belongs that asks, None: nobody knows. Then a limited token is not accepted.

    `cache_for` sets cacheExpiryDateTime; None leaves it to the station's AuthCacheLifeTime (C10.FR.08). The card's own
    expiry never goes there (C10.FR.13). The group is told whatever the status (C01.FR.06, C09.FR.09); a master pass is
    a token of the master pass group, nothing more (C16).
    """
    cache_expiry = now + cache_for if cache_for is not None else None
    if token is None:
        return _not_stored(question.token, cache_expiry)
    status, why = _status(token, question.evse_id, placement, now)
    if token.credit is not None:
        cache_expiry = now  # C17.FR.01, C17.FR.02: each time the balance is another
    return Answer(
        status=status,
        why=why,
        group_id=token.group_id,
        cache_expiry=cache_expiry,
        language1=token.language1,
        personal_message=token.personal_message,
        evse_ids=tuple(token.evse_ids or ()) if status is TokenStatus.ACCEPTED else (),
        charging_priority=token.charging_priority,
        concurrent_tx_limit=_concurrent_limit(token),
        expires_at=token.expires_at if status is TokenStatus.ACCEPTED else None,
        type=token.ref.type,
        tariff=token.tariff if status is TokenStatus.ACCEPTED else None,
        credit=token.credit if status is TokenStatus.ACCEPTED else None,
    )


def _concurrent_limit(token: Token) -> int | None:
    """Return how many transactions a token may be in: two would spend one credit twice, if nobody says otherwise."""
    if token.concurrent_tx_limit is None and token.credit is not None:
        return 1
    return token.concurrent_tx_limit


def _not_stored(ref: TokenRef, cache_expiry: datetime | None) -> Answer:
    if ref.type == NO_AUTHORIZATION:
        return Answer(TokenStatus.ACCEPTED, why=Why.NO_AUTHORIZATION)  # C02.FR.02; C02.FR.03: never cached
    if ref.type == KEY_CODE:
        return Answer(TokenStatus.INVALID, cache_expiry=cache_expiry, why=Why.UNKNOWN)  # C04.FR.01
    return Answer(TokenStatus.UNKNOWN, cache_expiry=cache_expiry, why=Why.UNKNOWN)


def _status(token: Token, evse_id: int, placement: Placement | None, now: datetime) -> tuple[TokenStatus, Why]:
    if token.status is not TokenStatus.ACCEPTED:
        return token.status, Why.STORED
    if token.expires_at is not None and token.expires_at <= now:
        return TokenStatus.EXPIRED, Why.EXPIRED
    found = _at_place(token, evse_id, placement)
    if found[0] is TokenStatus.ACCEPTED and token.credit is not None and token.credit.amount <= 0:
        return TokenStatus.NO_CREDIT, Why.CREDIT  # C17.FR.02
    return found


def _at_place(token: Token, evse_id: int, placement: Placement | None) -> tuple[TokenStatus, Why]:
    """Whether a token that is good may be used where it is shown."""
    if not token.limits.are_of_site(placement):
        return TokenStatus.NOT_AT_THIS_LOCATION, Why.SITE
    if not token.limits.are_labelled(placement):
        return TokenStatus.NOT_AT_THIS_LOCATION, Why.LABELS
    if token.evse_ids is None:
        return TokenStatus.ACCEPTED, Why.STORED
    if not token.evse_ids:
        return TokenStatus.NOT_AT_THIS_LOCATION, Why.LOCATION  # C01.FR.22
    if evse_id and evse_id not in token.evse_ids:
        return TokenStatus.NOT_ALLOWED_TYPE_EVSE, Why.EVSE  # valid at this station, not at the EVSE that asks
    return TokenStatus.ACCEPTED, Why.STORED  # C01.FR.20: the list says where


def choose(ref: TokenRef, stored: Sequence[Token]) -> Token | None:
    """Return the token that `ref` names, of those with one id: the one of its type, or for OCPP 1.6 the likeliest."""
    if ref.type:
        return next((token for token in stored if token.ref.type == ref.type), None)
    return min(stored, key=_untyped_order, default=None)


def _untyped_order(token: Token) -> tuple[int, str]:
    cards = ("ISO14443", "ISO15693")
    known = token.ref.type
    return (cards.index(known) if known in cards else len(cards), known)
