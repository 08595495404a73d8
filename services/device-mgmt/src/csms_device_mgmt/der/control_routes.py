"""/stations/{id}/der-controls: the DER controls that a station holds (OCPP 2.1)."""

from datetime import datetime
from typing import Any

from csms_runtime.http import Page, require
from fastapi import APIRouter, Security
from pydantic import BaseModel, Field

from csms_device_mgmt.der import control_rows
from csms_device_mgmt.parameters import StationId, existing
from csms_device_mgmt.tables import DerControl
from csms_device_mgmt.unit import Units


class DerControlModel(BaseModel):
    """A control of distributed energy resources, as far as it was told."""

    id: str
    control_type: str = Field(description="OCPP's DERControlEnumType")
    is_default: bool
    is_superseded: bool = Field(description="Another one counts in its place")
    is_started: bool | None = Field(description="Whether it is active; null: the station has not told")
    changed_at: datetime | None = Field(description="The station's time of that")
    settings: dict[str, Any] = Field(description="In OCPP's words, as they were set or reported last")
    told_at: datetime = Field(description="When the station took it, or reported it last")


def router(units: Units) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["DER controls"])

    @routes.get("/stations/{station_id}/der-controls", dependencies=[Security(require("read"))])
    async def list_der_controls(station_id: StationId) -> Page[DerControlModel]:
        """List the DER controls that the station holds, in order of id: all of them, at most 100.

        Known from SetDERControl, ClearDERControl and reports; `POST /stations/{id}/der-control-reports` asks for one.
        """
        async with units.reading() as session:
            await existing(session, station_id)
            found = await control_rows.of_station(session, station_id)
        return Page(items=[_shown(row) for row in found], next_cursor=None)

    return routes


def _shown(row: DerControl) -> DerControlModel:
    return DerControlModel(
        id=row.control_id,
        control_type=row.control_type,
        is_default=row.is_default,
        is_superseded=row.is_superseded,
        is_started=row.is_started,
        changed_at=row.changed_at,
        settings=row.settings,
        told_at=row.told_at,
    )
