"""/faults: which stations told of something wrong."""

from datetime import datetime
from typing import Annotated

from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.fields import UtcMoment, one_of
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field

from csms_device_mgmt import tables
from csms_device_mgmt.faults import fault_rows
from csms_device_mgmt.parameters import moment_and_id
from csms_device_mgmt.sites.site_views import SITE_ID
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Units

Wanted = Annotated[str | None, Query(max_length=255, pattern=NO_NUL)]
Since = Annotated[UtcMoment | None, Query(description="Only what was received at or after that time")]
Until = Annotated[UtcMoment | None, Query(description="Only what was received before that time")]


class FaultModel(BaseModel):
    """That a station told of something wrong."""

    id: str
    station_id: str
    site_id: str | None = Field(description="Of the station, then")
    evse_id: int | None = Field(description="null: it is of the station as a whole")
    connector_id: int | None = Field(description="null: it is of the EVSE or the station as a whole")
    source: Annotated[str, one_of("status", "event")] = Field(
        description="status: a connector became Faulted, or told an errorCode (OCPP 1.6); event: a NotifyEvent told of "
        "a problem, or of an alert"
    )
    code: str = Field(description="The errorCode of 1.6, the techCode of an event, or its component/variable; Faulted")
    info: str | None
    vendor_id: str | None
    vendor_error_code: str | None
    occurred_at: datetime = Field(description="The station's time, unless it is implausible")
    received_at: datetime


def router(units: Units) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Fleet"])

    @routes.get("/faults", dependencies=[Security(require("read"))])
    async def list_faults(
        page: PageParams,
        *,
        since: Since = None,
        until: Until = None,
        station_id: Wanted = None,
        site_id: Annotated[str | None, Query(pattern=SITE_ID, description="Of the station, then")] = None,
        code: Wanted = None,
    ) -> Page[FaultModel]:
        """List what stations told of something wrong, the newest first: when it began, not that it lasts.

        Stations that have a fault now: `/stations?connector_status=Faulted`; each station once:
        `/stations?faulted_since=…`.
        """
        async with units.reading() as session:
            spelled = None if station_id is None else await station_rows.spelling(session, station_id)
            wanted = {"station_id": spelled, "site_id": site_id, "code": code}
            rows = await fault_rows.page(
                session, wanted, limit=page.limit + 1, before=moment_and_id(page), since=since, until=until
            )
        return paginate(rows, page.limit, position=lambda row: [row.received_at.isoformat(), row.fault_id], item=_shown)

    return routes


def _shown(row: tables.Fault) -> FaultModel:
    return FaultModel(
        id=row.fault_id,
        station_id=row.station_id,
        site_id=row.site_id,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        source=row.source,
        code=row.code,
        info=row.info,
        vendor_id=row.vendor_id,
        vendor_error_code=row.vendor_error_code,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
    )
