"""Storing a connector's status and telling others when it changed."""

from csms.v1.events_pb2 import ConnectorStatusChanged
from csms_runtime.clock import to_ms

from csms_device_mgmt import messages
from csms_device_mgmt.domain.availability import ReportedStatus
from csms_device_mgmt.handlers.message import StationMessage
from csms_device_mgmt.store import connectors
from csms_device_mgmt.unit import Unit


async def store_status(unit: Unit, message: StationMessage, reported: ReportedStatus, event_id: str) -> None:
    """Store the status of a connector, known before or not."""
    reported_at = message.moment(reported.timestamp)
    place = (message.station_id, reported.evse_id, reported.connector_id)
    changed = await connectors.report(
        unit.session, place, reported.status, reported_at=reported_at, received_at=message.received_at
    )
    if changed:
        body = ConnectorStatusChanged(
            evse_id=reported.evse_id,
            connector_id=reported.connector_id,
            status=reported.status,
            reported_at_ms=to_ms(reported_at),
        )
        occurred_at = message.received_at
        unit.tell(messages.event(message.station_id, occurred_at, event_id, connector_status_changed=body))
