"""/stations/{id}/firmware-updates, firmware-publications, logs: what a station does for a while, with its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.pages import MAX_PAGE_BYTES, PageRequest
from fastapi import APIRouter, Security
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.commands import request_routes
from csms_device_mgmt.commands.execution import CallExecution
from csms_device_mgmt.commands.request_routes import Prepare
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind
from csms_device_mgmt.jobs.job_views import JobModel, JobStepModel
from csms_device_mgmt.log_uploads.asking import with_place
from csms_device_mgmt.parameters import StationId, existing
from csms_device_mgmt.reports.assembled_routes import RequestId
from csms_device_mgmt.tables import Job, JobStep
from csms_device_mgmt.unit import Units
from csms_device_mgmt.versions.version import DeviceVersion, Request

STEPS_SHOWN = 2000
"""The newest of all jobs of an answer."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a kind of job is found."""

    path: str
    one: str
    """What one of them is called in operation ids."""
    kind: JobKind
    title: str
    prepare: Prepare | None = None


RESOURCES = (
    Resource(
        "firmware-updates",
        "firmware_update",
        JobKind.FIRMWARE_UPDATE,
        "firmware updates (L01, L02), also across the reboot",
    ),
    Resource(
        "firmware-publications",
        "firmware_publication",
        JobKind.PUBLICATION,
        "firmware published by a local controller (L03)",
    ),
    Resource("logs", "log", JobKind.LOG, "log uploads (N01)", with_place),
)


def router(units: Units, calls: CallExecution) -> APIRouter:
    """Return the routes of all kinds."""
    routes = APIRouter(tags=["Jobs"])
    for resource in RESOURCES:
        _add(routes, units, resource)
        request_routes.add(
            routes,
            units,
            calls,
            path=resource.path,
            one=resource.one,
            choose=partial(_asking, resource.kind),
            prepare=resource.prepare,
        )
    return routes


def _add(routes: APIRouter, units: Units, resource: Resource) -> None:
    read = [Security(require("read"))]
    collection = f"/stations/{{station_id}}/{resource.path}"

    async def show(station_id: StationId, request_id: RequestId) -> JobModel:
        async with units.reading() as session:
            row = await job_rows.find(session, station_id, resource.kind, request_id)
            if row is None:
                raise Problem(404, "Unknown request", "there is nothing with this request id")
            steps = await _steps(session, [row])
        return _view(row, steps[request_id])

    async def list_all(station_id: StationId, page: PageParams) -> Page[JobModel]:
        before = _position(page)
        async with units.reading() as session:
            await existing(session, station_id)
            found = await job_rows.page(session, station_id, resource.kind, limit=page.limit, before=before)
            steps = await _steps(session, found.rows)
        return paginate(
            found.rows,
            page.limit,
            position=lambda row: [row.created_at.isoformat(), row.request_id],
            item=lambda row: _view(row, steps[row.request_id]),
            more=found.more,
        )

    routes.add_api_route(
        f"{collection}/{{request_id}}",
        show,
        dependencies=read,
        name=f"get_{resource.one}",
        description=f"Return one of a station's {resource.title}, with its history.",
    )
    routes.add_api_route(
        collection,
        list_all,
        dependencies=read,
        name="list_" + resource.path.replace("-", "_"),
        description=f"List a station's {resource.title}: the newest first, each with its history.",
    )


def _asking(kind: JobKind, version: DeviceVersion, wanted: dict[str, Any]) -> Request | None:
    return version.job_request(kind, wanted)


async def _steps(session: AsyncSession, rows: Sequence[Job]) -> Mapping[int, Sequence[JobStep]]:
    return await job_rows.steps_of(session, rows, most=STEPS_SHOWN, most_bytes=MAX_PAGE_BYTES)


def _position(page: PageRequest) -> tuple[datetime, int] | None:
    position = page.after_moment(int)
    return None if position is None else (position[0], position[1])


def _view(row: Job, steps: Sequence[JobStep]) -> JobModel:
    return JobModel(
        id=str(row.request_id),
        station_id=row.station_id,
        request_id=row.request_id,
        call_id=row.call_id,
        state=row.state,
        status=row.status,
        request=row.request,
        response=row.response,
        created_at=row.created_at,
        updated_at=row.updated_at,
        history=[JobStepModel.model_validate(step, from_attributes=True) for step in steps],
    )
