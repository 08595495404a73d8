"""Stations are found by what their texts contain, whoever writes them and in whatever case."""

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.stations import station_list, station_rows
from csms_device_mgmt.stations.station_filters import StationFilter
from csms_device_mgmt.stations.station_list import StationSort
from csms_device_mgmt.tables import Station, StationText
from csms_runtime.clock import utcnow
from sqlalchemy import delete, select, update


@pytest.fixture
async def fleet(database):
    async with database.transaction() as session:
        for name in ("CS1", "CS2_x", "50%"):
            await station_rows.create(session, station_rows.new_station(name, Registration.ACCEPTED, 1, utcnow()))
    return database


@pytest.fixture
def found(fleet):
    async def ids(text):
        async with fleet.reading() as session:
            order, wanted = StationSort.STATION_ID, StationFilter(q=text)
            rows = await station_list.page(session, order, wanted, gateways=(), limit=10, after=None)
        return [row.station_id for row in rows]

    return ids


async def changed(database, station_id, **columns):
    async with database.transaction() as session:
        await session.execute(update(Station).where(Station.station_id == station_id).values(**columns))


@pytest.mark.parametrize(
    ("text", "ids"),
    [("s1", ["CS1"]), ("cs", ["CS1", "CS2_x"]), ("2_X", ["CS2_x"]), ("_", ["CS2_x"]), ("%", ["50%"]), ("/", [])],
)
async def test_by_id(found, text, ids):
    assert await found(text) == ids


@pytest.mark.parametrize("column", ["vendor_name", "model", "boot_serial_number", "serial_number"])
async def test_by_what_it_told_last(fleet, found, column):
    await changed(fleet, "CS1", **{column: "Old Text"})
    assert await found("d te") == ["CS1"]
    await changed(fleet, "CS1", **{column: None})
    assert await found("d te") == []


async def test_a_text_does_not_go_on_in_the_next_column(fleet, found):
    await changed(fleet, "CS1", vendor_name="Ab", model="Cd")
    assert await found("bc") == []


async def test_what_is_deleted_is_not_found(fleet, found):
    async with fleet.transaction() as session:
        await session.execute(delete(Station).where(Station.station_id == "CS1"))
    assert await found("CS1") == []
    async with fleet.reading() as session:
        assert "CS1" not in (await session.scalars(select(StationText.station_id))).all()
