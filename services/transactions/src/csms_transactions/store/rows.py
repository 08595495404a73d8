"""Turns a transaction into a row, and back."""

from collections.abc import Mapping
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import RowMapping

from csms_transactions.domain.energy import Energy
from csms_transactions.domain.events import IdToken
from csms_transactions.domain.transaction import Closed, State, Transaction
from csms_transactions.store.meter_state import meter_of, state_of

Row = Mapping[str, Any] | RowMapping

_COURSE = (
    "last_seq_no",
    "event_count",
    "charging_state",
    "charging_since",
    "charged_s",
    "time_spent_charging",
    "offline_events",
    "last_event_at",
    "revision",
)
"""The columns that most events change."""
_FACTS = (
    "state",
    "started_seen",
    "started_at",
    "ended_at",
    "stopped_reason",
    "evse_id",
    "connector_id",
    "id_token",
    "token_key",
    "group",
    "authorized_by",
    "stop_id_token",
    "remote_start_id",
    "reservation_id",
    "number_of_phases_used",
    "conflicts",
    "reuses",
    "details",
    "tariff",
    "closed",
)
"""The columns that few events change."""
_IN_PARTS = {"state", "id_token", "token_key", "group", "stop_id_token", "closed"}
_METER = ("meter", "energy_wh", "meter_start", "meter_stop", "energy_reasons")
_PLAIN = tuple(name for name in _COURSE + _FACTS if name not in _IN_PARTS)
_course_of, _facts_of = attrgetter(*_COURSE), attrgetter(*_FACTS)
_plain_of = itemgetter(*_PLAIN)
_STATES = {state.value: state for state in State}
COLUMNS = (
    *_PLAIN,
    "state",
    "gaps",
    *("id_token", "id_token_type", "id_token_key", "stop_id_token", "stop_id_token_type"),
    *("group_id_token", "group_id_token_type"),
    *("closed_at", "close_reason", "closed_by"),
    *_METER,
)
"""What `from_row` needs."""


WIDE_COLUMNS = (*COLUMNS, "energy_quality")
"""What `to_row` gives."""
in_wide_order = itemgetter(*WIDE_COLUMNS)


def to_row(transaction: Transaction) -> dict[str, Any]:
    """The columns that are derived from the events."""
    row = {name: getattr(transaction, name) for name in _PLAIN}
    row.update(zip(_METER, (state_of(transaction.meter), *transaction.energy), strict=True))
    row.update(state=transaction.state.value, gaps=transaction.gaps, energy_quality=transaction.energy.quality)
    row["id_token"], row["id_token_type"] = transaction.id_token or (None, None)
    row["id_token_key"] = transaction.token_key
    row["group_id_token"], row["group_id_token_type"] = transaction.group or (None, None)
    row["stop_id_token"], row["stop_id_token_type"] = transaction.stop_id_token or (None, None)
    row["closed_at"], row["close_reason"], row["closed_by"] = transaction.closed or (None, None, None)
    return row


COURSE_COLUMNS = (*_COURSE, "gaps", *_METER, "energy_quality")
"""What `to_course_row` gives."""


def to_course_row(transaction: Transaction) -> tuple[Any, ...]:
    """The columns that most events change: enough when `same_facts`."""
    energy = transaction.energy
    return (*_course_of(transaction), transaction.gaps, state_of(transaction.meter), *energy, energy.quality)


def same_facts(before: Transaction, after: Transaction) -> bool:
    """Whether `to_course_row` holds all that changed."""
    return bool(_facts_of(before) == _facts_of(after))


def from_row(row: Row) -> Transaction:
    """The transaction as it was when `to_row` made the row."""
    return Transaction(
        **dict(zip(_PLAIN, _plain_of(row), strict=True)),
        state=_STATES[row["state"]],
        gaps=tuple((first, last) for first, last in row["gaps"]),
        id_token=_token(row["id_token"], row["id_token_type"]),
        token_key=row["id_token_key"],
        group=_token(row["group_id_token"], row["group_id_token_type"]),
        stop_id_token=_token(row["stop_id_token"], row["stop_id_token_type"]),
        closed=None if row["closed_at"] is None else Closed(row["closed_at"], row["close_reason"], row["closed_by"]),
        meter=meter_of(row["meter"]),
        energy=Energy(row["energy_wh"], row["meter_start"], row["meter_stop"], row["energy_reasons"]),
    )


def token_key(value: str) -> str:
    """What the ids of equal tokens have in common (C01.FR.25)."""
    return value.casefold()


def _token(value: str | None, kind: str | None) -> IdToken | None:
    return None if value is None else IdToken(value, kind or "")
