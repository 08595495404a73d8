"""POST remote-start and remote-stop: a caller has a station start or stop a transaction."""

from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

import orjson
from csms.v1.station_pb2 import CallError, CommandResult
from csms_db.engine import Database
from csms_runtime.clock import from_ms
from csms_runtime.http import API_PREFIX, CurrentPrincipal, Problem, require
from csms_runtime.http.documented import problem
from csms_runtime.http.idempotency import IdempotencyKey, per_caller
from csms_runtime.http.prefer import Prefer, wants_async
from csms_runtime.http.problems import RETRY_AFTER_S, FieldError
from fastapi import APIRouter, Depends, Query, Response, Security

from csms_transactions.domain.remote import StartRequest
from csms_transactions.domain.transaction import State
from csms_transactions.http.remote_models import CallItem, RemoteStartBody
from csms_transactions.http.transactions import Key, StationId, existing
from csms_transactions.orders import Asker
from csms_transactions.remote.control import (
    BusyError,
    InvalidRequestError,
    KeyReusedError,
    RemoteControl,
    Sent,
    StationPendingError,
    StationRejectedError,
    Terms,
    UnknownStationError,
    UnsupportedProtocolError,
)
from csms_transactions.remote.outcomes import outcome_name

T = TypeVar("T")
MAX_TIMEOUT_S = 600
Timeout = Annotated[
    float | None, Query(gt=0, le=MAX_TIMEOUT_S, description="How long the station may take, in seconds")
]


RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": CallItem},
    409: problem("Nothing was sent: the station is not connected, or its registration or state forbids it", CallItem),
    504: problem("The station did not answer; `outcome` and `sent_at` say what is known", CallItem),
}


def remote_router(database: Database, control: RemoteControl) -> APIRouter:
    """The routes that start and stop."""
    router = APIRouter(tags=["Transactions"], dependencies=[Security(require("operate"))])

    @router.post("/stations/{station_id}/remote-start", responses=RESPONSES)
    async def remote_start(
        station_id: StationId,
        body: RemoteStartBody,
        response: Response,
        terms: Annotated[Terms, Depends(terms_of)],
    ) -> CallItem:
        """Ask a station to start a transaction, with a remoteStartId of its own."""
        request = StartRequest(
            station_id=station_id,
            id_token=body.id_token.payload(),
            evse_id=body.evse_id,
            group_id_token=body.group_id_token.payload() if body.group_id_token else None,
            charging_profile=body.charging_profile,
            transaction_limit=body.transaction_limit.payload() if body.transaction_limit else None,
        )
        return answered(await tried(control.start(request, terms)), response, terms)

    @router.post("/transactions/{id}/remote-stop", responses=RESPONSES)
    async def remote_stop(
        key: Key,
        response: Response,
        terms: Annotated[Terms, Depends(terms_of)],
    ) -> CallItem:
        """Ask the station to stop a transaction, also one that was closed without the station's word."""
        row = await existing(database, key)
        if row["state"] == State.ENDED and row["stopped_reason"] is not None:
            raise Problem(409, "Transaction has ended", "There is nothing to stop", ended_at=row["ended_at"])
        return answered(await tried(control.stop(row["station_id"], row["transaction_id"], terms)), response, terms)

    return router


