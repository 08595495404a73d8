"""Orders of services that hold no connections to close a station's."""

from csms.v1.station_pb2 import CloseConnection
from csms_bus.records import new_record

ORDER = new_record("CS1", close_connection=CloseConnection(reason="a certificate was revoked"))


def closed(applied):
    return [
        (item.topic, item.partition, item.record.close_connection)
        for item in applied.told
        if item.record.HasField("close_connection")
    ]


async def test_the_gateway_that_has_the_connection_is_told_to_close_it(with_station, apply, records):
    await with_station()
    await apply(records.connection("c1", slot=3, epoch=100))
    wanted = CloseConnection(
        gateway_epoch=100, connection_id="c1", connection_number=ord("1"), reason="a certificate was revoked"
    )
    assert closed(await apply(ORDER)) == [("gateway.inbox", 3, wanted)]


async def test_a_station_that_is_not_connected_has_nothing_to_close(with_station, apply, records):
    await with_station()
    assert closed(await apply(ORDER)) == []
    await apply(records.connection("c1", slot=3, epoch=100))
    await apply(records.connection("c1", slot=3, epoch=100, is_open=False))
    assert closed(await apply(ORDER)) == []


async def test_an_unknown_station_has_none(apply):
    assert closed(await apply(ORDER)) == []
