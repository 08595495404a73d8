"""What the API shows of event streams."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from csms_device_mgmt.tables import EventStream, MonitoredVariable, StreamValues

_NOT_TOLD = "null: the station has not told; POST .../monitoring-reports asks it"


class EventStreamModel(BaseModel):
    """A periodic event stream of a station (OCPP 2.1)."""

    id: str
    stream_id: int
    variable_monitoring_id: int
    component: dict[str, Any] | None = Field(description=f"Of what the values are; {_NOT_TOLD}")
    variable: dict[str, Any] | None = Field(description=f"Likewise; {_NOT_TOLD}")
    params: dict[str, Any] = Field(description="How often values come: interval in seconds, or values at once")
    opened_at: datetime
    closed_at: datetime | None = Field(description="null: it is open")
    pending: int | None = Field(description="How many values the station had not sent yet, with its last message")
    last_values_at: datetime | None


class StreamValueModel(BaseModel):
    """A value at a moment."""

    at: datetime
    value: str


class StreamValuesModel(BaseModel):
    """The values of one message of a stream, in the order in which the station told them."""

    id: str
    stream_id: int
    variable_monitoring_id: int | None
    component: dict[str, Any] | None = Field(description="Of what the values are; null: it was not known by then")
    variable: dict[str, Any] | None
    received_at: datetime
    values: list[StreamValueModel]


def event_stream(row: EventStream, monitor: MonitoredVariable | None) -> EventStreamModel:
    """Show a stream."""
    return EventStreamModel(
        id=str(row.stream_id),
        stream_id=row.stream_id,
        variable_monitoring_id=row.monitor_id,
        component=monitor and monitor.component,
        variable=monitor and monitor.variable,
        params=row.params,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        pending=row.pending,
        last_values_at=row.last_values_at,
    )


def stream_values(row: StreamValues) -> StreamValuesModel:
    """Show the values of a message."""
    return StreamValuesModel(
        id=row.record_id,
        stream_id=row.stream_id,
        variable_monitoring_id=row.monitor_id,
        component=row.component,
        variable=row.variable,
        received_at=row.received_at,
        values=[StreamValueModel.model_validate(value) for value in row.data],
    )
