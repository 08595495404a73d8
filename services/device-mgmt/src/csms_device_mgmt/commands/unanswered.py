"""A call's outcome → HTTP status."""

from typing import Any

from csms_runtime.http import Problem
from csms_runtime.http.documented import problem

from csms_device_mgmt.commands import call_views
from csms_device_mgmt.commands.call_rows import CallOutcome, CallState
from csms_device_mgmt.commands.call_views import CallModel, CallRecordModel
from csms_device_mgmt.tables import Call

ERRORS: dict[int | str, dict[str, Any]] = {
    409: problem("Nothing was sent: the station is not connected, or its registration forbids it", CallModel),
    504: problem("The station did not answer; `outcome` and `sent_at` say what is known", CallModel),
}
"""What every route that sends a CALL and waits may answer."""
RESPONSES: dict[int | str, dict[str, Any]] = {202: {"model": CallRecordModel}, **ERRORS}
"""Of a route that takes `Prefer: respond-async`."""


def unanswered(row: Call, **more: Any) -> Problem | None:  # noqa: ANN401 any JSON value
    """Return the Problem of a call that the station did not answer, with the call's members and more; None if it did.

    504 for a timeout (without `sent_at`: it was never sent), for an unknown outcome, and for a call still open after
    all the waiting; 409 for a CALL that was not sent because the station is not connected.
    """
    members: dict[str, Any] = {**call_views.call(row).model_dump(), **more}
    if row.outcome == CallOutcome.TIMEOUT and row.sent_at is None:
        detail = "it waited too long for those before it and was never sent: a repeat sends it anew"
        return Problem(504, "Not sent in time", detail, nothing_done=True, **members)
    if row.outcome == CallOutcome.TIMEOUT:
        return Problem(504, "Station did not answer", "no answer came in time", **members)
    if row.state == CallState.OPEN or row.outcome == CallOutcome.UNKNOWN:
        members["outcome"] = CallOutcome.UNKNOWN.value
        detail = "the station may have got it, but what came of it is not known; it is not sent again"
        return Problem(504, "Outcome unknown", detail, **members)
    if row.outcome == CallOutcome.NOT_CONNECTED:
        return Problem(409, "Station is not connected", "the station has no connection", **members)
    return None
