"""Stations that nobody created and that are let in all the same (CSMS_UNKNOWN_STATIONS)."""

from csms_device_mgmt import messages
from csms_device_mgmt.domain.registration import registration_of_unknown
from csms_device_mgmt.store import stations
from csms_device_mgmt.store.tables import Station
from csms_device_mgmt.unit import Unit


async def known_or_created(unit: Unit, station_id: str) -> Station | None:
    """Return the station's row, created if the setting lets it in; None if it does not."""
    found = await stations.find(unit.session, station_id)
    if found is not None:
        return found
    registration = registration_of_unknown(unit.settings.unknown_stations)
    if registration is None:
        return None
    revision = messages.next_revision(0, unit.now)
    created = await stations.create(unit.session, stations.new_station(station_id, registration, revision, unit.now))
    station = await stations.find(unit.session, station_id)
    if station is not None and created:
        unit.tell(messages.admission(station))
    return station
