"""What 0019 does to stations that are there already: they are compared without case from then on."""

import pytest
from csms_runtime.starting import CannotStart
from csms_testing.old_databases import OldDatabase, old_database_fixture

STATION = """
    INSERT INTO stations (
        station_id, registration, onboarding, vendor_ids, password_set, revision, next_request_id, connection_open,
        created_at, updated_at
    )
    VALUES (:id, 'Accepted', 'none', '[]', false, 1, 1, false, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00')
"""


old = old_database_fixture("csms_device_mgmt", "devices", before="0019")


async def test_stations_keep_their_spelling(old: OldDatabase) -> None:
    await old.execute(STATION, *({"id": name} for name in ("CS-One", "RDÄM", "x")))
    await old.migrate()
    found = await old.rows("SELECT station_id, station_key FROM stations ORDER BY station_key")
    assert found == [("CS-One", "cs-one"), ("RDÄM", "rdÄm"), ("x", "x")]


async def test_twins_are_named_and_nothing_is_changed(old: OldDatabase) -> None:
    await old.execute(STATION, *({"id": name} for name in ("CS1", "cs1", "X", "y", "Y")))
    with pytest.raises(CannotStart) as ended:
        await old.migrate()
    text = str(ended.value)
    assert "CS1, cs1, Y, y." in text
    assert "DELETE /api/v1/stations/{id}" in text
    assert "\n" not in text
    assert await old.revision() == "0018"
    await old.execute("DELETE FROM stations WHERE station_id IN ('cs1', 'y')")
    await old.migrate()
