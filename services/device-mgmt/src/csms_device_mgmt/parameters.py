"""What the routes have in common."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from csms_runtime.http import API_PREFIX, Problem
from csms_runtime.http.pages import PageRequest, bad_cursor
from csms_runtime.texts import NO_NUL
from fastapi import Path, Query
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station

StationId = Annotated[str, Path(max_length=255, pattern=NO_NUL, description="The station's OCPP identity")]
TimeoutS = Annotated[
    float | None, Query(gt=0, le=600, description="How long the station may take to answer, in seconds")
]


async def existing(session: AsyncSession, station_id: str) -> Station:
    """Return the station. Raises Problem 404."""
    station = await station_rows.find(session, station_id)
    if station is None:
        raise Problem(404, "Unknown station", "there is no such station")
    return station


def location(*segments: str) -> str:
    """Return the path of a resource of this API."""
    return "/".join([API_PREFIX, *(quote(segment, safe="") for segment in segments)])


def text_position(page: PageRequest) -> str | None:
    """Return where a page of a list in order of a text begins. Raises Problem 422 for a cursor of another list."""
    position = page.after(str)
    return None if position is None else position[0]


def number_position(page: PageRequest, highest: int = 2**63 - 1) -> int | None:
    """Return where a page of a list in order of a number begins; `highest` is the largest that its column can hold.

    Raises Problem 422 as above.
    """
    position = page.after(int)
    if position is not None and abs(position[0]) > highest:
        raise bad_cursor()
    return None if position is None else position[0]


def moment_and_id(page: PageRequest) -> tuple[datetime, str] | None:
    """Return where a page of a list in order of time and id begins. Raises Problem 422 as above."""
    position = page.after_moment()
    return None if position is None else (position[0], position[1])
