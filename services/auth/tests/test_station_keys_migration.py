"""What 0012 does to stations that are there already: they are compared without case from then on."""

import pytest
from csms_runtime.starting import CannotStart
from csms_testing.old_databases import OldDatabase, old_database_fixture

STATION = """
    INSERT INTO stations (
        station_id, revision, security_profile, serial_number, message_timeout_s, password_revision, deleted, updated_at
    )
    VALUES (:id, 1, 0, :serial, 0, 1, :deleted, '2026-01-01 00:00:00+00')
"""

old = old_database_fixture("csms_auth", "auth", before="0012")


def known(name: str, *, deleted: bool = False, serial: str = "") -> dict[str, object]:
    return {"id": name, "deleted": deleted, "serial": serial}


async def test_stations_keep_their_spelling(old: OldDatabase) -> None:
    await old.execute(STATION, known("CS-One", serial="SN-1"), known("RDÄM"), known("cs-one", deleted=True))
    await old.migrate()
    found = await old.rows("SELECT station_id, station_key, serial_key FROM stations")
    assert sorted(found) == [("CS-One", "cs-one", "sn-1"), ("RDÄM", "rdÄm", ""), ("cs-one", "cs-one", "")]


async def test_twins_are_named_and_nothing_is_changed(old: OldDatabase) -> None:
    await old.execute(STATION, known("CS1"), known("cs1"))
    with pytest.raises(CannotStart, match=r"CS1, cs1\. Nothing was changed"):
        await old.migrate()
    assert await old.revision() == "0011"
