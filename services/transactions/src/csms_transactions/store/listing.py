"""The list of transactions: filtered, in one of several orders, in pages by key. Each order has an index that fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms_db.by_time import ByTime
from csms_runtime.http.sorting import Sort
from sqlalchemy import ColumnElement, RowMapping, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.transaction import State
from csms_transactions.store.rows import token_key
from csms_transactions.store.spellings import spellings
from csms_transactions.store.tables import transactions

Row = RowMapping
_COLUMNS = transactions.c
_Conditions = Sequence[ColumnElement[bool]]


class TransactionSort(Sort):
    """The orders. The end of an active one is not known: in both directions they come first, by their start.

    So no transaction is left out that ends while somebody reads page after page.
    """

    STARTED_AT = "started_at"
    STARTED_AT_DESC = "-started_at"
    ENDED_AT = "ended_at"
    ENDED_AT_DESC = "-ended_at"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESC = "-updated_at"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which transactions; None: any."""

    station_id: str | None = None
    """In any case."""
    transaction_id: str | None = None
    """The station's id of it; case does not matter."""
    state: str | None = None
    id_token: str | None = None
    """The token it belongs to; case does not matter (C01.FR.25)."""
    started_since: datetime | None = None
    """Started then or later."""
    started_until: datetime | None = None
    """Started before."""
    ended_since: datetime | None = None
    """Ended then or later."""
    ended_until: datetime | None = None
    """Ended before."""
    updated_since: datetime | None = None
    """Changed then or later."""

    @property
    def order(self) -> TransactionSort:
        """The order when nobody asks for one: the newest first, by the time that the filter is about."""
        if self.updated_since is not None:
            return TransactionSort.UPDATED_AT_DESC
        if self.is_about_the_end:
            return TransactionSort.ENDED_AT_DESC
        return TransactionSort.STARTED_AT_DESC

    @property
    def is_about_the_end(self) -> bool:
        """Active ones are none of these."""
        return self.ended_since is not None or self.ended_until is not None


@dataclass(frozen=True, slots=True)
class Place:
    """How far a list was read: the end of an active one is None, and its start decides."""

    at: datetime
    key: str
    active: bool = False
    """In the order of the end, an active one."""

    @classmethod
    def of(cls, row: Row, sort: TransactionSort) -> "Place":
        """Return the place of a row."""
        if sort.field == "ended_at" and row["state"] == State.ACTIVE:
            return cls(row["started_at"], row["id"], active=True)
        return cls(row[sort.field], row["id"])


async def find(
    session: AsyncSession, filters: Filter, sort: TransactionSort, *, after: Place | None, limit: int
) -> Sequence[Row]:
    """Up to `limit` transactions in this order, those behind `after`; None: from the first."""
    conditions = _conditions(filters)
    if filters.station_id is not None:
        conditions.append(_of_station(await spellings(session, filters.station_id)))
    parts = [part.limit(limit) for part in _parts(filters, conditions, sort, after)]
    statement = parts[0] if len(parts) == 1 else _together(parts, sort).limit(limit)
    rows: Sequence[Row] = (await session.execute(statement)).mappings().all()
    return rows


def _parts(filters: Filter, conditions: _Conditions, sort: TransactionSort, after: Place | None) -> list[Select[Any]]:
    """Return the list in parts that each have an index, and each in order."""
    if sort.field == "started_at" and filters.updated_since is None and not filters.is_about_the_end:
        return [_all(filters, conditions, sort, after)]
    parts = []
    if filters.state != State.ENDED and not filters.is_about_the_end and _reaches_active(sort, after):
        parts.append(_active(filters, conditions, sort, after))
    if filters.state != State.ACTIVE or not parts:
        parts.append(_ended(filters, conditions, sort, after))
    return parts


def _all(filters: Filter, conditions: _Conditions, sort: TransactionSort, after: Place | None) -> Select[Any]:
    """Of any state, in the order of the start."""
    if filters.state is not None:
        conditions = [*conditions, _COLUMNS.state == filters.state]
    by = _by(_COLUMNS.started_at, sort, filtered=bool(conditions))
    return by.page(_where(conditions, _between(by, filters.started_since, filters.started_until)), _seen(after))


def _active(filters: Filter, conditions: _Conditions, sort: TransactionSort, after: Place | None) -> Select[Any]:
    """Active ones, found among the active ones: what changes with each event of theirs has no index."""
    started, updated = (_by(_COLUMNS[name], sort, filtered=True) for name in ("started_at", "updated_at"))
    times = [
        *_between(started, filters.started_since, filters.started_until),
        *_between(updated, filters.updated_since, None),
    ]
    by = updated if sort.field == "updated_at" else started
    return by.page(_where([*conditions, _COLUMNS.state == State.ACTIVE.value], times), _seen(after))


def _ended(filters: Filter, conditions: _Conditions, sort: TransactionSort, after: Place | None) -> Select[Any]:
    """Those that have ended. `state` is Active: none."""
    filtered = bool(conditions)
    of = {
        "started_at": _by(_COLUMNS.started_at, sort, filtered=filtered),
        "ended_at": _by(_COLUMNS.ended_at, sort, filtered=filtered),
        "updated_at": _by(_COLUMNS.ended_updated_at, sort, filtered=filtered),
    }
    times = [
        *_between(of["started_at"], filters.started_since, filters.started_until),
        *_between(of["ended_at"], filters.ended_since, filters.ended_until),
        *_between(of["updated_at"], filters.updated_since, None),
        of[sort.field].is_told,
    ]
    state = [] if filters.state is None else [_COLUMNS.state == filters.state]
    query = _where([*conditions, _COLUMNS.ended_at.is_not(None), *state], times)
    return of[sort.field].page(query, None if after is not None and after.active else _seen(after))


def _together(parts: Sequence[Select[Any]], sort: TransactionSort) -> Select[Any]:
    found = union_all(*(select(part.subquery()) for part in parts)).subquery()
    time: ColumnElement[Any] = found.c[sort.field]
    first = []
    if sort.field == "ended_at":
        first, time = [found.c.ended_at.is_not(None)], func.coalesce(found.c.ended_at, found.c.started_at)
    order = [column.desc() if sort.descending else column for column in (time, found.c.id)]
    return select(found).order_by(*first, *order)


def _reaches_active(sort: TransactionSort, after: Place | None) -> bool:
    """Whether active ones may follow."""
    return sort.field != "ended_at" or after is None or after.active


def _by(column: ColumnElement[Any], sort: TransactionSort, *, filtered: bool) -> ByTime:
    return ByTime(column, _COLUMNS.id, filtered=filtered, oldest_first=not sort.descending)


def _where(conditions: _Conditions, times: _Conditions) -> Select[Any]:
    return select(transactions).where(*conditions, *times)


def _between(by: ByTime, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return [
        *([] if since is None else [by.since(since)]),
        *([] if until is None else [by.until(until)]),
    ]


def _seen(after: Place | None) -> tuple[datetime, str] | None:
    return None if after is None else (after.at, after.key)


def _conditions(filters: Filter) -> list[ColumnElement[bool]]:
    """The filters' conditions, but for station, state and times."""
    found: list[ColumnElement[bool]] = []
    if filters.transaction_id is not None:
        found.append(_COLUMNS.transaction_id_key == filters.transaction_id.casefold())
    if filters.id_token is not None:
        found.append(_COLUMNS.id_token_key == token_key(filters.id_token))
    return found


def _of_station(names: Sequence[str]) -> ColumnElement[bool]:
    column = _COLUMNS.station_id
    return column == names[0] if len(names) == 1 else column.in_(names)  # the first reads an index in order
