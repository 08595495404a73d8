"""The list of transactions: filtered, in one of several orders, in pages by key. Each order has an index that fits.

No page reads more than it shows, but for filters that the index of the order does not know: then at most SCANNED rows
are looked through, and a page may have fewer rows than were asked for, or none, and still not be the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from csms_db import settled
from csms_db.by_time import ByTime
from csms_db.sql import apart
from sqlalchemy import ColumnElement, RowMapping, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.transaction import State
from csms_transactions.store.filters import Asked, Columns, Conditions, Filter, TransactionSort, asked
from csms_transactions.store.spellings import spellings
from csms_transactions.store.tables import transactions

Row = RowMapping
SCANNED = 5000
"""So many rows are looked through for a page at most; some 10 ms."""
_COLUMNS = transactions.c
_ORDER = "csms_order"
_SHOWN = [column for column in _COLUMNS if column.name != "meter"]
"""The state of the meter is not shown, and large."""


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

    def precedes(self, other: "Place", sort: TransactionSort) -> bool:
        """Whether it comes before another one in an order."""
        if self.active != other.active:
            return self.active
        mine, others = (self.at, self.key), (other.at, other.key)
        return mine > others if sort.descending else mine < others


class Found(NamedTuple):
    """A part of a list."""

    rows: Sequence[Row]
    resume: Place | None = None
    """How far was looked, if these are fewer rows than were asked for and there may be more."""


async def find(
    session: AsyncSession, filters: Filter, sort: TransactionSort, *, after: Place | None, limit: int
) -> Found:
    """Up to `limit` transactions in this order, those behind `after`; None: from the first."""
    if filters.state == State.ACTIVE and filters.is_about_the_end:
        return Found([])
    until = None
    if filters.updated_since is not None or sort.field == "updated_at":
        until = await settled.settled_until(session)
    stations = [] if filters.station_id is None else await spellings(session, filters.station_id)
    like_q = [] if filters.q is None else await spellings(session, filters.q)
    query = _Query(filters, sort, after, limit, until, asked(filters, _COLUMNS, stations, like_q))
    parts, scanned = query.parts(stations, like_q)
    statement = parts[0] if len(parts) == 1 else _together(parts, sort).limit(limit)
    rows: Sequence[Row] = (await session.execute(statement)).mappings().all()
    if scanned is None or (len(parts) == 1 and len(rows) == limit):
        return Found(rows)
    last = (await session.execute(scanned)).one_or_none()
    if last is None:
        return Found(rows)
    end = Place(*last)
    before = [row for row in rows if not end.precedes(Place.of(row, sort), sort)]
    return Found(before, end if len(before) < limit else None)


@dataclass(frozen=True, slots=True)
class _Query:
    filters: Filter
    sort: TransactionSort
    after: Place | None
    limit: int
    settled: datetime | None
    asked: Asked

    def parts(self, stations: Sequence[str], like_q: Sequence[str]) -> tuple[list[Select[Any]], Select[Any] | None]:
        """Return the list in parts that each have an index, and each in order.

        And how to ask where the row is that was looked at last; None: all are looked at that there are.
        """
        if self.sort.field == "started_at" and not set(self.filters.times(self.settled)) - {"started_at"}:
            if self._is_found_by_index:
                return [self._found(self._conditions(_COLUMNS, self.asked))], None
            parts: list[Select[Any]] = []
        else:
            parts = [self._active()] if self._may_be_active else []
            if parts and self.filters.state == State.ACTIVE:
                return parts, None
            if self.asked.narrow:
                return [*parts, self._ended()], None
        scanned, last, has_others = self._scanned(stations, like_q)
        return [*parts, scanned], last if has_others else None

    def _found(self, conditions: Conditions) -> Select[Any]:
        """Rows that are found by what is asked of them."""
        by = self._by(_COLUMNS[self.sort.field], filtered=True)
        return by.page(select(*_SHOWN).where(*conditions), _seen(self.after)).limit(self.limit)

    def _active(self) -> Select[Any]:
        """Active ones, found among the active ones: what changes with each event of theirs has no index."""
        by = self._by(_COLUMNS["updated_at" if self.sort.field == "updated_at" else "started_at"], filtered=True)
        conditions = self._conditions(_COLUMNS, self.asked, state=State.ACTIVE)
        return by.page(select(*_SHOWN).where(*conditions), _seen(self.after)).limit(self.limit)

    def _ended(self) -> Select[Any]:
        """Those that have ended, found by what is asked of them."""
        by = self._by(_COLUMNS[self.sort.field], filtered=True)
        conditions = [*self._conditions(_COLUMNS, self.asked), _COLUMNS.ended_at.is_not(None), by.is_told]
        return by.page(select(*_SHOWN).where(*conditions), self._seen_ended).limit(self.limit)

    def _scanned(self, stations: Sequence[str], like_q: Sequence[str]) -> tuple[Select[Any], Select[Any], bool]:
        """Rows in the order of an index; those that are looked through where more is asked than the index knows."""
        field = self.sort.field
        column = _COLUMNS.ended_updated_at if field == "updated_at" else _COLUMNS[field]
        of_state = [] if field != "started_at" or self.filters.state is None else [_COLUMNS.state == self.filters.state]
        by = self._by(column, filtered=bool(of_state))
        since, until = self.filters.times(self.settled).get(field, (None, None))
        bounds = of_state + _between(by, since, until)
        if field == "started_at":
            after = _seen(self.after)
            if self._only_ended:
                bounds.append(_COLUMNS.ended_at.is_not(None))
        else:
            after = self._seen_ended
            bounds += [_COLUMNS.ended_at.is_not(None), by.is_told]
        everything = by.page(select(*_SHOWN).where(*bounds), after)
        # The outer order is the inner one, as PostgreSQL can see: it stops when the page is full.
        place = column if of_state else apart(column)
        looked_at = everything.add_columns(place.label(_ORDER)).limit(SCANNED).subquery("looked_at")
        more = self._conditions(looked_at.c, asked(self.filters, looked_at.c, stations, like_q), but=field)
        if not more:
            return everything.limit(self.limit), everything, False
        last = everything.with_only_columns(column, _COLUMNS.id).offset(SCANNED - 1).limit(1)
        order = [looked_at.c[_ORDER], looked_at.c.id]
        found = select(*(looked_at.c[shown.name] for shown in _SHOWN)).where(*more)
        found = found.order_by(*(one.desc() if self.sort.descending else one for one in order))
        return found.limit(self.limit), last, True

    @property
    def _is_found_by_index(self) -> bool:
        """In the order of the start."""
        if self.asked.narrow or self.asked.indexed or self.filters.state == State.ACTIVE:
            return True
        return self.filters.state is not None and not self.asked.others

    @property
    def _only_ended(self) -> bool:
        """In the order of the start, of those that have another time: active ones are another part."""
        return bool(set(self.filters.times(self.settled)) - {"started_at"})

    @property
    def _may_be_active(self) -> bool:
        """Whether active ones may follow."""
        if self.filters.state == State.ENDED or self.filters.is_about_the_end:
            return False
        return self.sort.field != "ended_at" or self.after is None or self.after.active

    @property
    def _seen_ended(self) -> tuple[datetime, str] | None:
        return None if self.after is not None and self.after.active else _seen(self.after)

    def _by(self, time: ColumnElement[Any], *, filtered: bool) -> ByTime:
        return ByTime(time, _COLUMNS.id, filtered=filtered, oldest_first=not self.sort.descending)

    def _conditions(
        self, columns: Columns, asked_of: Asked, *, state: State | None = None, but: str | None = None
    ) -> Conditions:
        """Return all conditions, but for those of a time."""
        wanted = state or self.filters.state
        # In the order of the end or of changes, the index holds none but ended ones.
        knows_state = but == "started_at" or (but is not None and wanted == State.ENDED)
        conditions = [*asked_of.all, *([] if wanted is None or knows_state else [columns.state == str(wanted)])]
        for name, (since, until) in self.filters.times(self.settled).items():
            if name != but:
                by = ByTime(columns[name], columns.id, filtered=True)
                conditions += _between(by, since, until)
        return conditions


def _together(parts: Sequence[Select[Any]], sort: TransactionSort) -> Select[Any]:
    found = union_all(*(select(part.subquery()) for part in parts)).subquery()
    time: ColumnElement[Any] = found.c[sort.field]
    first = []
    if sort.field == "ended_at":
        first, time = [found.c.ended_at.is_not(None)], func.coalesce(found.c.ended_at, found.c.started_at)
    order = [column.desc() if sort.descending else column for column in (time, found.c.id)]
    return select(found).order_by(*first, *order)


def _between(by: ByTime, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return [
        *([] if since is None else [by.since(since)]),
        *([] if until is None else [by.until(until)]),
    ]


def _seen(after: Place | None) -> tuple[datetime, str] | None:
    return None if after is None else (after.at, after.key)
