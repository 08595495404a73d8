"""Stations that nobody created and that are let in all the same (CSMS_UNKNOWN_STATIONS)."""

from collections.abc import Collection, Mapping

from csms_device_mgmt import announcements
from csms_device_mgmt.boot.registration import registration_of_unknown
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit


async def known_or_created(unit: Unit, station_id: str) -> Station | None:
    """Return the station's row, created if the setting lets it in; None if it does not."""
    found = await station_rows.find(unit.session, station_id)
    return found or (await create_missing(unit, [station_id])).get(station_id)


async def create_missing(unit: Unit, station_ids: Collection[str]) -> Mapping[str, Station]:
    """Create stations that have no row, if the setting lets them in, tell auth, and return their rows, locked."""
    registration = registration_of_unknown(unit.settings.unknown_stations)
    if registration is None or not station_ids:
        return {}
    revision = announcements.next_revision(0, unit.now)
    rows = [
        station_rows.new_station(station_id, registration, revision, unit.now) for station_id in sorted(station_ids)
    ]
    created = await station_rows.create_many(unit.session, rows)
    found = await station_rows.lock(unit.session, station_ids)
    for station_id in created:
        unit.tell(announcements.admission(found[station_id]))
    return found
