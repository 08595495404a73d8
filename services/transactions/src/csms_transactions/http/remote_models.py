"""Bodies of remote start and stop."""

from typing import Annotated, Any

from csms_runtime.http.fields import one_of
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from csms_transactions.http.models import Moment
from csms_transactions.remote.outcomes import OUTCOMES


class RemoteTokenBody(BaseModel):
    """OCPP's IdTokenType; `id_token` is taken for `idToken`."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    id_token: str = Field(
        max_length=255, validation_alias=AliasChoices("idToken", "id_token"), serialization_alias="idToken"
    )
    type: str = Field(max_length=20)

    def payload(self) -> dict[str, Any]:
        """The object as it is sent."""
        return self.model_dump(by_alias=True)


class RemoteStartBody(BaseModel):
    """What is to be started."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id_token: RemoteTokenBody
    evse_id: int | None = Field(None, ge=1, le=2_147_483_647, description="Absent: the station chooses")
    group_id_token: RemoteTokenBody | None = None
    charging_profile: dict[str, Any] | None = Field(None, description="OCPP's ChargingProfileType, a TxProfile")


class CallItem(BaseModel):
    """A CALL and what became of it."""

    call_id: str
    station_id: str
    action: str
    outcome: Annotated[str, one_of(*OUTCOMES.values())] | None = Field(description="null: not known yet")
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = Field(
        None, description="code, description, details, and as source who says so: station (its CALLERROR), or csms"
    )
    sent_at: Moment | None = None
    completed_at: Moment | None = None
    remote_start_id: int | None = Field(None, description="Of a remote start")
