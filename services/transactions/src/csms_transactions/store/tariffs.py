"""Statements on `tariffs`."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from csms_db.direct import Direct
from csms_db.sql import insert
from csms_db.statements import Lookup
from csms_ocpp import station_ids
from csms_runtime.money import from_units, to_units
from sqlalchemy import RowMapping, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.tariff import Tariff
from csms_transactions.store.tables import tariffs

ALL_STATIONS = ""
"""The key of the tariff of stations that have none of their own."""
PRICES = ("start_fee", "price_per_kwh", "price_per_hour", "idle_price_per_hour")
_NAMES = ("station_key", "id", "currency", *PRICES)
_OF = Lookup([tariffs.c[name] for name in _NAMES], by=[tariffs.c.station_key])


class StoredTariff(NamedTuple):
    """A tariff, with the station that it is for."""

    tariff: Tariff
    station_id: str | None
    """None: all stations that have none of their own."""
    updated_at: datetime


async def of_stations(session: AsyncSession | Direct, stations: Collection[str]) -> dict[str, Tariff]:
    """Return the tariffs of stations, by their ids; those that have none are left out."""
    keys = {station_id: station_ids.key(station_id) for station_id in stations}
    rows = await _OF.fetch(session, {ALL_STATIONS, *keys.values()})
    found = {key: _tariff(*values) for key, *values in rows}
    general = found.get(ALL_STATIONS)
    tariffs_of = {station_id: found.get(key, general) for station_id, key in keys.items()}
    return {station_id: tariff for station_id, tariff in tariffs_of.items() if tariff is not None}


async def put(session: AsyncSession, dialect: str, stored: StoredTariff) -> None:
    """Create or replace a tariff. Raises IntegrityError: another one is for the same station."""
    tariff = stored.tariff
    values: dict[str, Any] = {name: to_units(getattr(tariff, name)) for name in PRICES}
    values |= {
        "currency": tariff.currency,
        "station_id": stored.station_id,
        "station_key": ALL_STATIONS if stored.station_id is None else station_ids.key(stored.station_id),
        "updated_at": stored.updated_at,
    }
    statement = insert(dialect)(tariffs).values(id=tariff.tariff_id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


async def get(session: AsyncSession, tariff_id: str) -> StoredTariff | None:
    """Return a tariff, if it exists."""
    row = (await session.execute(select(tariffs).where(tariffs.c.id == tariff_id))).mappings().one_or_none()
    return None if row is None else _stored(row)


async def remove(session: AsyncSession, tariff_id: str) -> bool:
    """Delete a tariff. Transactions that began with it keep it. Return whether it was there."""
    found = await session.scalar(delete(tariffs).where(tariffs.c.id == tariff_id).returning(tariffs.c.id))
    return found is not None


async def page(session: AsyncSession, *, after: str | None, limit: int) -> Sequence[StoredTariff]:
    """Return up to `limit` tariffs in the order of their ids, those behind `after`."""
    statement = select(tariffs).order_by(tariffs.c.id).limit(limit)
    if after is not None:
        statement = statement.where(tariffs.c.id > after)
    return [_stored(row) for row in (await session.execute(statement)).mappings()]


def _stored(row: RowMapping) -> StoredTariff:
    tariff = _tariff(row["id"], row["currency"], *(row[name] for name in PRICES))
    return StoredTariff(tariff, row["station_id"], row["updated_at"])


def _tariff(tariff_id: str, currency: str, *prices: int) -> Tariff:
    return Tariff(tariff_id, currency, *map(from_units, prices))
