"""What the gateway could not take of a station is kept."""

from csms.v1.station_pb2 import RefusedMessage
from csms_bus.records import new_record
from csms_device_mgmt.refused_messages import refused_message_rows


def refused(station_id="CS1", **more):
    body = {
        "protocol": "ocpp2.0.1",
        "connection_id": "c1",
        "kind": "call_refused",
        "action": "StatusNotification",
        "code": "OccurrenceConstraintViolation",
        "detail": "/connectorStatus: is missing",
        "received_at_ms": 1_767_225_600_000,
    }
    return new_record(station_id, refused_message=RefusedMessage(**(body | more)))


async def kept(units, station_id="CS1"):
    async with units.reading() as session:
        return await refused_message_rows.page(session, station_id, limit=10, before=None)


async def test_it_is_kept_once_and_nothing_is_answered(apply, with_station, units):
    await with_station()
    record = refused()
    applied = [await apply(record), await apply(record)]
    (row,) = await kept(units)
    assert (row.kind, row.action, row.code) == ("call_refused", "StatusNotification", "OccurrenceConstraintViolation")
    assert (row.detail, row.connection_id) == ("/connectorStatus: is missing", "c1")
    assert [(one.replies, one.events) for one in applied] == [([], []), ([], [])]


async def test_it_may_come_before_the_record_of_the_connection(apply, units, station_row):
    await apply(refused())
    assert await station_row() is not None
    assert len(await kept(units)) == 1


async def test_the_station_shows_when_it_was_last_not_listened_to(apply, with_station, station_row):
    await with_station()
    await apply(refused())
    assert (await station_row()).rate_limited_at is None
    for second in (5, 9, 7):  # late and twice
        await apply(refused(kind="rate_limited", received_at_ms=1_767_225_600_000 + second * 1000))
    assert (await station_row()).rate_limited_at.isoformat() == "2026-01-01T00:00:09+00:00"
