"""What stations tell of DER controls (R04, OCPP 2.1)."""

from csms_device_mgmt.der import control_rows
from csms_device_mgmt.der.controls import is_id, reported
from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.reports.report_part import take_part
from csms_device_mgmt.reports.series import DER_CONTROLS
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.unit import Unit


async def told(unit: Unit, message: StationMessage) -> Answer:
    """ReportDERControl: a part of a report, which says what the station holds."""
    await record(unit, message)
    taken = await take_part(unit, message, DER_CONTROLS)
    controls = await message.work(lambda: list(reported(taken.entries)))
    await control_rows.store(unit.session, message.station_id, controls, message.received_at)
    return {}


async def started_or_stopped(unit: Unit, message: StationMessage) -> Answer:
    """NotifyDERStartStop: a control is active from now on, or is no longer, and others give way to it."""
    is_new, payload = await record(unit, message), message.payload
    if not is_new or not is_id(payload["controlId"]):
        return {}
    state = {"is_started": payload["started"], "changed_at": message.moment(payload["timestamp"])}
    await control_rows.change(unit.session, message.station_id, [payload["controlId"]], **state)
    superseded = [name for name in payload.get("supersededIds", ()) if is_id(name)]
    if payload["started"] and superseded:
        await control_rows.change(unit.session, message.station_id, superseded, is_superseded=True)
    return {}
