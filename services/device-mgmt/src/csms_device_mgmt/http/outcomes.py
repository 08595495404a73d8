"""A call's outcome → HTTP status."""

from typing import Any

from csms_runtime.http import Problem

from csms_device_mgmt.http import views
from csms_device_mgmt.store.calls import CallOutcome, CallState
from csms_device_mgmt.store.tables import Call


def unanswered(row: Call, **more: Any) -> Problem | None:  # noqa: ANN401 any JSON value
    """Return the Problem of a call that the station did not answer, with the call's members and more; None if it did.

    504 for a timeout, and for a call still open after all the waiting; 409 for a station that is not connected.
    """
    members: dict[str, Any] = {**views.call(row).model_dump(), **more}
    if row.state == CallState.OPEN or row.outcome == CallOutcome.TIMEOUT:
        members["outcome"] = CallOutcome.TIMEOUT.value
        detail = "no answer came in time"
        return Problem(504, "Station did not answer", detail, **members)
    if row.outcome == CallOutcome.NOT_CONNECTED:
        return Problem(409, "Station is not connected", "the station has no connection", **members)
    return None
