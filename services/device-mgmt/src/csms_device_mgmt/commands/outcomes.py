"""Storing what became of a CALL, with what follows from it."""

from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import CallError, CommandResult, Outcome, StationCommand
from csms_runtime import heavy, metrics
from csms_runtime.clock import from_ms, to_ms

from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.call_rows import CallOutcome, Completion
from csms_device_mgmt.commands.completed_event import completed
from csms_device_mgmt.commands.consequences import consequence_of
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.commands.held_calls import held
from csms_device_mgmt.json import loads
from csms_device_mgmt.redacted import shown
from csms_device_mgmt.tables import Call
from csms_device_mgmt.unit import Unit

OUTCOMES = {
    Outcome.OUTCOME_RESULT: CallOutcome.RESULT,
    Outcome.OUTCOME_ERROR: CallOutcome.ERROR,
    Outcome.OUTCOME_TIMEOUT: CallOutcome.TIMEOUT,
    Outcome.OUTCOME_NOT_CONNECTED: CallOutcome.NOT_CONNECTED,
    Outcome.OUTCOME_UNKNOWN: CallOutcome.UNKNOWN,
}
SOURCES = {CallError.SOURCE_STATION: "station", CallError.SOURCE_CSMS: "csms"}
"""Who says that a CALL failed: the station by a CALLERROR, or this system of its answer, or of a CALL it did not send.

Of calls from before it was told it is not known.
"""
_TO_SOURCE = {name: number for number, name in SOURCES.items()}
_TO_PROTO = {outcome.value: number for number, outcome in OUTCOMES.items()} | {
    CallOutcome.CANCELLED.value: Outcome.OUTCOME_NOT_CONNECTED
}


async def settle(unit: Unit, executed: Executed) -> bool:
    """Store a call's outcome and apply its consequences; False, and nothing changes, when it is no news.

    The outcome of a call that has no row is dropped: the station was deleted.
    """
    row = await held(unit, executed.call_id)
    completion = executed.completion
    if completion.response is not None:
        work = partial(shown, executed.protocol, executed.action, completion.response)
        completion = replace(completion, response=(await heavy.run(executed.size, work)).payload)
    counted = row.size or None if row is not None else None
    if row is None or not call_rows.complete(row, completion, size=executed.size):
        return False
    unit.kept(executed.station_id, executed.size, instead_of=counted)
    unit.tell(completed(row, completion))
    _measure(executed)
    consequence = consequence_of(executed.protocol, executed.action)
    if consequence is not None:
        await unit.session.flush()
        await consequence(unit, executed)
    return True


def _measure(executed: Executed) -> None:
    completion = executed.completion
    metrics.DEVICES_CALL_OUTCOMES.labels(executed.action, completion.outcome.value).inc()
    if completion.sent_at is not None:
        metrics.DEVICES_CALL_SECONDS.observe((completion.completed_at - completion.sent_at).total_seconds())


def executed_from(record: Record) -> Executed:
    """Read a record with a `command_result`."""
    result = record.command_result
    return Executed(
        call_id=result.command.correlation_id,
        station_id=record.station_id,
        protocol=result.command.protocol,
        action=result.command.action,
        request=loads(result.command.payload),
        completion=completion_of(result),
        size=len(result.payload) + len(result.error.details) + len(result.command.payload),
    )


def completion_of(result: CommandResult) -> Completion:
    """Return what a result says."""
    outcome = _outcome(result)
    return Completion(
        outcome=outcome,
        completed_at=from_ms(result.completed_at_ms),
        sent_at=from_ms(result.sent_at_ms) if result.sent_at_ms else None,
        response=loads(result.payload) if outcome is CallOutcome.RESULT else None,
        error=_error(result.error) if outcome is CallOutcome.ERROR else None,
    )


def _outcome(result: CommandResult) -> CallOutcome:
    if result.outcome == Outcome.OUTCOME_NOT_CONNECTED and result.sent_at_ms:
        return CallOutcome.UNKNOWN  # as gateways said it before there was a word for it
    return OUTCOMES.get(result.outcome, CallOutcome.UNKNOWN)


def _error(error: CallError) -> dict[str, Any]:
    details = loads(error.details) if error.details else {}
    told = {"code": error.code, "description": error.description, "details": details}
    return {**told, "source": SOURCES.get(error.source)}


def result_of(row: Call) -> CommandResult:
    """Return a call as a result, its secrets redacted; its outcome is unspecified while it is open."""
    result = CommandResult(
        command=StationCommand(
            correlation_id=row.call_id,
            protocol=row.protocol,
            action=row.action,
            payload=orjson.dumps(row.request),
            origin=row.origin,
            gateway_epoch=row.target_epoch or 0,
            connection_id=row.target_connection_id or "",
            connection_number=row.target_number or 0,
        ),
        outcome=_TO_PROTO[row.outcome] if row.outcome else Outcome.OUTCOME_UNSPECIFIED,
        payload=orjson.dumps(row.response) if row.response is not None else b"",
        sent_at_ms=to_ms(row.sent_at) if row.sent_at else 0,
        completed_at_ms=to_ms(row.completed_at) if row.completed_at else 0,
    )
    if row.error is not None:
        details = orjson.dumps(row.error["details"])
        error = CallError(
            code=row.error["code"],
            description=row.error["description"],
            details=details,
            source=_TO_SOURCE.get(row.error.get("source") or "", CallError.SOURCE_UNSPECIFIED),
        )
        result.error.CopyFrom(error)
    return result
