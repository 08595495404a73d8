"""Storing connectors' statuses and telling others when they changed."""

from collections.abc import Iterable, Mapping

from csms.v1.events_pb2 import ConnectorStatusChanged
from csms_runtime.clock import to_ms

from csms_device_mgmt import announcements
from csms_device_mgmt.faults import fault_rows
from csms_device_mgmt.faults.fault import Fault, of_status
from csms_device_mgmt.refused_messages import not_kept
from csms_device_mgmt.station_message import StationMessage
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.status.availability import ReportedStatus, moment
from csms_device_mgmt.status.connector_rows import Place, Status
from csms_device_mgmt.unit import Unit


async def store_statuses(unit: Unit, message: StationMessage, reported: Iterable[tuple[str, ReportedStatus]]) -> None:
    """Store statuses of connectors, known before or not, each with the id of the event that tells of it.

    Of several for one connector the latest counts. Connectors beyond what a station may have are passed over.
    """
    latest: dict[Place, tuple[str, Status]] = {}
    for event_id, each in reported:
        place, status = (each.evse_id, each.connector_id), _status(message, each)
        if place not in latest or status.reported_at >= latest[place][1].reported_at:
            latest[place] = event_id, status
    await unit.statuses.load(unit.session, [message.station_id])
    known = unit.statuses.places(message.station_id)
    new = [place for place in latest if place not in known]
    left_out = new[max(0, unit.settings.station_connectors - len(known)) :]
    for place in left_out:
        del latest[place]
    await not_kept.note(unit, message, "connectors", len(left_out), "CSMS_STATION_CONNECTORS")
    station = await station_rows.find(unit.session, message.station_id) if latest else None
    faults: dict[str, Fault] = {}
    for place, (event_id, status) in latest.items():
        if unit.statuses.report(message.station_id, place, status, station.booted_at if station else None):
            _tell(unit, message, place, status, event_id)
            fault = of_status(*place, status.status, status.reported)
            if fault is not None:
                faults[event_id] = fault._replace(occurred_at=status.reported_at)
    await fault_rows.add(unit, message, faults)


def _status(message: StationMessage, reported: ReportedStatus) -> Status:
    told = None if reported.timestamp is None else message.readable(reported.timestamp)
    when = moment(told, message.received_at)
    return Status(reported.status, when.happened_at, when.received_at, when.is_own_time, reported.reported)


def _tell(unit: Unit, message: StationMessage, place: Place, status: Status, event_id: str) -> None:
    evse_id, connector_id = place
    body = ConnectorStatusChanged(
        evse_id=evse_id,
        connector_id=connector_id,
        status=status.status,
        reported_at_ms=to_ms(status.reported_at),
        **_in_its_words(status.reported or {}),
    )
    unit.tell(announcements.event(message.station_id, message.received_at, event_id, connector_status_changed=body))


def _in_its_words(reported: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of the event with what a station of OCPP 1.6 said."""
    return {name: reported[said] for said, name in _WORDS.items() if said in reported}


_WORDS = {
    "status": "reported_status",
    "errorCode": "error_code",
    "info": "info",
    "vendorErrorCode": "vendor_error_code",
    "vendorId": "vendor_id",
}
"""OCPP's names of the fields of ConnectorStatusChanged."""
