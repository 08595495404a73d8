"""Rows of configuration templates."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from csms_db.sql import insert
from csms_runtime.sealing import Sealer
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.bulk import selection
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.configuration.wanted import Wanted
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.tables import ConfigurationTemplate, Variable

_PURPOSE = "configuration template"


def sealed(sealer: Sealer, template_id: str, wanted: Wanted) -> bytes:
    """Return what is wanted as it is stored."""
    return sealer.seal(orjson.dumps(wanted._asdict()), _PURPOSE, template_id)


def opened(sealer: Sealer, row: ConfigurationTemplate) -> Wanted:
    """Return what a template wants. Raises CannotOpen."""
    return Wanted(**orjson.loads(sealer.open(row.sealed, _PURPOSE, row.template_id)))


async def find(session: AsyncSession, template_id: str) -> ConfigurationTemplate | None:
    """Return the template, or None."""
    return await session.get(ConfigurationTemplate, template_id)


async def put(session: AsyncSession, columns: Mapping[str, Any]) -> None:
    """Create or change a template; when it was created stays."""
    statement = insert(session, ConfigurationTemplate).values(**columns)
    changed = {name: value for name, value in columns.items() if name not in {"template_id", "created_at"}}
    await session.execute(statement.on_conflict_do_update(index_elements=["template_id"], set_=changed))


async def remove(session: AsyncSession, template_id: str) -> bool:
    """Delete a template; False: there is none."""
    gone = delete(ConfigurationTemplate).where(ConfigurationTemplate.template_id == template_id)
    found = await session.execute(gone.returning(ConfigurationTemplate.template_id))
    return found.scalar() is not None


async def count(session: AsyncSession) -> int:
    """Return how many there are."""
    return await session.scalar(select(func.count()).select_from(ConfigurationTemplate)) or 0


async def page(session: AsyncSession, *, limit: int, after: str | None) -> Sequence[ConfigurationTemplate]:
    """Return up to `limit` templates in the order of their ids."""
    statement = select(ConfigurationTemplate).order_by(ConfigurationTemplate.template_id).limit(limit)
    if after is not None:
        statement = statement.where(ConfigurationTemplate.template_id > after)
    return (await session.scalars(statement)).all()


async def of_station(
    session: AsyncSession, station_id: str, presence: Presence, *, on_connect: bool = False
) -> Sequence[ConfigurationTemplate]:
    """Return the templates that select a station, in the order of their ids; `on_connect`: of these applied then."""
    statement = select(ConfigurationTemplate).order_by(ConfigurationTemplate.template_id)
    if on_connect:
        statement = statement.where(ConfigurationTemplate.on_connect)
    return [
        row
        for row in await session.scalars(statement)
        if await selection.has(session, Selection.model_validate(row.selection), presence, station_id)
    ]


async def values(
    session: AsyncSession, station_ids: Sequence[str], paths: Sequence[str]
) -> Mapping[str, Mapping[str, str | None]]:
    """Return the stored values of variables, by station and path."""
    which = (Variable.station_id.in_(station_ids), Variable.path.in_(paths))
    found: dict[str, dict[str, str | None]] = {station_id: {} for station_id in station_ids}
    for row in await session.execute(select(Variable.station_id, Variable.path, Variable.value).where(*which)):
        found[row.station_id][row.path] = row.value
    return found
