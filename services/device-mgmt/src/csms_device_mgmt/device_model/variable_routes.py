"""/stations/{id}/variables: the stored device model, and reading and setting variables on the station."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any

from csms_runtime.http import CurrentPrincipal, Page, PageParams, demand, paginate, require
from csms_runtime.http.fields import one_of
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, ConfigDict, Field

from csms_device_mgmt.commands import call_views
from csms_device_mgmt.commands.call_views import CallModel
from csms_device_mgmt.commands.execution import CallRequest
from csms_device_mgmt.commands.privileged import is_privileged
from csms_device_mgmt.commands.unanswered import ERRORS, unanswered
from csms_device_mgmt.device_model import variable_rows, variable_views
from csms_device_mgmt.device_model.variable_access import Merged, VariableAccess
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.device_model.variable_views import VariableModel
from csms_device_mgmt.parameters import StationId, TimeoutS, existing, text_position
from csms_device_mgmt.unit import Units
from csms_device_mgmt.versions.version import DeviceVersion, VariableMessage

Choose = Callable[[DeviceVersion], VariableMessage | None]
_GET: Choose = attrgetter("get_variables")
_SET: Choose = attrgetter("set_variables")
Name = Annotated[str | None, Query(max_length=50, pattern=NO_NUL, description="Exactly this name, in any case")]


class VariablesBody(BaseModel):
    """OCPP's GetVariableDataType or SetVariableDataType objects."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    variables: list[dict[str, Any]] = Field(min_length=1, max_length=10_000)


class VariablesAnswer(BaseModel):
    """The station's results."""

    station_id: str
    outcome: Annotated[str, one_of("result", "error")] = Field(
        description="error: the station refused a message; `calls` has its error"
    )
    results: list[dict[str, Any] | None] = Field(
        description="OCPP's result objects in the order of the request; null: the station gave none"
    )
    calls: list[CallModel] = Field(description="The messages it took")


def router(units: Units, access: VariableAccess) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Device model"])
    read, operate = Security(require("read")), Security(require("operate"))

    @routes.post("/stations/{station_id}/variables/get", dependencies=[operate], responses=ERRORS)
    async def get_variables(
        station_id: StationId, body: VariablesBody, principal: CurrentPrincipal, timeout_s: TimeoutS = None
    ) -> VariablesAnswer:
        """Read variables from the station, in as many messages as its ItemsPerMessage and BytesPerMessage ask for."""
        return await _execute(
            access, _GET, CallRequest(station_id, "", None, principal.name, timeout_s), body.variables
        )

    @routes.post("/stations/{station_id}/variables/set", dependencies=[operate], responses=ERRORS)
    async def set_variables(
        station_id: StationId, body: VariablesBody, principal: CurrentPrincipal, timeout_s: TimeoutS = None
    ) -> VariablesAnswer:
        """Set variables on the station, split likewise. Passwords and keys need the scope admin."""
        if is_privileged("SetVariables", {"setVariableData": body.variables}):
            demand(principal, "admin")
        return await _execute(
            access, _SET, CallRequest(station_id, "", None, principal.name, timeout_s), body.variables
        )

    @routes.get("/stations/{station_id}/variables", dependencies=[read])
    async def list_variables(
        station_id: StationId, page: PageParams, component: Name = None, variable: Name = None
    ) -> Page[VariableModel]:
        """List the stored device model: what the station reported, told or accepted last."""
        after = text_position(page)
        async with units.reading() as session:
            await existing(session, station_id)
            rows = await variable_rows.page(
                session,
                station_id,
                limit=page.limit + 1,
                after=after,
                component=component,
                variable=variable,
            )
        return paginate(rows, page.limit, position=lambda row: [row.path], item=variable_views.variable)

    return routes


async def _execute(
    access: VariableAccess, choose: Choose, request: CallRequest, elements: Sequence[JsonObject]
) -> VariablesAnswer:
    merged = await access.execute(choose, request, elements)
    last = merged.calls[-1]
    problem = unanswered(last, results=merged.results)
    if problem is not None:
        raise problem
    return _answer(request.station_id, merged)


def _answer(station_id: str, merged: Merged) -> VariablesAnswer:
    return VariablesAnswer(
        station_id=station_id,
        outcome=merged.calls[-1].outcome or "",
        results=[dict(result) if result is not None else None for result in merged.results],
        calls=[call_views.call(row) for row in merged.calls],
    )
