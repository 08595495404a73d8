import itertools
from datetime import timedelta

import pytest
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.stations import station_rows
from csms_runtime.clock import from_ms, to_ms
from csms_runtime.settings import UnknownStations


def closings(applied):
    return [item for item in applied.told if item.record.HasField("close_connection")]


async def test_open_and_close(apply, records, with_station, station_row):
    await with_station()
    opened = await apply(records.connection("a"))
    row = await station_row()
    assert (row.connection_open, row.connection_id, row.connection_protocol) == (True, "a", "ocpp2.0.1")
    assert row.last_seen == row.connected_at
    assert opened.event_kinds == ["station_connected"]
    closed = await apply(records.connection("a", is_open=False))
    row = await station_row()
    assert (row.connection_open, row.close_code, row.close_reason) == (False, 1006, "gone")
    assert closed.event_kinds == ["station_disconnected"]


async def test_when_it_was_heard_last_is_known_once_it_is_gone(apply, records, station_row):
    opened = records.connection("a")
    began_at = from_ms(opened.connection.connected_at_ms)
    await apply(opened)
    for connection_id, minutes in (("a", 4), ("b", 1)):  # it never goes back
        closed = records.connection(connection_id, is_open=False)
        closed.connection.last_heard_at_ms = to_ms(began_at + timedelta(minutes=minutes))
        await apply(closed)
        assert (await station_row()).last_seen == began_at + timedelta(minutes=4)


async def test_the_end_told_by_an_older_gateway_changes_no_last_seen(apply, records, station_row):
    await apply(records.connection("a"))
    before = (await station_row()).last_seen
    await apply(records.connection("a", is_open=False))
    assert (await station_row()).last_seen == before


async def test_the_same_record_twice(apply, records, station_row):
    opened, closed = records.connection("a"), records.connection("a", is_open=False)
    await apply(opened)
    assert (await apply(opened)).told == []
    await apply(closed)
    assert (await apply(closed)).told == []
    assert (await apply(opened)).told == []
    assert (await station_row()).connection_open is False


async def test_the_end_is_read_before_the_beginning(apply, records, with_station, station_row):
    await with_station()
    closed = await apply(records.connection("a", is_open=False))
    assert closed.event_kinds == ["station_disconnected"]
    assert (await apply(records.connection("a"))).told == []
    row = await station_row()
    assert (row.connection_open, row.connection_id, row.close_reason) == (False, "a", "gone")


async def test_an_older_connection_whose_opening_comes_late_has_to_end(apply, records, station_row):
    """Its gateway's broker was slow; the station gave up and went to another gateway."""
    await apply(records.connection("b", slot=1, epoch=200))
    for late in (records.connection("a", slot=0, epoch=100), records.connection("a", epoch=100, refresh=True)):
        applied = await apply(late)
        (close,) = closings(applied)
        assert (close.partition, close.record.close_connection.connection_id) == (0, "a")
        assert applied.events == []
    assert (await apply(records.connection("a", slot=0, epoch=100, is_open=False))).told == []
    row = await station_row()
    assert (row.connection_open, row.connection_slot, row.connection_id) == (True, 1, "b")


async def test_a_refresh_repairs_a_row_that_missed_the_opening(apply, records, with_station, station_row):
    await with_station()
    applied = await apply(records.connection("a", refresh=True))
    assert applied.event_kinds == ["station_connected"]
    await apply(records.connection("a", is_open=False))
    assert (await apply(records.connection("a", refresh=True))).told == []
    assert (await station_row()).connection_open is False


async def test_unknown_station_is_created(apply, records, station_row):
    applied = await apply(records.connection("a"))
    assert (await station_row()).registration == "Accepted"
    assert len(applied.admissions) == 1


async def test_a_close_creates_nothing(apply, records, station_row):
    assert (await apply(records.connection("a", is_open=False))).told == []
    assert await station_row() is None


async def test_newer_connection_on_another_gateway_has_the_old_one_closed(apply, records, station_row):
    await apply(records.connection("a", slot=0, epoch=100))
    applied = await apply(records.connection("b", slot=1, epoch=200))
    (close,) = closings(applied)
    assert (close.topic, close.partition) == ("gateway.inbox", 0)
    body = close.record.close_connection
    assert (body.gateway_epoch, body.connection_id) == (100, "a")
    assert applied.event_kinds == ["station_disconnected", "station_connected"]
    assert (await station_row()).connection_id == "b"


async def test_the_end_of_a_newer_connection_ends_both_each_in_an_event_of_its_own(apply, records):
    await apply(records.connection("a", slot=0, epoch=100))
    applied = await apply(records.connection("b", slot=1, epoch=200, is_open=False))
    ended = {event.event_id: event.station_disconnected.connection_id for event in applied.events}
    assert sorted(ended.values()) == ["a", "b"]


async def test_the_old_gateways_late_close_changes_nothing(apply, records, station_row):
    await apply(records.connection("a", slot=0, epoch=100))
    await apply(records.connection("b", slot=1, epoch=200))
    assert (await apply(records.connection("a", slot=0, epoch=100, is_open=False))).told == []
    assert (await station_row()).connection_open is True


async def test_records_read_again_do_not_close_the_live_connection(apply, records, station_row):
    first, second = records.connection("a", slot=0, epoch=100), records.connection("b", slot=1, epoch=200)
    for record in (first, second, first, second):
        applied = await apply(record)
        assert all(close.record.close_connection.connection_id == "a" for close in closings(applied))
    assert (await station_row()).connection_id == "b"


async def test_gateways_replace_their_own_connections(apply, records):
    await apply(records.connection("a", slot=0, epoch=100))
    assert closings(await apply(records.connection("b", slot=0, epoch=100))) == []


async def test_a_closed_connection_is_not_closed_again(apply, records):
    await apply(records.connection("a", slot=0, epoch=100))
    await apply(records.connection("a", slot=0, epoch=100, is_open=False))
    assert closings(await apply(records.connection("b", slot=1, epoch=200))) == []


@pytest.mark.parametrize("last_ended", [True, False])
async def test_whatever_order_they_are_read_in_the_newest_connection_counts(  # noqa: PLR0917 fixtures
    apply, records, with_station, station_row, units, last_ended
):
    """Two gateways, each record once or twice; clocks run as they like: "b" says that it connected a day before."""
    said = [
        records.connection("a", slot=0, epoch=200),
        records.connection("a", slot=0, epoch=200, is_open=False),
        records.connection("b", slot=1, epoch=100),
        *([records.connection("b", slot=1, epoch=100, is_open=False)] if last_ended else []),
    ]
    for record in said[2:]:
        record.connection.connected_at_ms -= 86_400_000
    await with_station()
    for order in itertools.permutations(said):
        for record in (*order, *order):
            applied = await apply(record)
            assert {close.record.close_connection.connection_id for close in closings(applied)} <= {"a"}
        row = await station_row()
        assert (row.connection_id, row.connection_slot, row.connection_open) == ("b", 1, not last_ended)
        async with units.open() as unit:
            again = (await station_rows.lock(unit.session, ["CS1"]))["CS1"]
            again.connection_id, again.connection_number, again.connection_open = None, None, False


class TestUnknownStationsAreRejected:
    @pytest.fixture
    def settings(self):
        return DeviceSettings(unknown_stations=UnknownStations.REJECT)

    async def test_a_station_deleted_while_it_connected_gets_no_row(self, apply, records, station_row):
        assert (await apply(records.connection("a"))).told == []
        assert await station_row() is None
