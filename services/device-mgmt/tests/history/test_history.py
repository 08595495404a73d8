"""A station's history takes so many bytes; the oldest gives way, of that station alone."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from csms.v1.station_pb2 import Outcome
from csms_db.retention import Retention
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.history import history_rows
from csms_device_mgmt.history.retention import kept
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.refused_messages import refused_message_rows
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Notification, RefusedMessage, ReportPart, Station
from sqlalchemy import func, select

THEN = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 1000


@pytest.fixture(autouse=True)
async def two_stations(units):
    async with units.open() as unit:
        for station_id in ("CS1", "CS2"):
            await station_rows.create(
                unit.session, station_rows.new_station(station_id, Registration.ACCEPTED, 1, THEN)
            )


async def notified(unit, number, station_id="CS1"):
    row = {"record_id": f"{station_id}-{number}", "station_id": station_id, "action": "A", "protocol": "ocpp2.0.1"}
    row |= {"payload": b'"' + b"x" * (SIZE - 2) + b'"', "size": SIZE, "received_at": THEN + timedelta(minutes=number)}
    assert await notification_rows.add(unit.session, row)
    unit.kept(station_id, SIZE)


@pytest.fixture
def size(units):
    async def read(station_id="CS1"):
        async with units.reading() as session:
            row = await session.get(Station, station_id)
            return row.history_bytes, row.history_since

    return read


@pytest.fixture
def left(units):
    async def read(column=Notification.record_id, station_id="CS1"):
        async with units.reading() as session:
            return sorted(await session.scalars(select(column).where(column.class_.station_id == station_id)))

    return read


async def test_it_is_counted(units, size):
    async with units.open() as unit:
        for number in range(3):
            await notified(unit, number)
    assert await size() == (3 * (SIZE + history_rows.ROW_BYTES), None)
    assert await size("CS2") == (0, None)


async def test_the_oldest_of_any_kind_gives_way(units, size, left):
    async with units.open() as unit:
        for number in range(5):
            await notified(unit, number)
            await notified(unit, number, "CS2")
        row = {"record_id": "r", "station_id": "CS1", "protocol": "", "connection_id": "", "kind": "k", "action": ""}
        await refused_message_rows.add(unit.session, row | {"code": "", "detail": "", "received_at": THEN})
        report = await report_rows.begin(unit.session, "CS1", 1, kind=None, call_id=None, now=THEN)
        part = {"station_id": "CS1", "message": report.message, "request_id": 1, "seq_no": 0, "tbc": False}
        await report_rows.add_part(unit.session, part | {"entries": [], "received_at": THEN + timedelta(seconds=1)})
        unit.kept("CS1", 0)
        unit.kept("CS1", 2)
    before, _ = await size()
    async with units.open() as unit:
        await history_rows.make_room(unit.session, ["CS1"], before - 3 * SIZE)
    after, since = await size()
    assert after <= before - 3 * SIZE
    assert since == THEN + timedelta(minutes=1)
    assert await left() == ["CS1-2", "CS1-3", "CS1-4"]
    assert await left(RefusedMessage.record_id) == []
    assert await left(ReportPart.seq_no) == []
    assert len(await left(station_id="CS2")) == 5


async def test_a_bounded_number_of_rows_goes_at_a_time(units, size, left, monkeypatch):
    monkeypatch.setattr(history_rows, "STEP_ROWS", 2)
    monkeypatch.setattr(history_rows, "MAX_STEPS", 3)
    async with units.open() as unit:
        for number in range(10):
            await notified(unit, number)
    for remaining in (4, 0):
        async with units.open() as unit:
            await history_rows.make_room(unit.session, ["CS1"], 0)
        assert len(await left()) == remaining
    assert (await size())[0] == 0


async def test_what_was_counted_too_much_is_forgotten_when_nothing_is_left(units, size, left):
    async with units.open() as unit:
        await notified(unit, 0)
        unit.kept("CS1", 1_000_000)
    async with units.open() as unit:
        await history_rows.make_room(unit.session, ["CS1"], 5_000)
    assert (await left(), (await size())[0]) == ([], 0)
    async with units.open() as unit:
        await notified(unit, 1)
        await history_rows.make_room(unit.session, ["CS1"], 5_000)
    assert await left() == ["CS1-1"]


async def test_a_part_that_replaces_another_counts_once(apply, records, size):
    counted = []
    for _ in range(2):  # two messages with the same requestId and seqNo
        await apply(records.report_part(0, tbc=True))
        counted.append((await size())[0])
    assert counted[1] == counted[0] > 0


async def test_an_outcome_that_replaces_another_counts_once(apply, records, size):
    asked = {"requestId": 1, "reportBase": "FullInventory"}
    unknown = records.result("GetBaseReport", asked, outcome=Outcome.OUTCOME_UNKNOWN, sent=False)
    await apply(unknown)
    answered = {"status": "Accepted"}
    await apply(records.result("GetBaseReport", asked, answered))
    expected = len(orjson.dumps(asked)) + len(orjson.dumps(answered)) + history_rows.ROW_BYTES
    assert (await size())[0] == expected


async def test_what_is_deleted_by_age_counts_no_more(units, database, size):
    async with units.open() as unit:
        for number in range(3):
            await notified(unit, number)
    keep = DeviceSettings(keep_notifications_days=30, keep_calls_days=0, keep_reports_days=0)
    assert await Retention(database, kept(keep)).apply() == {"notifications": 3}
    assert (await size())[0] == 0
    async with units.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Notification)) == 0