async def terms_of(
    principal: CurrentPrincipal,
    timeout_s: Timeout = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Terms:
    """How the caller wants a request carried out."""
    key = per_caller(principal, idempotency_key) if idempotency_key else ""
    return Terms(Asker(principal.name, key), timeout_s, wait=not wants_async(prefer))


async def tried(work: Coroutine[object, object, T]) -> T:
    """Do the work. Raises Problem for each reason why it can't be done."""
    try:
        return await work
    except UnknownStationError as error:
        raise Problem(404, "Unknown station", "There is no such station") from error
    except StationRejectedError as error:
        detail = "The station is rejected: only TriggerMessage of BootNotification may be sent (B03.FR.03)"
        raise Problem(409, "Station is rejected", detail) from error
    except StationPendingError as error:
        detail = "The station is pending: accept it before it starts or stops transactions (B02.FR.05)"
        raise Problem(409, "Station is pending", detail) from error
    except KeyReusedError as error:
        detail = "The Idempotency-Key was used with another request"
        raise Problem(422, "Idempotency-Key reused", detail, call_id=str(error)) from error
    except BusyError as error:
        detail = "Too many requests wait for their answers; this one was not sent"
        raise Problem(
            503, "Too many calls", detail, headers={"Retry-After": str(RETRY_AFTER_S)}, sent_at=None
        ) from error
    except UnsupportedProtocolError as error:
        raise _unsupported(error) from error
    except InvalidRequestError as error:
        raise _invalid(error) from error


def answered(sent: Sent, response: Response, terms: Terms) -> CallItem:
    """Answer 200 when the station answered, whatever it said, and 202 when the caller does not wait.

    Raises Problem 409 (never sent), 504 (no answer, or nobody knows what came of it).
    """
    item = _item(sent)
    if sent.result is None and not terms.wait:
        response.status_code = 202
        response.headers["Location"] = f"{API_PREFIX}/calls/{item.call_id}"
        response.headers["Preference-Applied"] = "respond-async"
        return item
    facts = item.model_dump(mode="json")
    if item.outcome == "timeout" and item.sent_at is None:
        detail = "It waited too long for those before it and was never sent: a repeat sends it anew"
        raise Problem(504, "Not sent in time", detail, **facts)
    if item.outcome == "timeout":
        raise Problem(504, "No answer", "The station did not answer in time", **facts)
    if item.outcome in {None, "unknown"}:
        detail = "The station may have got it, but what came of it is not known; it is not sent again"
        raise Problem(504, "Outcome unknown", detail, **{**facts, "outcome": "unknown"})
    if item.outcome == "not_connected":
        raise Problem(409, "Not connected", "The station is not connected", **facts)
    return item


def _item(sent: Sent) -> CallItem:
    item = CallItem(
        call_id=sent.call_id,
        station_id=sent.station_id,
        action=sent.action,
        outcome=None,
        remote_start_id=sent.remote_start_id,
    )
    return item if sent.result is None else item.model_copy(update=_outcome(sent.result))


def _outcome(result: CommandResult) -> dict[str, Any]:
    outcome = outcome_name(result)
    return {
        "outcome": outcome,
        "response": orjson.loads(result.payload) if outcome == "result" else None,
        "error": _error(result.error) if outcome == "error" else None,
        "sent_at": _moment(result.sent_at_ms),
        "completed_at": _moment(result.completed_at_ms),
    }


_SOURCES = {CallError.SOURCE_STATION: "station", CallError.SOURCE_CSMS: "csms"}
"""Who says that a CALL failed: the station (a CALLERROR), or this system (a wrong answer, or nothing was sent)."""


def _moment(milliseconds: int) -> datetime | None:
    return from_ms(milliseconds) if milliseconds else None


def _error(error: CallError) -> dict[str, Any]:
    details: Mapping[str, Any] = orjson.loads(error.details) if error.details else {}
    told = {"code": error.code, "description": error.description, "details": details}
    return {**told, "source": _SOURCES.get(error.source)}


def _unsupported(error: UnsupportedProtocolError) -> Problem:
    return Problem(501, "Protocol not supported", f"Remote start and stop are not available for {error}")


def _invalid(error: InvalidRequestError) -> Problem:
    errors = [
        FieldError(_pointer(pointer, error.fields), detail)
        for violation in error.violations
        for pointer, detail in violation.by_field()
    ]
    return Problem(422, "Invalid request", "The station could not take this request", errors=errors)


def _pointer(pointer: str, fields: Mapping[str, str]) -> str:
    """Turn a pointer into the message into one into our body. `fields`: our names for the message's fields."""
    if not pointer:  # the message as a whole
        return ""
    _, field, *rest = pointer.split("/", 2)
    return "/".join(["", fields.get(field, field), *rest])
