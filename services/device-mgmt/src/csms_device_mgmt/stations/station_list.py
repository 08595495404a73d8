"""The list of stations, in pages by key."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from csms_db.base import UtcDateTime
from csms_db.sql import apart
from csms_runtime.clock import from_ms
from csms_runtime.http.sorting import Sort
from sqlalchemy import ColumnElement, Select, String, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.stations.station_filters import Search, StationFilter
from csms_device_mgmt.tables import Station

T = TypeVar("T")
_Column = ColumnElement[Any] | InstrumentedAttribute[Any]
_NEVER = from_ms(0)


def _or_never(moment: InstrumentedAttribute[datetime | None]) -> ColumnElement[datetime]:
    return func.coalesce(moment, literal(_NEVER, UtcDateTime()))


_MOMENTS: Mapping[str, ColumnElement[datetime]] = {
    "last_seen": _or_never(Station.last_seen),
    "connected_at": _or_never(Station.connected_at),
}
"""Without an index: they change often, and would have to be written there, too. All stations are read."""


class StationSort(Sort):
    """The orders. A station that never connected was seen, and connected, before all others."""

    STATION_ID = "station_id"
    STATION_ID_DESC = "-station_id"
    LAST_SEEN = "last_seen"
    LAST_SEEN_DESC = "-last_seen"
    CONNECTED_AT = "connected_at"
    CONNECTED_AT_DESC = "-connected_at"
    FIRMWARE = "firmware"
    FIRMWARE_DESC = "-firmware"

    @property
    def is_by_moment(self) -> bool:
        """Whether it is an order by a time."""
        return self.field in _MOMENTS


@dataclass(frozen=True, slots=True)
class StationPlace:
    """How far the list was read: the last station, and what the order counts before that."""

    station_id: str
    value: datetime | str | None = None

    @classmethod
    def of(cls, row: Station, sort: StationSort) -> "StationPlace":
        """Return the place of a row."""
        if sort.is_by_moment:
            return cls(row.station_id, getattr(row, sort.field) or _NEVER)
        return cls(row.station_id, row.firmware_key if sort.field == "firmware" else None)


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
    if sort.is_by_moment:
        statement = _by_moment(sort, after, [*conditions, *_among(searches)], limit)
    elif sort.field == "firmware":
        order = (Station.firmware_key, apart(Station.station_id))
        statement = _in_order(select(Station).where(*conditions, *_among(searches)), order, sort, after)
    else:
        if len(searches) == 1 and not conditions:  # these are all: no other station is looked at
            first = _in_order(searches[0].found, (searches[0].key,), sort, after).limit(limit)
            searches = [searches[0]._replace(found=first)]
        # With `indexed`, an order that leads to the condition's index.
        key: _Column = apart(Station.station_id) if wanted.indexed else Station.station_id
        statement = _in_order(select(Station).where(*conditions, *_among(searches)), (key,), sort, after)
    return (await session.scalars(statement.limit(limit))).all()


def _among(searches: Iterable[Search]) -> list[ColumnElement[bool]]:
    return [Station.station_id.in_(search.found) for search in searches]


def _in_order(
    statement: Select[T], order: Sequence[_Column], sort: StationSort, after: StationPlace | None
) -> Select[T]:
    """Return the statement in an order that ends with the station's id, of what comes behind `after`."""
    if after is not None:
        place = [after.value, after.station_id][-len(order) :]
        reached, seen = tuple_(*order), tuple_(*map(_literal, place))
        statement = statement.where(reached < seen if sort.descending else reached > seen)
    return statement.order_by(*(column.desc() if sort.descending else column for column in order))


def _literal(value: datetime | str | None) -> ColumnElement[Any]:
    return literal(value, UtcDateTime() if isinstance(value, datetime) else String())


def _by_moment(
    sort: StationSort, after: StationPlace | None, conditions: Sequence[ColumnElement[bool]], limit: int
) -> Select[Station]:
    """Which they are is found first: to sort whole rows, which are wide, takes three times as long."""
    order = (_MOMENTS[sort.field], Station.station_id)
    which = _in_order(select(Station.station_id).where(*conditions), order, sort, after).limit(limit)
    return _in_order(select(Station).where(Station.station_id.in_(which)), order, sort, None)
