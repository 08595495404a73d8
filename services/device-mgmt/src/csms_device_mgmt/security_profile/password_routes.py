"""/stations/{id}/password: setting BasicAuthPassword on the station (A01)."""

from csms_runtime.http import CurrentPrincipal, require
from csms_runtime.passwords import MAX_LENGTH, MIN_LENGTH
from fastapi import APIRouter, Response, Security
from pydantic import BaseModel, ConfigDict, Field

from csms_device_mgmt.commands.call_routes import answer
from csms_device_mgmt.commands.call_views import CallModel
from csms_device_mgmt.commands.execution import CallExecution, CallRequest, needed
from csms_device_mgmt.commands.unanswered import ERRORS
from csms_device_mgmt.parameters import StationId, TimeoutS
from csms_device_mgmt.stations.inventory import Inventory


class PasswordBody(BaseModel):
    """A new password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    password: str = Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH, repr=False)


def router(calls: CallExecution, inventory: Inventory) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Stations"])
    admin = Security(require("admin"))

    @routes.post("/stations/{station_id}/password", dependencies=[admin], response_model=CallModel, responses=ERRORS)
    async def set_password(
        station_id: StationId, body: PasswordBody, principal: CurrentPrincipal, timeout_s: TimeoutS = None
    ) -> Response:
        """Set the station's password. It replaces the old one here only if the station accepts it (A01.FR.03)."""
        version = await calls.version_of(station_id)
        action, payload = needed(version, version.set_password, "password that can be set")(body.password)
        row = await calls.run(CallRequest(station_id, action, payload, principal.name, timeout_s))
        if version.password_taken(row.response):
            # Told already through the outbox with the outcome; asked again so that the password is valid on return.
            await inventory.confirm_password(station_id, body.password)
        return await answer(row, None)

    return routes
