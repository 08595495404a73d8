"""What a change of the security profile does when one of its calls is completed (A05)."""

from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.security_profile import profile_changes
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Go on with what the station answered; calls that are none of a change's lead to nothing."""
    await profile_changes.completed(unit, executed.station_id, executed.call_id, executed.protocol, executed.completion)
