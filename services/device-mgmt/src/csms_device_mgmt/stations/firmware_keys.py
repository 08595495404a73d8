"""Keeps the keys by which stations are found by their firmware, whoever wrote the version.

Boots write them. What an earlier version of this service wrote, or another rule made, is made good while stations are
counted.
"""

from csms_db.engine import Database
from sqlalchemy import ColumnElement, func, select, update

from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.stations.firmware_versions import sort_key
from csms_device_mgmt.tables import Station

_AT_ONCE = 500
"""Rows that are locked in one transaction: messages of these stations wait."""


async def renew(database: Database, which: ColumnElement[bool]) -> int:
    """Write the keys that are missing or wrong among these stations; return how many. Raises DatabaseUnavailable."""
    versions = select(Station.firmware_version, Station.firmware_key, func.count()).where(which)
    async with database.reading() as session:
        found = (await session.execute(versions.group_by(Station.firmware_version, Station.firmware_key))).all()
    done = 0
    for version, key, _ in found:
        if key != sort_key(version):
            done += await _renew(database, which, version)
    return done


async def _renew(database: Database, which: ColumnElement[bool], version: str | None) -> int:
    key, done = sort_key(version), 0
    of_version = Station.firmware_version.is_not_distinct_from(version)
    outdated = select(Station.station_id).where(which, of_version, Station.firmware_key != key).limit(_AT_ONCE)
    while True:
        async with database.transaction() as session:
            ids = (await session.scalars(outdated)).all()
            if not ids:
                return done
            await station_rows.hold(session, ids)
            statement = update(Station).where(Station.station_id.in_(ids), of_version).values(firmware_key=key)
            await session.execute(statement.execution_options(synchronize_session=False))
            done += len(ids)
