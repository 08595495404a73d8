"""SetNetworkProfile and its like (B09, A05): a higher security profile that a station took is one it may come with."""

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit

TAKEN = frozenset({"Accepted", "RebootRequired"})


async def apply(unit: Unit, executed: Executed) -> None:
    """Tell auth to let the station in with it, too. A CALL that was sent and not answered may have been obeyed."""
    read = versions.of(executed.protocol).offered_profiles.get(executed.action)
    profile = read(executed.request) if read is not None else 0
    response = executed.response
    taken = response["status"] in TAKEN if response else executed.may_have_been_obeyed
    station = (await station_rows.lock(unit.session, [executed.station_id])).get(executed.station_id)
    if station is None or not taken or not profile:
        return
    before = station_rows.profiles_of(station)
    after = before.offered(profile)
    if after != before:
        station_rows.store_profiles(station, after)
        station.revision = announcements.next_revision(station.revision, unit.now)
        unit.tell_first(announcements.admission(station))
