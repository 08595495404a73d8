from datetime import UTC, datetime, timedelta

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.stations import station_list, station_rows
from csms_device_mgmt.stations.station_filters import StationFilter

THEN = datetime(2026, 1, 1, tzinfo=UTC)


async def test_calls_of_one_moment_are_told_apart_by_id(units):
    async with units.open() as unit:
        for call_id in ("a", "c", "b"):
            row = {
                "call_id": call_id,
                "station_id": "CS1",
                "action": "Reset",
                "protocol": "ocpp2.0.1",
                "request": {},
                "state": "open",
                "origin": "x",
                "created_at": THEN,
                "deadline_at": THEN,
            }
            assert await call_rows.add(unit.session, row)
            assert not await call_rows.add(unit.session, row)
    async with units.reading() as session:
        first = await call_rows.page(session, "CS1", limit=2, before=None)
        assert first.more
        last = first.rows[-1]
        rest = await call_rows.page(session, "CS1", limit=2, before=(last.created_at, last.call_id))
    assert not rest.more
    assert [row.call_id for row in (*first.rows, *rest.rows)] == ["c", "b", "a"]


async def test_notifications(units):
    async with units.open() as unit:
        for number in range(3):
            row = {
                "record_id": f"r{number}",
                "station_id": "CS1",
                "action": "A" if number else "B",
                "protocol": "ocpp2.0.1",
                "payload": {"n": number},
                "size": 7,
                "received_at": THEN + timedelta(microseconds=number),
            }
            await notification_rows.add(unit.session, row)
    async with units.reading() as session:
        first = await notification_rows.page(session, "CS1", limit=1, before=None)
        before = (first.rows[0].received_at, first.rows[0].record_id)
        rest = await notification_rows.page(session, "CS1", limit=5, before=before)
        only = await notification_rows.page(session, "CS1", limit=5, before=None, action="B")
    assert [row.record_id for row in (*first.rows, *rest.rows)] == ["r2", "r1", "r0"]
    assert [row.record_id for row in only.rows] == ["r0"]


async def test_reports(units):
    async with units.open() as unit:
        for request_id in (1, 3, 2):
            await report_rows.begin(unit.session, "CS1", request_id, kind=None, call_id=None, now=THEN)
    async with units.reading() as session:
        assert [row.request_id for row in await report_rows.page(session, "CS1", limit=5, before=3)] == [2, 1]


async def test_stations(units):
    async with units.open() as unit:
        for number, station_id in enumerate(["b", "A", "c_1"]):
            row = station_rows.new_station(station_id, Registration.ACCEPTED, 1, THEN)
            more = {"connection_open": number == 0, "connection_slot": 1, "connection_epoch": 5, "model": "Mo%del"}
            await station_rows.create(unit.session, {**row, **more})

    async def ids(*gateways, **wanted):
        order = station_list.StationSort.STATION_ID
        async with units.reading() as session:
            chosen = StationFilter(**wanted)
            rows = await station_list.page(session, order, chosen, gateways=gateways, limit=9, after=None)
        return {row.station_id for row in rows}

    assert await ids((1, 5), connected=True) == {"b"}
    assert await ids((1, 6), connected=True) == set()
    assert await ids(connected=True) == set()
    assert await ids((1, 5), connected=False) == {"A", "c_1"}
    assert await ids(q="C_1") == {"c_1"}
    assert await ids(q="o%d") == {"b", "A", "c_1"}
    assert await ids(registration=Registration.PENDING) == set()


async def test_request_ids_are_given_once(units):
    async with units.open() as unit:
        assert await station_rows.take_request_id(unit.session, "CS1") is None
        await station_rows.create(unit.session, station_rows.new_station("CS1", Registration.ACCEPTED, 1, THEN))
        assert [await station_rows.take_request_id(unit.session, "CS1") for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("used", "following"),
    [
        (0, 3),
        (2, 3),
        (3, 4),  # the one that would have been next
        (9, 10),
        (station_rows.HIGH_REQUEST_ID - 1, station_rows.HIGH_REQUEST_ID),
        (station_rows.HIGH_REQUEST_ID, 3),
        (2**31 - 1, 3),
    ],
)
async def test_the_first_request_id_that_is_free(units, used, following):
    async with units.open() as unit:
        await station_rows.create(unit.session, station_rows.new_station("CS1", Registration.ACCEPTED, 1, THEN))
        assert [await station_rows.take_request_id(unit.session, "CS1") for _ in range(2)] == [1, 2]
        await station_rows.request_id_taken(unit.session, "CS1", used)
        assert await station_rows.take_request_id(unit.session, "CS1") == following
        assert await station_rows.take_request_id(unit.session, "CS1") == following + 1


async def test_a_change_needs_the_revision_it_was_made_on(units):
    async with units.open() as unit:
        await station_rows.create(unit.session, station_rows.new_station("CS1", Registration.ACCEPTED, 1, THEN))
        assert await station_rows.change(unit.session, "CS1", 1, {"revision": 2})
        assert not await station_rows.change(unit.session, "CS1", 1, {"revision": 3})
        assert not await station_rows.create(
            unit.session, station_rows.new_station("CS1", Registration.ACCEPTED, 1, THEN)
        )
