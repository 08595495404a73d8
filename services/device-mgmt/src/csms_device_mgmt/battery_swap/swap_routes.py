"""/stations/{id}/battery-swaps: which batteries were swapped (OCPP 2.1)."""

from datetime import datetime
from typing import Any

from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.pages import bad_cursor
from fastapi import APIRouter, Security
from pydantic import BaseModel, Field

from csms_device_mgmt.battery_swap import swap_rows
from csms_device_mgmt.battery_swap.swaps import is_id, state_of
from csms_device_mgmt.parameters import StationId, existing
from csms_device_mgmt.tables import BatterySwap
from csms_device_mgmt.unit import Units


class BatterySwapModel(BaseModel):
    """A swap of batteries. Times are ours, of receipt; null: it has not been told."""

    id: str
    request_id: int
    state: str = Field(description="Requested, BatteryIn, BatteryOut, Completed (both), or Timeout: none was taken out")
    id_token: str | None = Field(description="A key code is masked")
    id_token_type: str | None
    batteries_in: list[dict[str, Any]] | None = Field(description="OCPP's BatteryDataType, the first 8")
    batteries_out: list[dict[str, Any]] | None = Field(description="Likewise")
    requested_at: datetime | None = Field(description="When the station agreed to what was asked of it")
    in_at: datetime | None
    out_at: datetime | None
    timeout_at: datetime | None
    began_at: datetime


def router(units: Units) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Battery swaps"])

    @routes.get("/stations/{station_id}/battery-swaps", dependencies=[Security(require("read"))])
    async def list_battery_swaps(station_id: StationId, page: PageParams) -> Page[BatterySwapModel]:
        """List the swaps of batteries at the station, the newest first."""
        position = page.after_moment(int)
        if position is not None and not is_id(position[1]):
            raise bad_cursor()
        before = None if position is None else (position[0], position[1])
        async with units.reading() as session:
            await existing(session, station_id)
            found = await swap_rows.page(session, station_id, limit=page.limit + 1, before=before)
        return paginate(found, page.limit, position=_position, item=_shown)

    return routes


def _position(row: BatterySwap) -> list[Any]:
    return [row.began_at.isoformat(), row.request_id]


def _shown(row: BatterySwap) -> BatterySwapModel:
    return BatterySwapModel(
        id=str(row.request_id),
        request_id=row.request_id,
        state=state_of(
            has_in=row.in_at is not None, has_out=row.out_at is not None, is_timed_out=row.timeout_at is not None
        ),
        id_token=row.id_token,
        id_token_type=row.id_token_type,
        batteries_in=row.batteries_in,
        batteries_out=row.batteries_out,
        requested_at=row.requested_at,
        in_at=row.in_at,
        out_at=row.out_at,
        timeout_at=row.timeout_at,
        began_at=row.began_at,
    )
