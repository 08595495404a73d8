"""NotifyEvent (G01, G05, N07, N08): recorded; what it tells of known variables and of connectors is stored."""

from collections.abc import Sequence
from functools import partial

from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey
from csms_device_mgmt.faults import fault_rows
from csms_device_mgmt.faults.fault import of_events
from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.status.availability import ReportedStatus, availability_states
from csms_device_mgmt.status.connector_status import store_statuses
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Store connector statuses and values; the answer is always empty (N07.FR.03, N08.FR.02)."""
    events = message.payload["eventData"]
    await record(unit, message)
    await store_statuses(unit, message, await message.work(partial(_statuses, message.record_id, events)))
    found = await message.work(partial(of_events, events, message.received_at))
    await fault_rows.add(unit, message, {f"{message.record_id}:fault:{index}": one for index, one in enumerate(found)})
    values = await message.work(partial(_values, events))
    await variable_rows.update_known(unit.session, message.station_id, values, message.received_at)
    return {}


def _statuses(record_id: str, events: Sequence[JsonObject]) -> list[tuple[str, ReportedStatus]]:
    return [(f"{record_id}:status:{index}", found) for index, found in enumerate(availability_states(events))]


def _values(events: Sequence[JsonObject]) -> dict[str, str]:
    """By the variable's path, without secrets; the last of several counts."""
    keyed = ((VariableKey.of(event["component"], event["variable"]), event["actualValue"]) for event in events)
    return {key.path: value for key, value in keyed if not key.is_secret}
