"""Storing connectors' statuses and telling others when they changed."""

from collections.abc import Iterable

from csms.v1.events_pb2 import ConnectorStatusChanged
from csms_runtime.clock import to_ms

from csms_device_mgmt import messages
from csms_device_mgmt.domain.availability import ReportedStatus
from csms_device_mgmt.handlers import not_kept
from csms_device_mgmt.handlers.message import StationMessage
from csms_device_mgmt.store.connectors import Status
from csms_device_mgmt.unit import Unit


async def store_statuses(unit: Unit, message: StationMessage, reported: Iterable[tuple[str, ReportedStatus]]) -> None:
    """Store statuses of connectors, known before or not, each with the id of the event that tells of it.

    Of several for one connector the last one counts. Connectors beyond what a station may have are passed over.
    """
    latest = {(status.evse_id, status.connector_id): (event_id, status) for event_id, status in reported}
    await unit.statuses.load(unit.session, [message.station_id])
    known = unit.statuses.places(message.station_id)
    new = [place for place in latest if place not in known]
    left_out = new[max(0, unit.settings.station_connectors - len(known)) :]
    for place in left_out:
        del latest[place]
    await not_kept.note(unit, message, "connectors", len(left_out), "CSMS_STATION_CONNECTORS")
    for event_id, status in latest.values():
        _store(unit, message, status, event_id)


def _store(unit: Unit, message: StationMessage, reported: ReportedStatus, event_id: str) -> None:
    reported_at = message.moment(reported.timestamp)
    status = Status(reported.status, reported_at, message.received_at)
    place = (reported.evse_id, reported.connector_id)
    if unit.statuses.report(message.station_id, place, status):
        body = ConnectorStatusChanged(
            evse_id=reported.evse_id,
            connector_id=reported.connector_id,
            status=reported.status,
            reported_at_ms=to_ms(reported_at),
        )
        occurred_at = message.received_at
        unit.tell(messages.event(message.station_id, occurred_at, event_id, connector_status_changed=body))
