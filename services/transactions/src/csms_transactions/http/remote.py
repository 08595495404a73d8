"""POST remote-start and remote-stop."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import orjson
from csms.v1.station_pb2 import CallError, CommandResult
from csms_db.engine import Database
from csms_runtime.clock import from_ms
from csms_runtime.http import API_PREFIX, Problem, require
from fastapi import APIRouter, Header, Path, Query, Response, Security
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from csms_transactions.domain.transaction import State
from csms_transactions.handlers.results import OUTCOMES
from csms_transactions.http.models import Moment
from csms_transactions.http.transactions import existing
from csms_transactions.remote import (
    InvalidRequestError,
    NotConnectedError,
    RemoteControl,
    Sent,
    StartRequest,
    UnsupportedProtocolError,
)

MAX_TIMEOUT_S = 600
Timeout = Annotated[
    float | None, Query(gt=0, le=MAX_TIMEOUT_S, description="How long the station may take, in seconds")
]
Prefer = Annotated[str, Header(description="respond-async: do not wait for the station")]


class TokenBody(BaseModel):
    """OCPP's IdTokenType; `id_token` is taken for `idToken`."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    id_token: str = Field(validation_alias=AliasChoices("idToken", "id_token"), serialization_alias="idToken")
    type: str

    def payload(self) -> dict[str, Any]:
        """The object as it is sent."""
        return self.model_dump(by_alias=True)


class RemoteStartBody(BaseModel):
    """What is to be started."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id_token: TokenBody
    evse_id: int | None = Field(None, ge=1, le=2_147_483_647, description="Absent: the station chooses")
    group_id_token: TokenBody | None = None
    charging_profile: dict[str, Any] | None = Field(None, description="OCPP's ChargingProfileType, a TxProfile")


class CallItem(BaseModel):
    """A CALL and what became of it."""

    call_id: str
    station_id: str
    action: str
    outcome: str | None = Field(description="result, error, timeout, not_connected; null: not known yet")
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    sent_at: Moment | None = None
    completed_at: Moment | None = None
    remote_start_id: int | None = Field(None, description="Of a remote start")


def remote_router(database: Database, control: RemoteControl, *, default_timeout_s: float) -> APIRouter:
    """The routes that start and stop."""
    router = APIRouter(tags=["Transactions"], dependencies=[Security(require("operate"))])

    @router.post("/stations/{station_id}/remote-start")
    async def remote_start(
        station_id: Annotated[str, Path(max_length=48)],
        body: RemoteStartBody,
        response: Response,
        timeout_s: Timeout = None,
        prefer: Prefer = "",
    ) -> CallItem:
        """Ask a station to start a transaction, with a remoteStartId of its own."""
        request = StartRequest(
            station_id=station_id,
            id_token=body.id_token.payload(),
            evse_id=body.evse_id,
            group_id_token=body.group_id_token.payload() if body.group_id_token else None,
            charging_profile=body.charging_profile,
        )
        wait = not _asynchronous(prefer)
        try:
            sent = await control.start(request, timeout_s=timeout_s or default_timeout_s, wait=wait)
        except NotConnectedError as error:
            raise _not_connected(station_id, "RequestStartTransaction") from error
        except UnsupportedProtocolError as error:
            raise _unsupported(error) from error
        except InvalidRequestError as error:
            raise _invalid(error) from error
        return _answer(sent, response, wait=wait)

    @router.post("/transactions/{id}/remote-stop")
    async def remote_stop(
        key: Annotated[str, Path(alias="id", max_length=64)],
        response: Response,
        timeout_s: Timeout = None,
        prefer: Prefer = "",
    ) -> CallItem:
        """Ask the station to stop a transaction."""
        row = await existing(database, key)
        if row["state"] == State.ENDED:
            raise Problem(409, "Transaction has ended", "There is nothing to stop", ended_at=row["ended_at"])
        wait = not _asynchronous(prefer)
        timeout = timeout_s or default_timeout_s
        try:
            sent = await control.stop(row["station_id"], row["transaction_id"], timeout_s=timeout, wait=wait)
        except NotConnectedError as error:
            raise _not_connected(row["station_id"], "RequestStopTransaction") from error
        except UnsupportedProtocolError as error:
            raise _unsupported(error) from error
        return _answer(sent, response, wait=wait)

    return router


def _asynchronous(prefer: str) -> bool:
    return "respond-async" in (token.split(";")[0].strip().lower() for token in prefer.split(","))


def _answer(sent: Sent, response: Response, *, wait: bool) -> CallItem:
    """200 when the station answered, with whatever; 202 when nobody waits. Raises Problem 409, 504."""
    item = _item(sent)
    if not wait:
        response.status_code = 202
        response.headers["Location"] = f"{API_PREFIX}/calls/{item.call_id}"
        response.headers["Preference-Applied"] = "respond-async"
        return item
    facts = item.model_dump(mode="json")
    if sent.result is None or item.outcome == "timeout":
        raise Problem(504, "No answer", "The station did not answer in time", **{**facts, "outcome": "timeout"})
    if item.outcome == "not_connected":
        raise Problem(409, "Not connected", "The station is not connected", **facts)
    return item


def _item(sent: Sent) -> CallItem:
    command, result = sent.command, sent.result
    item = CallItem(
        call_id=command.call_id,
        station_id=command.station_id,
        action=command.action,
        outcome=None,
        remote_start_id=sent.remote_start_id,
    )
    return item if result is None else item.model_copy(update=_outcome(result))


def _outcome(result: CommandResult) -> dict[str, Any]:
    outcome = OUTCOMES.get(result.outcome, "error")
    return {
        "outcome": outcome,
        "response": orjson.loads(result.payload) if outcome == "result" else None,
        "error": _error(result.error) if outcome == "error" else None,
        "sent_at": _moment(result.sent_at_ms),
        "completed_at": _moment(result.completed_at_ms),
    }


def _moment(milliseconds: int) -> datetime | None:
    return from_ms(milliseconds) if milliseconds else None


def _error(error: CallError) -> dict[str, Any]:
    details: Mapping[str, Any] = orjson.loads(error.details) if error.details else {}
    return {"code": error.code, "description": error.description, "details": details}


def _not_connected(station_id: str, action: str) -> Problem:
    """Nothing was sent, so there is no call to look up."""
    item = CallItem(call_id="", station_id=station_id, action=action, outcome="not_connected")
    facts = {**item.model_dump(mode="json"), "call_id": None}
    return Problem(409, "Not connected", "The station is not connected", **facts)


def _unsupported(error: UnsupportedProtocolError) -> Problem:
    return Problem(501, "Protocol not supported", f"Remote start and stop are not available for {error}")


def _invalid(error: InvalidRequestError) -> Problem:
    violations = [
        {"in": "body", "pointer": _pointer(violation.pointer), "detail": violation.message}
        for violation in error.violations
    ]
    return Problem(422, "Invalid request", "The station could not take this request", errors=violations)


_FIELDS = {
    "idToken": "id_token",
    "evseId": "evse_id",
    "groupIdToken": "group_id_token",
    "chargingProfile": "charging_profile",
}
"""OCPP's names of the fields our body has."""


def _pointer(pointer: str) -> str:
    """From the OCPP message to our body."""
    _, field, *rest = pointer.split("/", 2)
    return "/".join(["", _FIELDS.get(field, field), *rest])
