"""What the routes have in common."""

from datetime import datetime
from typing import Annotated

from csms_runtime.http.fields import UtcMoment
from csms_runtime.http.pages import PageRequest
from csms_runtime.texts import NO_NUL
from fastapi import Path, Query

StationId = Annotated[str, Path(max_length=255, pattern=NO_NUL, description="The station's OCPP identity")]
Since = Annotated[UtcMoment | None, Query(description="Then or later")]
Until = Annotated[UtcMoment | None, Query(description="Before")]


def moment_and_id(page: PageRequest) -> tuple[datetime, str] | None:
    """Return where a page of a list in order of time and id begins; None: at the first. Raises Problem 422."""
    position = page.after_moment()
    return None if position is None else (position[0], position[1])
