"""SetNetworkProfile and its like (B09, A05): a higher security profile that a station took is one it may come with."""

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.security_profile.offered_passwords import PasswordOutcome
from csms_device_mgmt.security_profile.passwords_told import tell_auth
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit
from csms_device_mgmt.versions.version import DeviceVersion

TAKEN = frozenset({"Accepted", "RebootRequired"})


async def apply(unit: Unit, executed: Executed) -> None:
    """Tell auth to let the station in with it, too. A CALL that was sent and not answered may have been obeyed."""
    version = versions.of(executed.protocol)
    read = version.offered_profiles.get(executed.action)
    profile = read(executed.request) if read is not None else 0
    response = executed.response
    taken = response["status"] in TAKEN if response else executed.may_have_been_obeyed
    if not taken:
        await _drop_passwords(unit, executed, version)
    station = (await station_rows.lock(unit.session, [executed.station_id])).get(executed.station_id)
    if station is None or not taken or not profile:
        return
    before = station_rows.profiles_of(station)
    after = before.offered(profile)
    if after != before:
        station_rows.store_profiles(station, after)
        station.revision = announcements.next_revision(station.revision, unit.now)
        unit.tell_first(announcements.admission(station))


async def _drop_passwords(unit: Unit, executed: Executed, version: DeviceVersion) -> None:
    """Have auth forget a password that came along. One that was taken is proved when the station comes with it."""
    passwords = version.passwords.get(executed.action)
    if passwords is None or "connectionData" not in executed.request:
        return  # the gateway leaves a request out that is too large for the bus
    for password in passwords(executed.request):
        await tell_auth(unit, executed.station_id, password, PasswordOutcome.REFUSED)
