"""NotifyEVChargingNeeds (K15, K17 to K20, Q01): a vehicle says what it needs; it gets a schedule if one can be made."""

from csms_device_mgmt.commands.command import Target
from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.smart_charging import charging_evse_rows, schedules, station_limits
from csms_device_mgmt.smart_charging.charging_needs import Needs, read
from csms_device_mgmt.smart_charging.dynamic_schedule import is_id
from csms_device_mgmt.smart_charging.offering import Line, offer
from csms_device_mgmt.smart_charging.tx_profiles import own_id
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit

_ACCEPTED, _REJECTED, _NO_PROFILE = "Accepted", "Rejected", "NoChargingProfile"


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Answer whether a schedule comes, and send it: at once, or as soon as the transaction at the EVSE is known."""
    await record(unit, message)
    needs, evse_id = read(message.payload), message.payload["evseId"]
    station = await station_rows.find(unit.session, message.station_id)
    if station is None or not is_id(evse_id) or evse_id < 1:
        return {"status": _none(needs)}
    status = await _status(unit, station, int(evse_id), needs)
    row = await charging_evse_rows.lock(unit.session, station.station_id, int(evse_id), message.received_at)
    row.needs, row.needs_at, row.offered_to = None, None, None
    if status == _ACCEPTED:
        row.needs, row.needs_at = needs.to_json(), message.received_at
        row.needs_record_id, row.updated_at = message.record_id, message.received_at
        await offer(unit, station, row, Line(message.protocol, Target(*message.place)), message.received_at)
    return {"status": status}


async def _status(unit: Unit, station: Station, evse_id: int, needs: Needs) -> str:
    """Say whether a schedule comes. Rejected with ISO 15118-20: the energy transfer is not allowed (Q01.FR.04)."""
    allowed = station.energy_transfers
    if allowed is not None and needs.transfer not in allowed:
        return _REJECTED
    if not station.charging_schedules or (needs.is_bidirectional and allowed is None):
        return _none(needs)
    known = await station_limits.read(unit.session, station.station_id, evse_id)
    has_id = own_id(evse_id, known.max_external_id) is not None
    return _ACCEPTED if has_id and schedules.made(needs, known.limits, unit.now) is not None else _none(needs)


def _none(needs: Needs) -> str:
    """Say that there is no schedule to offer (K15.FR.04); with ISO 15118-20 that is another word (K18.FR.04)."""
    return _NO_PROFILE if needs.is_20 else _REJECTED
