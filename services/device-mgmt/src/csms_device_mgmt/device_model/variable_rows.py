"""Rows of the device model."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

from csms_db.statements import Lookup, Update, Upsert
from csms_runtime import heavy
from sqlalchemy import ColumnElement, Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.device_model.variable_key import ReportedAttribute, VariableKey
from csms_device_mgmt.tables import Variable

_TOLD_BYTES = 128
"""Of a value in a message, about."""

Row = tuple[Any, ...]
"""A row of the table, in the order of `_NAMES`."""

_TABLE: Table = Variable.__table__  # type: ignore[assignment]  # SQLAlchemy says FromClause
_KEYS = ("station_id", "path")
_PLACE = ("component_name", "component_instance", "evse_id", "connector_id", "variable_name", "variable_instance")
_TOLD = ("value", "updated_at")
_REPORTED = ("mutability", "persistent", "constant", "characteristics")
_NAMES = (*_KEYS, *_PLACE, "attribute_type", *_TOLD, *_REPORTED)
_PATH = 1

_STORE_REPORTED = Upsert(_TABLE, _NAMES, by=_KEYS, changed=(*_TOLD, *_REPORTED), kept=("value",))
_STORE_VALUES = Upsert(_TABLE, _NAMES[: -len(_REPORTED)], by=_KEYS, changed=_TOLD)
_UPDATE_KNOWN = Update(_TABLE, by=_KEYS, names=_TOLD)
_KNOWN = Lookup([_TABLE.c.path], [_TABLE.c.station_id, _TABLE.c.path])


def reported_rows(station_id: str, attributes: Iterable[ReportedAttribute], at: datetime) -> list[Row]:
    """Return the rows of what a report says of variables, each variable once. Only computes."""
    rows = {
        attribute.key.path: (
            *_row(station_id, attribute.key, attribute.value, at),
            attribute.mutability,
            attribute.persistent,
            attribute.constant,
            attribute.characteristics,
        )
        for attribute in attributes
    }
    return _in_order(rows.values())


async def store_reported(session: AsyncSession, station_id: str, rows: Sequence[Row], most: int) -> int:
    """Store what a report says of variables; return how many it left out, so that a station has no more than `most`.

    A report that leaves a value out (WriteOnly) keeps the stored one.
    """
    fitting = await _fitting(session, station_id, rows, most)
    await _STORE_REPORTED.execute(session, fitting)
    return len(rows) - len(fitting)


async def store_values(
    session: AsyncSession, station_id: str, values: Mapping[VariableKey, str | None], at: datetime, most: int
) -> int:
    """Store values that were read from or set on the station; variables not known before are added, up to `most`.

    Returns how many were left out.
    """
    rows = await heavy.run(len(values) * _TOLD_BYTES, partial(_told_rows, station_id, values, at))
    fitting = await _fitting(session, station_id, rows, most)
    await _STORE_VALUES.execute(session, fitting)
    return len(rows) - len(fitting)


def _told_rows(station_id: str, values: Mapping[VariableKey, str | None], at: datetime) -> list[Row]:
    by_path = {key.path: _row(station_id, key, value, at) for key, value in values.items()}
    return _in_order(by_path.values())


def _in_order(rows: Iterable[Row]) -> list[Row]:
    """In one order, so that two processes cannot wait for each other."""
    return sorted(rows, key=itemgetter(_PATH))


async def _fitting(session: AsyncSession, station_id: str, rows: Sequence[Row], most: int) -> Sequence[Row]:
    """Return the rows of known variables, and of others as many as there is room for."""
    count = select(func.count()).select_from(Variable).where(Variable.station_id == station_id)
    stored = await session.scalar(count) or 0
    if stored + len(rows) <= most:
        return rows
    paths = [row[_PATH] for row in rows]
    known = {path for (path,) in await _KNOWN.fetch(session, [station_id], paths)}
    room = max(0, most - stored)
    new = islice((path for path in paths if path not in known), room)
    wanted = known.union(new)
    return [row for row in rows if row[_PATH] in wanted]


async def update_known(session: AsyncSession, station_id: str, values: Mapping[str, str], at: datetime) -> None:
    """Store values that events told, by path, of those variables that are known."""
    await _UPDATE_KNOWN.execute(session, [(station_id, path, value, at) for path, value in sorted(values.items())])


async def remove_older(session: AsyncSession, station_id: str, before: datetime) -> None:
    """Delete the variables of which nothing was told since that moment."""
    old = (Variable.station_id == station_id, Variable.updated_at < before)
    await session.execute(delete(Variable).where(*old).execution_options(synchronize_session=False))


async def places(session: AsyncSession, station_id: str) -> Collection[tuple[int, int | None]]:
    """Return the EVSEs that components are of, each with the connectors: (EVSE, connector or None)."""
    of_evses = (Variable.station_id == station_id, Variable.evse_id.is_not(None))
    found = await session.execute(select(Variable.evse_id, Variable.connector_id).where(*of_evses).distinct())
    return [(evse_id, connector_id) for evse_id, connector_id in found if evse_id is not None]


async def values(session: AsyncSession, station_id: str, keys: Iterable[VariableKey]) -> Mapping[str, str | None]:
    """Return the stored values of those variables that are known, by path."""
    paths = [key.path for key in keys]
    statement = select(Variable.path, Variable.value).where(Variable.station_id == station_id, Variable.path.in_(paths))
    return {row.path: row.value for row in await session.execute(statement)}


async def find(session: AsyncSession, station_id: str, keys: Iterable[VariableKey]) -> Mapping[str, Variable]:
    """Return the rows of those variables that are known, by path."""
    paths = [key.path for key in keys]
    statement = select(Variable).where(Variable.station_id == station_id, Variable.path.in_(paths))
    return {row.path: row for row in await session.scalars(statement)}


async def page(
    session: AsyncSession,
    station_id: str,
    *,
    limit: int,
    after: str | None,
    component: str | None = None,
    variable: str | None = None,
) -> Sequence[Variable]:
    """Return up to `limit` variables in order of path, those after the path `after`; names match in any case."""
    conditions: list[ColumnElement[bool]] = [Variable.station_id == station_id]
    if after is not None:
        conditions.append(Variable.path > after)
    if component is not None:
        conditions.append(func.lower(Variable.component_name) == component.lower())
    if variable is not None:
        conditions.append(func.lower(Variable.variable_name) == variable.lower())
    statement = select(Variable).where(*conditions).order_by(Variable.path).limit(limit)
    return (await session.scalars(statement)).all()


def _row(station_id: str, key: VariableKey, value: str | None, at: datetime) -> Row:
    return (
        station_id,
        key.path,
        key.component,
        key.component_instance,
        key.evse_id,
        key.connector_id,
        key.variable,
        key.variable_instance,
        key.attribute,
        value,
        at,
    )
