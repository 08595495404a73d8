"""A transaction as a row, and back."""

from collections.abc import Mapping
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import RowMapping

from csms_transactions.domain.events import IdToken
from csms_transactions.domain.meter import Meter
from csms_transactions.domain.transaction import Closed, State, Transaction

Row = Mapping[str, Any] | RowMapping

_COURSE = (
    "last_seq_no",
    "event_count",
    "charging_state",
    "time_spent_charging",
    "offline_events",
    "last_event_at",
    "revision",
)
"""What most events change."""
_FACTS = (
    "state",
    "started_seen",
    "started_at",
    "ended_at",
    "stopped_reason",
    "evse_id",
    "connector_id",
    "id_token",
    "stop_id_token",
    "remote_start_id",
    "reservation_id",
    "number_of_phases_used",
    "conflicts",
    "reuses",
    "closed",
)
"""What few events change."""
_METER_FACTS = ("start_wh", "start_exact", "source")
_IN_PARTS = {"state", "id_token", "stop_id_token", "closed"}
_PLAIN = tuple(name for name in _COURSE + _FACTS if name not in _IN_PARTS)
_course_of, _facts_of, _meter_facts_of = attrgetter(*_COURSE), attrgetter(*_FACTS), attrgetter(*_METER_FACTS)
_plain_of = itemgetter(*_PLAIN)
_STATES = {state.value: state for state in State}
COLUMNS = (
    *_PLAIN,
    "state",
    "gaps",
    *("id_token", "id_token_type", "stop_id_token", "stop_id_token_type"),
    *("closed_at", "close_reason", "closed_by"),
    *("meter_start", "meter_stop", "meter_start_exact", "meter_stop_exact", "meter_source"),
)
"""What `from_row` needs."""


WIDE_COLUMNS = (*COLUMNS, "energy_wh", "id_token_key")
"""What `to_row` gives."""
in_wide_order = itemgetter(*WIDE_COLUMNS)


def to_row(transaction: Transaction) -> dict[str, Any]:
    """The columns that are derived from the events."""
    row = {name: getattr(transaction, name) for name in _PLAIN}
    meter = transaction.meter
    row.update(
        state=transaction.state.value,
        gaps=transaction.gaps,
        meter_start=meter.start_wh,
        meter_stop=meter.stop_wh,
        meter_start_exact=meter.start_exact,
        meter_stop_exact=meter.stop_exact,
        meter_source=meter.source,
        energy_wh=meter.energy_wh,
    )
    row["id_token"], row["id_token_type"] = transaction.id_token or (None, None)
    row["id_token_key"] = token_key(transaction.id_token.value) if transaction.id_token else None
    row["stop_id_token"], row["stop_id_token_type"] = transaction.stop_id_token or (None, None)
    row["closed_at"], row["close_reason"], row["closed_by"] = transaction.closed or (None, None, None)
    return row


COURSE_COLUMNS = (*_COURSE, "gaps", "meter_stop", "meter_stop_exact", "energy_wh")
"""What `to_course_row` gives."""


def to_course_row(transaction: Transaction) -> tuple[Any, ...]:
    """The columns that most events change: enough when `same_facts`."""
    meter = transaction.meter
    return (*_course_of(transaction), transaction.gaps, meter.stop_wh, meter.stop_exact, meter.energy_wh)


def same_facts(before: Transaction, after: Transaction) -> bool:
    """Whether `to_course_row` holds all that changed."""
    return bool(_facts_of(before) == _facts_of(after) and _meter_facts_of(before.meter) == _meter_facts_of(after.meter))


def from_row(row: Row) -> Transaction:
    """The transaction as it was when `to_row` made the row."""
    return Transaction(
        **dict(zip(_PLAIN, _plain_of(row), strict=True)),
        state=_STATES[row["state"]],
        gaps=tuple((first, last) for first, last in row["gaps"]),
        id_token=_token(row["id_token"], row["id_token_type"]),
        stop_id_token=_token(row["stop_id_token"], row["stop_id_token_type"]),
        closed=None if row["closed_at"] is None else Closed(row["closed_at"], row["close_reason"], row["closed_by"]),
        meter=_meter(row),
    )


def token_key(value: str) -> str:
    """What the ids of equal tokens have in common (C01.FR.25)."""
    return value.casefold()


def _token(value: str | None, kind: str | None) -> IdToken | None:
    return None if value is None else IdToken(value, kind or "")


def _meter(row: Row) -> Meter:
    return Meter(
        start_wh=row["meter_start"],
        stop_wh=row["meter_stop"],
        start_exact=row["meter_start_exact"],
        stop_exact=row["meter_stop_exact"],
        source=row["meter_source"],
    )
