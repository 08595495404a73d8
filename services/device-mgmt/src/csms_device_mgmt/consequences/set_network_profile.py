"""SetNetworkProfile (B09, A05): a higher security profile that the station took is one it may come with."""

from csms_device_mgmt import messages
from csms_device_mgmt.consequences.executed import Executed
from csms_device_mgmt.domain.security_profiles import of_network_profile
from csms_device_mgmt.store import stations
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Tell auth to let the station in with it, too. A CALL that was sent and not answered may have been obeyed."""
    response = executed.response
    taken = response["status"] == "Accepted" if response else executed.may_have_been_obeyed
    station = (await stations.lock(unit.session, [executed.station_id])).get(executed.station_id)
    if station is None or not taken:
        return
    before = stations.profiles_of(station)
    after = before.offered(of_network_profile(executed.request))
    if after != before:
        stations.store_profiles(station, after)
        station.revision = messages.next_revision(station.revision, unit.now)
        unit.tell_first(messages.admission(station))
