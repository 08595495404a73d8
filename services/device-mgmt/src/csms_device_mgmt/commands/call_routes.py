"""/stations/{id}/calls/{action} and /calls: any OCPP message a CSMS may send, and the history."""

from datetime import datetime
from typing import Annotated, Any

from csms_runtime.http import CurrentPrincipal, Page, PageParams, Problem, demand, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.fields import UtcMoment
from csms_runtime.http.idempotency import IdempotencyKey, per_caller
from csms_runtime.http.pages import written
from csms_runtime.http.prefer import Prefer, wants_async
from csms_runtime.http.problems import FieldError, invalid_request
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Body, Path, Query, Response, Security
from fastapi.responses import JSONResponse

from csms_device_mgmt.commands import call_rows, call_views
from csms_device_mgmt.commands.call_rows import CallOutcome, CallState
from csms_device_mgmt.commands.call_views import CallModel, CallRecordModel
from csms_device_mgmt.commands.execution import CallExecution, CallRequest
from csms_device_mgmt.commands.privileged import is_privileged
from csms_device_mgmt.commands.unanswered import RESPONSES, unanswered
from csms_device_mgmt.deliveries import waiting
from csms_device_mgmt.parameters import StationId, TimeoutS, existing, location, moment_and_id
from csms_device_mgmt.tables import Call
from csms_device_mgmt.unit import Units

Action = Annotated[str, Path(max_length=64, description="The action as OCPP spells it, for example Reset")]
Payload = Annotated[Any, Body(description="The OCPP request payload, exactly as it is to be sent")]
CallId = Annotated[str, Path(max_length=64, pattern=NO_NUL)]
DeliverUntil = Annotated[
    UtcMoment | None, Query(description="Until when the call waits for a station that is not connected")
]
Replace = Annotated[
    bool, Query(description="Whether it replaces calls of the same action that wait for the station: `cancelled`")
]


def router(units: Units, calls: CallExecution) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Calls"])
    read, operate = Security(require("read")), Security(require("operate"))

    @routes.post(
        "/stations/{station_id}/calls/{action}",
        dependencies=[operate],
        response_model=CallModel,
        responses=RESPONSES,
    )
    async def send_call(
        *,
        station_id: StationId,
        action: Action,
        payload: Payload,
        principal: CurrentPrincipal,
        timeout_s: TimeoutS = None,
        deliver_until: DeliverUntil = None,
        replace: Replace = False,
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
    ) -> Response:
        """Send a CALL to a station and return its answer.

        Needs the scope admin if it changes the station's credentials or the way it connects: SetNetworkProfile, and
        SetVariables of passwords and keys.

        200: the station answered, with a result or an error. 409: it is not connected, nothing was sent. 504: no answer
        in time (`timeout`; without `sent_at` it waited too long and was never sent), or the connection ended before the
        answer (`unknown`): the station may have done it, and it is not sent again. 202 with `Prefer: respond-async`.
        429, 503: too many calls are in work, for the station or in all; nothing was sent.

        With `deliver_until` a call to a station that is not connected waits for it, and is answered 202: it is sent
        when the station has come back and booted, at most once; after that moment it is `not_connected`. 422: it starts
        a transaction or changes a password, which does not wait. 429: too many calls wait for the station.

        A repeat with the same Idempotency-Key returns the first call, unless that one was never sent.
        """
        _check_wait(deliver_until, replace=replace)
        if is_privileged(action, payload):
            demand(principal, "admin")
        request = CallRequest(
            station_id=station_id,
            action=action,
            payload=payload,
            requested_by=principal.name,
            timeout_s=timeout_s,
            idempotency_key=per_caller(principal, idempotency_key) if idempotency_key else None,
            deliver_until=deliver_until,
            replace=replace,
        )
        return await answer(await (calls.post(request) if wants_async(prefer) else calls.run(request)), prefer)

    @routes.get("/calls/{call_id}", dependencies=[read])
    async def get_call(call_id: CallId) -> CallRecordModel:
        """Return a call with its state and outcome."""
        async with units.reading() as session:
            row = await call_rows.find(session, call_id)
        if row is None:
            raise Problem(404, "Unknown call", "there is no such call")
        return call_views.call_record(row)

    @routes.post(
        "/calls/{call_id}/cancel",
        dependencies=[operate],
        responses={409: problem("It does not wait: it may have been sent, or is over")},
    )
    async def cancel_call(call_id: CallId, principal: CurrentPrincipal) -> CallRecordModel:
        """Cancel a call that waits for its station to come back. A repeat is harmless."""
        async with units.open() as unit:
            await waiting.cancel_all(unit, [call_id], f"cancelled by {principal.name}")
            row = await call_rows.find(unit.session, call_id)
        if row is None:
            raise Problem(404, "Unknown call", "there is no such call")
        if row.outcome != CallOutcome.CANCELLED:
            raise Problem(409, "Call does not wait", "it may have been sent, or is over")
        return call_views.call_record(row)

    @routes.get("/stations/{station_id}/calls", dependencies=[read])
    async def list_calls(station_id: StationId, page: PageParams) -> Page[CallRecordModel]:
        """List a station's calls, the newest first."""
        before = moment_and_id(page)
        async with units.reading() as session:
            await existing(session, station_id)
            found = await call_rows.page(session, station_id, limit=page.limit, before=before)
        return paginate(
            found.rows,
            page.limit,
            position=lambda row: [row.created_at.isoformat(), row.call_id],
            item=call_views.call_record,
            more=found.more,
        )

    return routes


def _check_wait(until: datetime | None, *, replace: bool) -> None:
    """Raise Problem 422 for a wait that cannot be."""
    fault = waiting.fault_of_wait(until, replace=replace)
    if fault is not None:
        raise invalid_request([FieldError(*fault, "query")])


async def answer(row: Call, prefer: str | None) -> Response:
    """Answer with a call as it is. Raises Problem for one that the station did not answer."""
    if row.state == CallState.WAITING or (row.state == CallState.OPEN and wants_async(prefer)):
        headers = {"Location": location("calls", row.call_id)}
        if wants_async(prefer):
            headers["Preference-Applied"] = "respond-async"
        return JSONResponse(call_views.call_record(row).model_dump(mode="json"), 202, headers)
    problem = unanswered(row)
    if problem is not None:
        raise problem
    return await written(row.size, lambda: call_views.call(row))
