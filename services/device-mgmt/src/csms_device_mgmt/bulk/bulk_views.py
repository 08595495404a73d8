"""What the API shows of commands for many stations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from csms_runtime.http.fields import one_of
from pydantic import BaseModel, Field

from csms_device_mgmt.bulk.progress import FINAL, UNFINISHED, BulkState, TargetStatus, with_waiting
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.tables import BulkJob, BulkTarget, Call

_STATES = (*UNFINISHED, "completed")


class BulkModel(BaseModel):
    """A command for many stations, and how far it is."""

    id: str
    action: str
    payload: dict[str, Any] = Field(description="Secrets are redacted")
    select: Selection = Field(description="As it was asked for; of very many ids the first 500")
    rate_per_s: float
    timeout_s: float | None
    deliver_until: datetime | None
    replace: bool
    state: Annotated[str, one_of(*BulkState)] = Field(
        description="cancelled, completed: nothing more is sent; `finished_at` says when the last station had answered"
    )
    selected: bool = Field(description="Whether the stations are all found; until then `total` grows")
    total: int = Field(description="How many stations it is for")
    done: int = Field(description="Of these, how many it is over for, whatever came of it")
    counts: dict[str, int] = Field(
        description="How many stations by what became of it: waiting (its turn comes), open (the call is recorded and "
        "may be sent), deferred (the call waits for the station to come back), the outcomes of calls, refused (never "
        "sent: `refusal` says why), cancelled"
    )
    requested_by: str | None
    created_at: datetime
    finished_at: datetime | None


class BulkRefusalModel(BaseModel):
    """Why a command was not sent to a station: what the same call alone would have been answered."""

    status: int
    title: str | None
    detail: str | None
    errors: list[dict[str, Any]] = Field(description="The first three things that are wrong with the payload")


class BulkResultModel(BaseModel):
    """What became of the command at one station."""

    id: str
    station_id: str
    state: Annotated[str, one_of(*_STATES)]
    outcome: Annotated[str, one_of(*FINAL)] | None = Field(
        description="As it was counted: an answer that came later stands in the call. refused, cancelled, "
        "not_connected: never sent. null: not over"
    )
    call_id: str | None = Field(description="null: no call was made")
    response: dict[str, Any] | None
    error: dict[str, Any] | None
    refusal: BulkRefusalModel | None
    sent_at: datetime | None
    completed_at: datetime | None


def job(row: BulkJob) -> BulkModel:
    """Show a job."""
    counts = with_waiting(row.counts, row.total)
    return BulkModel(
        id=row.bulk_id,
        action=row.action,
        payload=row.request,
        select=Selection.model_validate(Selection.model_validate(row.selection).shown()),
        rate_per_s=row.rate_per_s,
        timeout_s=row.timeout_s,
        deliver_until=row.deliver_until,
        replace=row.replaces,
        state=row.state,
        selected=row.is_selected,
        total=row.total,
        done=sum(counts[status] for status in FINAL),
        counts=counts,
        requested_by=row.requested_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def result(row: Mapping[str, Any]) -> BulkResultModel:
    """Show a station of a job, with its call, if that is there."""
    target: BulkTarget = row["BulkTarget"]
    call: Call | None = row["Call"]
    is_over = target.status not in UNFINISHED
    return BulkResultModel(
        id=str(target.position),
        station_id=target.station_id,
        state="completed" if is_over else target.status,
        outcome=target.status if is_over else None,
        call_id=target.call_id,
        response=None if call is None else call.response,
        error=None if call is None else call.error,
        refusal=None if target.refusal is None else BulkRefusalModel(**target.refusal),
        sent_at=None if call is None else call.sent_at,
        completed_at=target.completed_at,
    )


def status_of(state: str | None, outcome: str | None) -> TargetStatus | None:
    """Return which stations are asked for by these filters; None: all."""
    status = outcome or state
    return None if status is None else TargetStatus(status)
