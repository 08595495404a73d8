"""What an event is in a timeline: its type, when it happened, and by what it is found. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict

import orjson
from csms.v1.events_pb2 import DomainEvent
from csms_runtime.clock import from_ms
from csms_runtime.texts import storable

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""Before that there was no OCPP 1.5: a clock that says so was not set."""
AHEAD = timedelta(minutes=5)
"""So far a station's clock may be ahead and still be one that was set."""
LONGEST_TOKEN = 255
_LONGEST_WORD = 50
_FINE = frozenset({"", "NoError"})
_FAULTED = "Faulted"
_PROBLEM = "Problem"
NOTIFY_EVENT = "NotifyEvent"
_BEYOND = 2**31
"""Numbers of EVSEs and connectors are below it."""


class Kind(StrEnum):
    """The types of entries, as the API names them."""

    CONNECTION = "connection"
    REFUSAL = "refusal"
    BOOT = "boot"
    STATUS = "status"
    FAULT = "fault"
    AUTHORIZATION = "authorization"
    TRANSACTION = "transaction"
    COMMAND = "command"
    CONFIGURATION = "configuration"
    NOTIFICATION = "notification"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an entry is found by."""

    kind: Kind
    at: datetime
    """When it happened: the station's time where it tells one that can be true."""
    evse_id: int = 0
    """0: of the station, or not known."""
    connector_id: int = 0
    """0: of the EVSE, or not known."""
    status: str = ""
    """Of a connector, or of a decision on a token."""
    fault: str = ""
    """The error code; empty: it is no fault."""
    token_key: str = ""
    """What a token is found by: its id, case-folded. Empty: there is none, or it is a key code."""


def facts_of(event: DomainEvent) -> Facts | None:
    """Return the facts of an event; None: it is no part of a timeline."""
    make = _MAKE.get(event.WhichOneof("event") or "")
    told_at = from_ms(event.occurred_at_ms)
    return None if make is None else make(event, told_at)


def happened_at(told_ms: int, told_at: datetime) -> datetime:
    """Return a station's time of what it told at `told_at`, or that moment where the station's cannot be true."""
    try:
        told = from_ms(told_ms)
    except OverflowError:
        return told_at
    return min(told, told_at) if EARLIEST <= told <= told_at + AHEAD else told_at


def token_key(id_token: str) -> str:
    """Return what a token is found by: ids have no case (C01.FR.25). A masked one is found by nothing."""
    return "" if not id_token.strip("*") else storable(id_token.casefold())[:LONGEST_TOKEN]


def _word(text: str) -> str:
    return storable(text)[:_LONGEST_WORD]


class _Place(TypedDict):
    evse_id: int
    connector_id: int


def _place(event: Any) -> _Place:  # noqa: ANN401 a message with a place
    return _Place(evse_id=_number(event.evse_id), connector_id=_number(event.connector_id))


def _number(told: object) -> int:
    """Return the number of an EVSE or a connector; 0: it is none."""
    return told if isinstance(told, int) and 0 <= told < _BEYOND else 0


def _plain(kind: Kind) -> Callable[[DomainEvent, datetime], Facts]:
    def make(_event: DomainEvent, told_at: datetime) -> Facts:
        return Facts(kind=kind, at=told_at)

    return make


def _refused(_event: DomainEvent, told_at: datetime) -> Facts:
    """The beginning of the minute: of one address and kind there is one entry in it."""
    return Facts(kind=Kind.REFUSAL, at=told_at.replace(second=0, microsecond=0))


def _status(event: DomainEvent, told_at: datetime) -> Facts:
    one = event.connector_status_changed
    fault = one.error_code if one.error_code not in _FINE else _FAULTED if one.status == _FAULTED else ""
    at = happened_at(one.reported_at_ms, told_at)
    return Facts(kind=Kind.STATUS, at=at, status=_word(one.status), fault=_word(fault), **_place(one))


