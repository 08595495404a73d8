"""Rows of the device model."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.domain.device_model import ReportedAttribute, VariableKey
from csms_device_mgmt.store.tables import Variable

ROWS_PER_STATEMENT = 500
"""Keeps a statement below the databases' limits on parameters (about 32000)."""


async def store_reported(
    session: AsyncSession, station_id: str, attributes: Iterable[ReportedAttribute], at: datetime
) -> None:
    """Store what a report says of variables. A report that leaves a value out (WriteOnly) keeps the stored one."""
    rows = {
        attribute.key.path: {
            **_columns(station_id, attribute.key, attribute.value, at),
            "mutability": attribute.mutability,
            "persistent": attribute.persistent,
            "constant": attribute.constant,
            "characteristics": attribute.characteristics,
        }
        for attribute in attributes
    }
    known = ("mutability", "persistent", "constant", "characteristics", "updated_at")
    await _upsert(session, list(rows.values()), known, keep_value=True)


async def store_values(
    session: AsyncSession, station_id: str, values: Mapping[VariableKey, str | None], at: datetime
) -> None:
    """Store values that were read from or set on the station; variables not known before are added."""
    rows = {key.path: _columns(station_id, key, value, at) for key, value in values.items()}
    await _upsert(session, list(rows.values()), ("updated_at",), keep_value=False)


async def update_known(session: AsyncSession, station_id: str, key: VariableKey, value: str, at: datetime) -> None:
    """Store a value that an event told, if the variable is known."""
    statement = update(Variable).where(Variable.station_id == station_id, Variable.path == key.path)
    await session.execute(statement.values(value=value, updated_at=at).execution_options(synchronize_session=False))


async def values(session: AsyncSession, station_id: str, keys: Iterable[VariableKey]) -> Mapping[str, str | None]:
    """Return the stored values of those variables that are known, by path."""
    paths = [key.path for key in keys]
    statement = select(Variable.path, Variable.value).where(Variable.station_id == station_id, Variable.path.in_(paths))
    return {row.path: row.value for row in await session.execute(statement)}


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


def _columns(station_id: str, key: VariableKey, value: str | None, at: datetime) -> dict[str, Any]:
    return {
        "station_id": station_id,
        "path": key.path,
        "component_name": key.component,
        "component_instance": key.component_instance,
        "evse_id": key.evse_id,
        "connector_id": key.connector_id,
        "variable_name": key.variable,
        "variable_instance": key.variable_instance,
        "attribute_type": key.attribute,
        "value": value,
        "updated_at": at,
    }


async def _upsert(
    session: AsyncSession, rows: Sequence[dict[str, Any]], changed: Sequence[str], *, keep_value: bool
) -> None:
    """Insert rows or change some columns; `keep_value`: a row without a value leaves the stored one."""
    rows = sorted(rows, key=lambda row: str(row["path"]))
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        statement = insert(session, Variable).values(rows[start : start + ROWS_PER_STATEMENT])
        new = statement.excluded
        updates: dict[str, Any] = {name: new[name] for name in changed}
        updates["value"] = func.coalesce(new["value"], Variable.value) if keep_value else new["value"]
        await session.execute(statement.on_conflict_do_update(index_elements=["station_id", "path"], set_=updates))
