from datetime import UTC, datetime

import pytest
from csms_device_mgmt.status import connector_rows


@pytest.fixture
def statuses(units, station_id):
    async def read():
        async with units.reading() as session:
            rows = (await connector_rows.of_stations(session, [station_id])).get(station_id, [])
        return {(row.evse_id, row.connector_id): row.status for row in rows}

    return read


async def test_connectors_are_created_as_they_are_mentioned(apply, records, statuses):
    for evse_id, connector_id in [(2, 1), (1, 2), (1, 1)]:
        applied = await apply(records.status("Available", evse_id=evse_id, connector_id=connector_id))
        assert applied.answer == {}
    assert list(await statuses()) == [(1, 1), (1, 2), (2, 1)]


async def test_status_of_a_station_without_a_row_is_taken(apply, records, statuses, station_row):
    await apply(records.status("Faulted"))
    assert await statuses() == {(1, 1): "Faulted"}
    assert await station_row() is None


async def test_only_a_change_is_told(apply, records):
    first = await apply(records.status("Available"))
    again = await apply(records.status("Available"))
    changed = await apply(records.status("Occupied"))
    assert [len(applied.events) for applied in (first, again, changed)] == [1, 0, 1]
    event = changed.events[0].connector_status_changed
    assert (event.evse_id, event.connector_id, event.status) == (1, 1, "Occupied")
    assert event.reported_at_ms == datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000


async def test_the_same_record_twice_changes_nothing(apply, records, statuses):
    record = records.status("Occupied")
    await apply(record)
    assert (await apply(record)).events == []
    assert await statuses() == {(1, 1): "Occupied"}


async def test_a_record_read_again_after_a_later_one_does_not_bring_the_old_status_back(apply, records, statuses):
    older, newer = records.status("Available"), records.status("Occupied")
    await apply(older)
    await apply(newer)
    assert (await apply(older)).events == []
    assert await statuses() == {(1, 1): "Occupied"}


async def test_a_station_may_set_its_clock_back(apply, records, statuses):
    await apply(records.status("Available", timestamp="2030-01-01T00:00:00Z"))
    await apply(records.status("Occupied", timestamp="2026-01-01T00:00:00Z"))
    assert await statuses() == {(1, 1): "Occupied"}


async def test_a_senseless_time_is_replaced_by_the_time_of_receipt(apply, records, units, station_id):
    record = records.status("Available", timestamp="yesterday")
    await apply(record)
    async with units.reading() as session:
        (row,) = (await connector_rows.of_stations(session, [station_id]))[station_id]
    assert row.reported_at == row.received_at


async def test_an_older_status_that_comes_late_changes_nothing(apply, records, statuses):
    await apply(records.status("Available", timestamp="2026-03-01T12:00:00Z"))
    assert (await apply(records.status("Faulted", timestamp="2026-03-01T09:00:00Z"))).events == []
    assert await statuses() == {(1, 1): "Available"}


async def test_after_a_boot_an_earlier_time_counts(apply, records, statuses):
    """The station's clock may have lost its time."""
    await apply(records.status("Available", timestamp="2026-03-01T12:00:00Z"))
    await apply(records.boot())
    await apply(records.status("Faulted", timestamp="2026-03-01T09:00:00Z"))
    assert await statuses() == {(1, 1): "Faulted"}