def _notification(event: DomainEvent, told_at: datetime) -> Facts:
    one = event.station_notified
    problem = next(_problems(one.payload), None) if one.action == NOTIFY_EVENT else None
    if problem is None:
        return Facts(kind=Kind.NOTIFICATION, at=told_at)
    evse = problem["component"].get("evse", {})
    return Facts(
        kind=Kind.FAULT,
        at=told_at,
        fault=_word(str(problem.get("techCode") or _PROBLEM)),
        evse_id=_number(evse.get("id")),
        connector_id=_number(evse.get("connectorId")),
    )


def _problems(payload: bytes) -> Iterator[Mapping[str, Any]]:
    may_have = _PROBLEM.lower().encode() in payload.lower()
    return problems(orjson.loads(payload)) if may_have else iter(())


def problems(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the events of a NotifyEvent that say that there is a problem now.

    They are those with the variable Problem of any component (N07).
    """
    for event in payload.get("eventData", []):
        is_problem = event["variable"]["name"].casefold() == _PROBLEM.casefold()
        if is_problem and str(event.get("actualValue", "")).casefold() == "true" and not event.get("cleared", False):
            yield event


def _authorization(event: DomainEvent, told_at: datetime) -> Facts:
    one = event.authorization_decided
    return Facts(
        kind=Kind.AUTHORIZATION,
        at=happened_at(one.asked_at_ms, told_at),
        evse_id=_number(one.evse_id),
        status=_word(one.status),
        token_key=token_key(one.id_token),
    )


def _started(event: DomainEvent, told_at: datetime) -> Facts:
    one = event.transaction_started
    return Facts(kind=Kind.TRANSACTION, at=happened_at(one.started_at_ms, told_at), **_place(one))


def _ended(event: DomainEvent, told_at: datetime) -> Facts:
    one = event.transaction_ended
    return Facts(kind=Kind.TRANSACTION, at=happened_at(one.ended_at_ms, told_at), **_place(one.transaction))


def _updated(event: DomainEvent, told_at: datetime) -> Facts | None:
    """Of a running one nothing: each has hundreds. What changes after the end is a correction."""
    one = event.transaction_updated
    if one.transaction.state != "Ended":
        return None
    return Facts(kind=Kind.TRANSACTION, at=told_at, **_place(one))


def _command(event: DomainEvent, told_at: datetime) -> Facts:
    return Facts(kind=Kind.COMMAND, at=happened_at(event.command_completed.sent_at_ms, told_at))


INOPERATIVE = "Inoperative"
OPERATIVE = "Operative"
ALL_OPERATIVE = "Operative with parts"
"""Statuses of entries that tell what was ordered of the availability of a place."""


def _availability(event: DomainEvent, told_at: datetime) -> Facts:
    one = event.availability_ordered
    operative = ALL_OPERATIVE if one.with_parts else OPERATIVE
    return Facts(
        kind=Kind.CONFIGURATION,
        at=told_at,
        status=operative if one.operative else INOPERATIVE,
        **_place(one),
    )


_MAKE: Mapping[str, Callable[[DomainEvent, datetime], Facts | None]] = {
    "station_connected": _plain(Kind.CONNECTION),
    "station_disconnected": _plain(Kind.CONNECTION),
    "connection_refused": _refused,
    "station_booted": _plain(Kind.BOOT),
    "connector_status_changed": _status,
    "station_notified": _notification,
    "authorization_decided": _authorization,
    "transaction_started": _started,
    "transaction_updated": _updated,
    "transaction_ended": _ended,
    "command_completed": _command,
    "report_completed": _plain(Kind.NOTIFICATION),
    "configuration_changed": _plain(Kind.CONFIGURATION),
    "availability_ordered": _availability,
    "station_changed": _plain(Kind.CONFIGURATION),
    "security_profile_changed": _plain(Kind.CONFIGURATION),
    "password_changed": _plain(Kind.CONFIGURATION),
    "certificate_issued": _plain(Kind.CONFIGURATION),
    "certificate_refused": _plain(Kind.CONFIGURATION),
    "certificate_revoked": _plain(Kind.CONFIGURATION),
}
TYPES = tuple(_MAKE)
"""The events that a timeline is made of."""
