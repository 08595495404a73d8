"""/firmware-campaigns: a version for many stations."""

from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

from csms_runtime import heavy
from csms_runtime.http import CurrentPrincipal, Page, PageParams, Problem, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.fields import one_of
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Response, Security
from pydantic import BaseModel, ConfigDict, Field

from csms_device_mgmt.bulk import bulk_rows, bulk_views
from csms_device_mgmt.bulk.beginning import MOST_UNFINISHED, Beginning, NewJob
from csms_device_mgmt.bulk.bulk_routes import BulkId
from csms_device_mgmt.bulk.progress import BulkState, TargetStatus
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.campaigns.plan import Plan, Window
from csms_device_mgmt.campaigns.updating import PROCEDURE
from csms_device_mgmt.commands.checks import violations
from csms_device_mgmt.jobs.course import JobKind
from csms_device_mgmt.json import size_of
from csms_device_mgmt.parameters import location, moment_and_id
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.stations.station_filter_params import Version
from csms_device_mgmt.tables import BulkJob
from csms_device_mgmt.unit import Units
from csms_device_mgmt.versions import ASSUMED, VERSIONS
from csms_device_mgmt.versions.version import DeviceVersion

Percent = Annotated[float, Field(gt=0, le=100)]
_NAMES = {
    TargetStatus.WAITING: "waiting",
    TargetStatus.OPEN: "asked",
    TargetStatus.DEFERRED: "updating",
    TargetStatus.RESULT: "updated",
    TargetStatus.ERROR: "failed",
    TargetStatus.TIMEOUT: "timeout",
    TargetStatus.UNKNOWN: "unknown",
    TargetStatus.NOT_CONNECTED: "not_connected",
    TargetStatus.REFUSED: "refused",
    TargetStatus.CANCELLED: "cancelled",
}


class CampaignBody(BaseModel):
    """A firmware campaign."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: Version = Field(description="The version that the firmware has, as stations tell it when they have booted")
    request: dict[str, Any] = Field(
        repr=False, description="What POST /stations/{station_id}/firmware-updates takes: `firmware` with its location"
    )
    select: Selection
    waves: list[Percent] = Field(
        default_factory=lambda: [100.0],
        min_length=1,
        max_length=20,
        description="Per cent of the stations up to the end of each wave, each more than the one before: [1, 10, 100]. "
        "The last one has all. A wave "
        "begins when all stations of those before are through",
    )
    window: Window | None = Field(None, description="When updates may be begun; null: always")
    stop_on_failure_rate: float | None = Field(
        None, ge=0, le=1, description="It is paused when a greater share than this has failed, of 5 stations or more"
    )
    give_up_after_h: float = Field(24, gt=0, le=24 * 30, description="How long an update may take, in hours")
    rate_per_s: float = Field(1, gt=0, le=100, description="How many stations are begun with in a second at most")


class CampaignModel(BaseModel):
    """A firmware campaign, and how far it is."""

    id: str = Field(description="Of the job, too: /bulk/{id}/results, /bulk/{id}/pause and so on")
    version: str
    request: dict[str, Any]
    select: Selection
    waves: list[float]
    wave: int = Field(description="Which wave it is in, from 1 on")
    window: Window | None
    stop_on_failure_rate: float | None
    give_up_after_h: float
    state: Annotated[str, one_of(*BulkState)]
    note: str | None = Field(description="Why it was paused, if nobody asked for it")
    total: int
    counts: dict[str, int] = Field(description=f"How many stations are: {', '.join(_NAMES.values())}")
    requested_by: str | None
    created_at: datetime
    finished_at: datetime | None


def router(units: Units, beginning: Beginning) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Firmware campaigns"], prefix="/firmware-campaigns")
    read, operate = Security(require("read")), Security(require("operate"))

    @routes.post(
        "",
        dependencies=[operate],
        status_code=202,
        responses={429: problem(f"{MOST_UNFINISHED} jobs are not over yet")},
    )
    async def start_firmware_campaign(
        body: CampaignBody, principal: CurrentPrincipal, response: Response
    ) -> CampaignModel:
        """Have stations update their firmware: each is asked once, unless it has the version already.

        A station is through when it has booted with the version, or tells that it failed or is installed. It is a job
        of /bulk: pause, resume, cancel and results are there. One that was paused for failures goes on by `resume`.
        """
        if any(later <= earlier for earlier, later in pairwise(body.waves)):
            raise invalid_request([FieldError("/waves", "each wave is of more stations than the one before")])
        await heavy.run(size_of(body.request), partial(_check, body.request))
        fields = body.model_dump(include=Plan.model_fields.keys() - {"window"})
        plan = Plan(**fields, window=body.window)
        new = NewJob(
            action="UpdateFirmware",
            payload={"version": body.version, "request": body.request},
            shown=redacted(ASSUMED.protocol, "UpdateFirmware", body.request),
            select=body.select,
            rate_per_s=body.rate_per_s,
            procedure=PROCEDURE,
            plan=plan.model_dump(mode="json"),
        )
        row = await beginning.begin(new, principal.name)
        response.headers["Location"] = location("firmware-campaigns", row.bulk_id)
        return _shown(row)

    @routes.get("", dependencies=[read])
    async def list_firmware_campaigns(page: PageParams) -> Page[CampaignModel]:
        """List campaigns, the newest first."""
        before = moment_and_id(page)
        async with units.reading() as session:
            rows = await bulk_rows.page(session, limit=page.limit + 1, before=before, procedure=PROCEDURE)
        return paginate(rows, page.limit, position=lambda row: [row.created_at.isoformat(), row.bulk_id], item=_shown)

    @routes.get("/{bulk_id}", dependencies=[read])
    async def get_firmware_campaign(bulk_id: BulkId) -> CampaignModel:
        """Return a campaign and how far it is."""
        async with units.reading() as session:
            row = await bulk_rows.find(session, bulk_id)
        if row is None or row.procedure != PROCEDURE:
            raise Problem(404, "Unknown campaign", "there is no such firmware campaign")
        return _shown(row)

    return routes


def _shown(row: BulkJob) -> CampaignModel:
    plan, job = Plan.model_validate(row.plan), bulk_views.job(row)
    return CampaignModel(
        id=row.bulk_id,
        **plan.model_dump(exclude={"window"}),
        window=plan.window,
        request=row.request,
        select=job.select,
        wave=plan.wave(row.counts, row.total),
        state=row.state,
        note=row.note,
        total=row.total,
        counts={_NAMES[TargetStatus(status)]: number for status, number in job.counts.items()},
        requested_by=row.requested_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _check(wanted: dict[str, Any]) -> None:
    """Raise Problem 422 for what no station could be asked, whichever version it speaks."""
    others = [version for version in VERSIONS.values() if version is not ASSUMED]
    found = _faults(ASSUMED, wanted)
    if found and all(_faults(version, wanted) for version in others):
        raise invalid_request([FieldError(f"/request{fault.pointer}", fault.detail) for fault in found])


def _faults(version: DeviceVersion, wanted: dict[str, Any]) -> list[FieldError]:
    asking = version.job_request(JobKind.FIRMWARE_UPDATE, wanted)
    if asking is None:
        return [FieldError("", "this version has no firmware updates")]
    numbered = {"requestId": 1} if version.is_numbered(asking.action) else {}
    return violations(version, asking.action, {**numbered, **asking.payload})
