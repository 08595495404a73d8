"""ChangeAvailability (G03, G04): others are told what the station agreed to; its status tells when it is so."""

from csms.v1.events_pb2 import AvailabilityOrdered

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.unit import Unit

_AGREED = frozenset({"Accepted", "Scheduled"})


async def apply(unit: Unit, executed: Executed) -> None:
    """Tell of an order that was Accepted, or Scheduled for when nobody charges there any more."""
    status = executed.response["status"] if executed.response else None
    if status not in _AGREED:
        return
    order = versions.VERSIONS[executed.protocol].availability_orders[executed.action](executed.request)
    body = AvailabilityOrdered(
        call_id=executed.call_id,
        evse_id=order.evse_id,
        connector_id=order.connector_id,
        operative=order.operative,
        status=status,
        with_parts=order.with_parts,
    )
    at, event_id = executed.completion.completed_at, f"{executed.call_id}:availability"
    unit.tell(announcements.event(executed.station_id, at, event_id, availability_ordered=body))
