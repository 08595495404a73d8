"""What the API shows of refused messages."""

from datetime import datetime

from pydantic import BaseModel, Field

from csms_device_mgmt.stations.station_views import OcppVersion
from csms_device_mgmt.tables import RefusedMessage


class RefusedMessageModel(BaseModel):
    """A message of a station that could not be taken."""

    id: str
    station_id: str
    kind: str = Field(
        description="invalid_frame, binary_frame, call_refused, duplicate_call, invalid_answer, late_answer, "
        "rate_limited, ...; tolerated: it was taken although its schema refuses it; not_kept: it was taken, but not "
        "all of it is kept"
    )
    action: str | None = Field(description="null: not known")
    code: str | None = Field(description="Of the CALLERROR that the station got, or that says what was wrong")
    detail: str = Field(description="What was wrong and where")
    protocol: OcppVersion
    connection_id: str
    received_at: datetime


def refused_message(row: RefusedMessage) -> RefusedMessageModel:
    """Show a message that could not be taken."""
    return RefusedMessageModel(
        id=row.record_id,
        station_id=row.station_id,
        kind=row.kind,
        action=row.action or None,
        code=row.code or None,
        detail=row.detail,
        protocol=row.protocol,
        connection_id=row.connection_id,
        received_at=row.received_at,
    )
