"""What a ChangeAvailability orders (G03, G04), whichever version of OCPP writes it."""

from typing import NamedTuple

from csms_device_mgmt.status.availability import WHOLE_EVSE, WHOLE_STATION


class AvailabilityOrder(NamedTuple):
    """That a station, an EVSE or a connector is to be used, or not any more."""

    operative: bool
    evse_id: int = WHOLE_STATION
    connector_id: int = WHOLE_EVSE
    with_parts: bool = False
    """It is for all EVSEs and connectors, whatever was ordered of them."""
