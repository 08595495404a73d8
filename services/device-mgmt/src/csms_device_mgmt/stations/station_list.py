"""The list of stations, in pages by key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from csms_db.base import UtcDateTime
from csms_db.sql import apart
from csms_runtime.clock import from_ms
from csms_runtime.http.sorting import Sort
from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.stations.station_filters import Search, StationFilter
from csms_device_mgmt.tables import Station

T = TypeVar("T")
_Column = ColumnElement[str] | InstrumentedAttribute[str]
_NEVER = from_ms(0)
_LAST_SEEN = func.coalesce(Station.last_seen, literal(_NEVER, UtcDateTime()))
"""Without an index: it changes every few seconds, and would have to be written there, too. All stations are read."""


class StationSort(Sort):
    """The orders. A station that never connected was seen before all others."""

    STATION_ID = "station_id"
    STATION_ID_DESC = "-station_id"
    LAST_SEEN = "last_seen"
    LAST_SEEN_DESC = "-last_seen"


@dataclass(frozen=True, slots=True)
class StationPlace:
    """How far the list was read. `seen` counts in the order of it."""

    station_id: str
    seen: datetime = _NEVER

    @classmethod
    def of(cls, row: Station) -> "StationPlace":
        """Return the place of a row."""
        return cls(row.station_id, row.last_seen or _NEVER)


async def page(
    session: AsyncSession,
    sort: StationSort,
    wanted: StationFilter,
    *,
    gateways: Iterable[tuple[int, int]],
    limit: int,
    after: StationPlace | None,
) -> Sequence[Station]:
    """Return up to `limit` stations in this order, those behind `after`; None: from the first.

    `gateways`: those that live, (slot, epoch).
    """
    conditions, searches = wanted.conditions(gateways), wanted.searches()
    if sort.field == "last_seen":
        statement = _by_last_seen(sort, after, [*conditions, *_among(searches)], limit)
    else:
        if len(searches) == 1 and not conditions:  # these are all: no other station is looked at
            first = _by_id(searches[0].found, searches[0].key, sort, after).limit(limit)
            searches = [searches[0]._replace(found=first)]
        # With `indexed`, an order that leads to the condition's index.
        key = apart(Station.station_id) if wanted.indexed else Station.station_id
        statement = _by_id(select(Station).where(*conditions, *_among(searches)), key, sort, after)
    return (await session.scalars(statement.limit(limit))).all()


def _among(searches: Iterable[Search]) -> list[ColumnElement[bool]]:
    return [Station.station_id.in_(search.found) for search in searches]


def _by_id(statement: Select[T], key: _Column, sort: StationSort, after: StationPlace | None) -> Select[T]:
    if after is not None:
        statement = statement.where(key < after.station_id if sort.descending else key > after.station_id)
    return statement.order_by(key.desc() if sort.descending else key)


def _by_last_seen(
    sort: StationSort, after: StationPlace | None, conditions: Sequence[ColumnElement[bool]], limit: int
) -> Select[Station]:
    """Which they are is found first: to sort whole rows, which are wide, takes three times as long."""
    order = [column.desc() if sort.descending else column for column in (_LAST_SEEN, Station.station_id)]
    which = select(Station.station_id).where(*conditions)
    if after is not None:
        place = tuple_(_LAST_SEEN, Station.station_id)
        seen = tuple_(literal(after.seen, UtcDateTime()), after.station_id)
        which = which.where(place < seen if sort.descending else place > seen)
    return select(Station).where(Station.station_id.in_(which.order_by(*order).limit(limit))).order_by(*order)
