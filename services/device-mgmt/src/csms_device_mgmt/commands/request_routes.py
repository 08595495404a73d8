"""Asking a station for something it will report on later, by a requestId that it was not given before."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from csms_runtime.http import CurrentPrincipal, Problem, require
from csms_runtime.http.prefer import Prefer, wants_async
from fastapi import APIRouter, Body, Response, Security

from csms_device_mgmt import versions
from csms_device_mgmt.commands.call_routes import answer
from csms_device_mgmt.commands.call_views import CallModel
from csms_device_mgmt.commands.execution import CallExecution, CallRequest, needed
from csms_device_mgmt.commands.unanswered import RESPONSES
from csms_device_mgmt.parameters import StationId, TimeoutS, location
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Units
from csms_device_mgmt.versions.version import DeviceVersion, Request

Choose = Callable[[DeviceVersion, dict[str, Any]], Request | None]
"""Returns what asks for what somebody wants, without a requestId; None if the version has nothing that does."""
Prepare = Callable[[Units, str, int, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Returns what somebody wants, with what the CSMS adds, by station and requestId."""
Payload = Annotated[dict[str, Any], Body(description="The OCPP request payload without requestId, which is chosen")]


def add(
    routes: APIRouter,
    units: Units,
    calls: CallExecution,
    *,
    path: str,
    one: str,
    choose: Choose,
    prepare: Prepare | None = None,
) -> None:
    """Add the route that sends the action that `choose` picks, and answers as calls do, with the Location.

    `one` is what it is called in the operation id.
    """

    async def ask(
        station_id: StationId,
        payload: Payload,
        principal: CurrentPrincipal,
        timeout_s: TimeoutS = None,
        prefer: Prefer = None,
    ) -> Response:
        version = await calls.version_of(station_id)
        needed(version, choose(version, payload), f"message for {path}")  # refused before a number is used up
        request_id = await new_request_id(units, station_id)
        if prepare is not None:
            payload = await prepare(units, station_id, request_id, payload)
        action, wanted = needed(version, choose(version, payload), f"message for {path}")
        is_numbered = version.is_numbered(action)
        request = CallRequest(
            station_id=station_id,
            action=action,
            payload={"requestId": request_id, **wanted} if is_numbered else wanted,
            requested_by=principal.name,
            timeout_s=timeout_s,
            request_id=None if is_numbered else request_id,
        )
        row = await (calls.post(request) if wants_async(prefer) else calls.run(request))
        answered = await answer(row, prefer)
        number = row.request["requestId"] if is_numbered else request_id
        answered.headers["Location"] = location("stations", station_id, path, str(number))
        return answered

    known = (versions.ASSUMED, *versions.VERSIONS.values())
    documented = next(found for version in known if (found := choose(version, {})) is not None).action
    routes.add_api_route(
        f"/stations/{{station_id}}/{path}",
        ask,
        methods=["POST"],
        response_model=CallModel,
        responses=RESPONSES,
        dependencies=[Security(require("operate"))],
        name=f"request_{one}",
        description=f"Send {documented}, or what a station of another version has for it, with a requestId of its own; "
        "Location says where the outcome will be found. "
        "Otherwise as POST /stations/{station_id}/calls/{action}.",
    )


async def new_request_id(units: Units, station_id: str) -> int:
    """Return a requestId that was not taken before. Raises Problem 404."""
    async with units.open() as unit:
        request_id = await station_rows.take_request_id(unit.session, station_id)
    if request_id is None:
        raise Problem(404, "Unknown station", "there is no such station")
    return request_id
