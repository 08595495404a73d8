"""What the API shows of recorded messages."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from csms_device_mgmt.monitoring.known_vendors import meaning
from csms_device_mgmt.stations.station_views import OcppVersion
from csms_device_mgmt.tables import Notification


class NotificationModel(BaseModel):
    """A recorded message of a station."""

    id: str
    station_id: str
    site_id: str | None = Field(description="Of the station, then")
    action: str
    protocol: OcppVersion
    meaning: str | None = Field(
        description="What a DataTransfer is about that is a known extension of OCPP 1.6; null: its action says it"
    )
    payload: dict[str, Any]
    received_at: datetime


def notification(row: Notification) -> NotificationModel:
    """Show a recorded message."""
    return NotificationModel(
        id=row.record_id,
        station_id=row.station_id,
        site_id=row.site_id,
        action=row.action,
        protocol=row.protocol,
        meaning=meaning(row.action, row.payload),
        payload=row.payload,
        received_at=row.received_at,
    )
