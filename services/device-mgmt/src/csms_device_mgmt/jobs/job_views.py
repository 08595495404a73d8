"""What the API shows of jobs."""

from datetime import datetime
from typing import Annotated, Any

from csms_runtime.http.fields import one_of
from pydantic import BaseModel, Field

from csms_device_mgmt.jobs.course import JobState


class JobStepModel(BaseModel):
    """A message of the station about a job."""

    status: str = Field(description="OCPP's status; Booted: the station booted while the update was under way")
    action: str
    detail: dict[str, Any] = Field(description="What else the message said")
    received_at: datetime


class JobModel(BaseModel):
    """What a station does on request, and what it reported on it."""

    id: str
    station_id: str
    request_id: int
    call_id: str | None = Field(description="The call that asked for it; null: it was not asked for here")
    state: Annotated[str, one_of(*JobState)]
    status: str | None = Field(description="OCPP's status as reported last; null: none yet")
    request: dict[str, Any] | None
    response: dict[str, Any] | None = Field(description="The station's answer to the request")
    created_at: datetime
    updated_at: datetime
    history: list[JobStepModel] = Field(
        description="The oldest first; of very many or very large steps only the newest"
    )
