"""What the API shows of calls."""

from datetime import datetime
from typing import Annotated, Any

from csms_runtime.http.fields import one_of
from pydantic import BaseModel, Field

from csms_device_mgmt.commands.call_rows import CallOutcome, CallState
from csms_device_mgmt.stations.station_views import OcppVersion
from csms_device_mgmt.tables import Call


class CallModel(BaseModel):
    """A CALL and what became of it."""

    call_id: str
    station_id: str
    action: str
    outcome: Annotated[str, one_of(*CallOutcome)] | None = Field(description="null: not known yet")
    response: dict[str, Any] | None
    error: dict[str, Any] | None = Field(
        description="code, description, details, and as source who says so: station, by its CALLERROR; csms, which "
        "refused the station's answer, or did not send the CALL; null, of a call of an earlier version"
    )
    sent_at: datetime | None
    completed_at: datetime | None


class CallRecordModel(CallModel):
    """A CALL with what was asked; secrets are redacted."""

    id: str
    state: Annotated[str, one_of(*CallState)] = Field(
        description="waiting: for the station to come back. A late answer may still replace a timeout"
    )
    protocol: OcppVersion
    request: dict[str, Any]
    requested_by: str | None
    origin: str = Field(description="The service that sent it")
    created_at: datetime
    deliver_until: datetime | None = Field(description="Until when it waits for the station to come back, if it does")


def call(row: Call) -> CallModel:
    """Show a call to the one who waited for it."""
    return CallModel.model_validate(row, from_attributes=True)


def call_record(row: Call) -> CallRecordModel:
    """Show a call in the history."""
    return CallRecordModel(
        **call(row).model_dump(),
        id=row.call_id,
        state=row.state,
        protocol=row.protocol,
        request=row.request,
        requested_by=row.requested_by,
        origin=row.origin,
        created_at=row.created_at,
        deliver_until=row.deliver_until,
    )
