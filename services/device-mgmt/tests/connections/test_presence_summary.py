from datetime import UTC, datetime, timedelta

from csms.v1.station_pb2 import Presence, PresenceSummary
from csms_bus.records import new_record
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.consumers import PresenceRecords
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_runtime.clock import to_ms
from sqlalchemy import select

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def summary(incoming, **last_seen):
    stations = [Presence(station_id=name, last_seen_ms=to_ms(at)) for name, at in last_seen.items()]
    record = new_record("", presence=PresenceSummary(gateway_slot=0, gateway_epoch=1, stations=stations))
    return incoming(record, topic="gateway.presence")


async def test_last_seen_only_moves_forward(units, incoming, with_station, station_row):
    await with_station()
    handler = PresenceRecords(units)
    later = summary(incoming, CS1=THEN + timedelta(seconds=5), CS2=THEN)
    earlier = summary(incoming, CS1=THEN)
    assert await handler([later, earlier]) == []
    assert (await station_row()).last_seen == THEN + timedelta(seconds=5)
    await handler([earlier])
    assert (await station_row()).last_seen == THEN + timedelta(seconds=5)


async def test_nobody_was_heard_from(units, incoming):
    assert await PresenceRecords(units)([summary(incoming)]) == []


async def test_of_many_stations_nobody_is_skipped_and_few_are_locked_at_once(units, incoming, database, monkeypatch):
    locked = []
    seen = station_rows.seen

    async def counted(session, last_seen):
        locked.append(len(last_seen))
        await seen(session, last_seen)

    monkeypatch.setattr(station_rows, "seen", counted)
    names = [f"CS{number}" for number in range(2_500)]
    async with units.open() as unit:
        rows = [station_rows.new_station(name, Registration.ACCEPTED, 1, unit.now) for name in names]
        await station_rows.create_many(unit.session, rows)
    await PresenceRecords(units)([summary(incoming, **dict.fromkeys(names, THEN))])
    async with database.reading() as session:
        assert set(await session.scalars(select(Station.last_seen))) == {THEN}
    assert locked == [1_000, 1_000, 500], "messages of theirs wait meanwhile"
