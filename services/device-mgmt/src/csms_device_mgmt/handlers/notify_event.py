"""NotifyEvent (G01, G05, N07, N08): recorded; what it tells of known variables and of connectors is stored."""

from csms_device_mgmt.domain.availability import availability_states
from csms_device_mgmt.domain.device_model import VariableKey
from csms_device_mgmt.handlers.connector_status import store_status
from csms_device_mgmt.handlers.message import Answer, StationMessage
from csms_device_mgmt.handlers.recorded import record
from csms_device_mgmt.store import variables
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Store connector statuses and values; the answer is always empty (N07.FR.03, N08.FR.02)."""
    events = message.payload["eventData"]
    await record(unit, message)
    for index, reported in enumerate(availability_states(events)):
        await store_status(unit, message, reported, f"{message.record_id}:status:{index}")
    for event in events:
        key = VariableKey.of(event["component"], event["variable"])
        await variables.update_known(unit.session, message.station_id, key, event["actualValue"], message.received_at)
    return {}
