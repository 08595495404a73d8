"""Bodies of remote start and stop."""

from typing import Annotated, Any

from csms_runtime.http.fields import one_of
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

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


class TransactionLimitBody(BaseModel):
    """OCPP's TransactionLimitType: the first of these that is reached ends or pauses the transaction."""

    model_config = ConfigDict(extra="forbid")

    max_cost: float | None = Field(
        None, ge=0, allow_inf_nan=False, alias="maxCost", description="In the station's currency, with taxes"
    )
    max_energy: float | None = Field(None, gt=0, allow_inf_nan=False, alias="maxEnergy", description="Wh")
    max_time: int | None = Field(None, gt=0, le=2_147_483_647, alias="maxTime", description="Seconds from its start")
    max_soc: int | None = Field(None, ge=0, le=100, alias="maxSoC", description="State of charge, per cent")

    @model_validator(mode="after")
    def _says_something(self) -> "TransactionLimitBody":
        if not self.payload():
            raise ValueError("at least one of maxCost, maxEnergy, maxTime and maxSoC is needed")
        return self

    def payload(self) -> dict[str, float]:
        """The object as it is sent."""
        return self.model_dump(by_alias=True, exclude_none=True)


class RemoteStartBody(BaseModel):
    """What is to be started."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id_token: RemoteTokenBody
    evse_id: int | None = Field(None, ge=1, le=2_147_483_647, description="Absent: the station chooses")
    group_id_token: RemoteTokenBody | None = None
    charging_profile: dict[str, Any] | None = Field(None, description="OCPP's ChargingProfileType, a TxProfile")
    transaction_limit: TransactionLimitBody | None = Field(
        None, description="OCPP 2.1: the station is told in the answer to the transaction's first event (F07)"
    )


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
