"""Beginning a job for many stations."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csms_runtime.http import Problem
from csms_runtime.http.problems import RETRY_AFTER_S, FieldError, invalid_request
from csms_runtime.ids import new_id

from csms_device_mgmt.bulk import bulk_rows, selection
from csms_device_mgmt.bulk.progress import BulkState
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.tables import BulkJob
from csms_device_mgmt.unit import Units

MOST_UNFINISHED = 100
"""Jobs that are not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What is to be done, and where."""

    action: str
    payload: Any = field(repr=False)
    shown: dict[str, Any]
    """The payload without its secrets."""
    select: Selection
    rate_per_s: float
    timeout_s: float | None = None
    deliver_until: datetime | None = None
    replace: bool = False
    procedure: str | None = None
    plan: dict[str, Any] | None = None


class Beginning:
    """Begins jobs. `wake` has them looked for."""

    def __init__(self, units: Units, presence: Presence, wake: Callable[[], None]) -> None:
        self._units, self._presence, self._wake = units, presence, wake

    async def begin(self, new: NewJob, requested_by: str) -> BulkJob:
        """Store a job. Raises Problem 422, 429."""
        most, bulk_id = self._units.settings.bulk_stations, new_id()
        async with self._units.reading() as session:
            count = await selection.count(session, new.select, self._presence, most=most)
        if count > most:
            detail = f"more than {most} stations are selected (CSMS_BULK_STATIONS)"
            raise invalid_request([FieldError("/select", detail)])
        async with self._units.open() as unit:
            if await bulk_rows.unfinished(unit.session) >= MOST_UNFINISHED:
                detail = f"{MOST_UNFINISHED} jobs are not over yet: cancel some, or wait"
                raise Problem(429, "Too many bulk jobs", detail, headers={"Retry-After": str(RETRY_AFTER_S)})
            row = BulkJob(
                bulk_id=bulk_id,
                action=new.action,
                request=new.shown,
                sealed=bulk_rows.sealed(unit.sealer, bulk_id, new.payload),
                procedure=new.procedure,
                plan=new.plan,
                selection=new.select.stored(),
                total=0,
                is_selected=False,
                rate_per_s=new.rate_per_s,
                timeout_s=new.timeout_s,
                deliver_until=new.deliver_until,
                replaces=new.replace,
                requested_by=requested_by,
                state=BulkState.RUNNING.value,
                counts={},
                created_at=unit.now,
            )
            unit.session.add(row)
        self._wake()
        return row
