"""What commands change of DER controls, once the station took them (R04)."""

from csms_device_mgmt import versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.der import control_rows
from csms_device_mgmt.der.controls import is_id
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Keep what the station holds now."""
    read = versions.of(executed.protocol).control_changes.get(executed.action)
    response = executed.response
    if read is None or response is None or response["status"] != "Accepted" or not executed.request:
        return
    change, at = read(executed.request, response), executed.completion.completed_at
    if change.cleared is not None:
        await control_rows.clear(unit.session, executed.station_id, change.cleared, at)
    if change.held is not None:
        await control_rows.store(unit.session, executed.station_id, [change.held], at)
        superseded = [name for name in change.superseded if is_id(name)]
        await control_rows.change(unit.session, executed.station_id, superseded, is_superseded=True)
