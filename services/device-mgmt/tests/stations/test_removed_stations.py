"""What is left of a station that was removed: nothing, also of what was still on its way."""

from datetime import timedelta

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.stations import removed_station_rows, station_rows
from csms_device_mgmt.status import connector_rows
from csms_device_mgmt.sweeper import Sweeper
from csms_device_mgmt.tables import Base, RemovedStation
from csms_runtime.clock import utcnow
from sqlalchemy import func, select

NOT_OWNED = {"stations", "station_texts", "removed_stations", "settlements", "bulk_targets"}
"""Settlements are books, and the targets of a job for many belong to the job."""


def test_every_table_about_stations_is_thought_of():
    about = {table.name for table in Base.metadata.tables.values() if "station_id" in table.c}
    assert {table.__tablename__ for table in station_rows.OWNED} == about - NOT_OWNED - {"outbox"}


@pytest.fixture
def sweeper(units):
    return Sweeper(units, interval_s=0.01)


@pytest.fixture
def places(units, station_id):
    async def read():
        async with units.reading() as session:
            return len((await connector_rows.of_stations(session, [station_id])).get(station_id, ()))

    return read


@pytest.fixture
def due(units):
    """Makes it time to look for late rows; the station was removed so long ago."""

    async def make(age=timedelta(minutes=2)):
        async with units.open() as unit:
            for row in await unit.session.scalars(select(RemovedStation)):
                row.removed_at, row.due_at = utcnow() - age, utcnow()

    return make


@pytest.fixture
async def removed(apply, records, units, with_station, station_id):
    await with_station()
    await apply(records.status("Available"))
    async with units.open() as unit:
        await station_rows.remove(unit.session, station_id, unit.now)


@pytest.mark.usefixtures("removed")
async def test_what_comes_late_goes_too(apply, records, sweeper, places, due, units):  # noqa: PLR0917 fixtures
    assert await places() == 0
    await apply(records.status("Available"))  # it was on the bus
    assert await places() == 1
    assert await sweeper.forget() == 0  # not yet: more may come
    await due()
    assert await sweeper.forget() == 1
    assert await places() == 0
    assert await sweeper.forget() == 0
    await due(removed_station_rows.LAST + timedelta(seconds=1))
    assert await sweeper.forget() == 1
    async with units.reading() as session:
        assert await session.scalar(select(func.count()).select_from(RemovedStation)) == 0


@pytest.mark.usefixtures("removed")
async def test_a_station_of_that_id_that_is_there_again_keeps_what_it_says(apply, records, sweeper, places, due, units):  # noqa: PLR0917 fixtures
    async with units.open() as unit:
        await station_rows.create(unit.session, station_rows.new_station("CS1", Registration.ACCEPTED, 9, unit.now))
    await apply(records.status("Available"))
    await due()
    assert await sweeper.forget() == 1
    assert await places() == 1
    assert await sweeper.forget() == 0
