"""Storing what became of a CALL, with what follows from it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import CallError, CommandResult, Outcome
from csms_runtime import heavy, metrics
from csms_runtime.clock import from_ms

from csms_device_mgmt.consequences import consequence_of
from csms_device_mgmt.consequences.executed import Executed
from csms_device_mgmt.json import loads
from csms_device_mgmt.redacted import redacted, shown
from csms_device_mgmt.store import calls
from csms_device_mgmt.store.calls import CallOutcome, CallState, Completion
from csms_device_mgmt.unit import Unit

OUTCOMES = {
    Outcome.OUTCOME_RESULT: CallOutcome.RESULT,
    Outcome.OUTCOME_ERROR: CallOutcome.ERROR,
    Outcome.OUTCOME_TIMEOUT: CallOutcome.TIMEOUT,
    Outcome.OUTCOME_NOT_CONNECTED: CallOutcome.NOT_CONNECTED,
}


async def settle(unit: Unit, executed: Executed, unrecorded: Callable[[], dict[str, Any]] | None = None) -> bool:
    """Store a call's outcome and apply its consequences; False, and nothing changes, when it is no news.

    `unrecorded` gives the columns of a call that nobody recorded; None: its outcome is dropped.
    """
    row = await calls.lock(unit.session, executed.call_id)
    if row is None and unrecorded is not None:
        row = await calls.add(unit.session, unrecorded()) or await calls.lock(unit.session, executed.call_id)
    completion = executed.completion
    if completion.response is not None:
        work = partial(shown, executed.protocol, executed.action, completion.response)
        completion = replace(completion, response=(await heavy.run(executed.size, work)).payload)
    if row is None or not await calls.complete(unit.session, row, completion, size=executed.size):
        return False
    unit.kept(executed.station_id, executed.size)
    _measure(executed)
    consequence = consequence_of(executed.protocol, executed.action)
    if consequence is not None:
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
    outcome = OUTCOMES[result.outcome]
    return Completion(
        outcome=outcome,
        completed_at=from_ms(result.completed_at_ms),
        sent_at=from_ms(result.sent_at_ms) if result.sent_at_ms else None,
        response=loads(result.payload) if outcome is CallOutcome.RESULT else None,
        error=_error(result.error) if outcome is CallOutcome.ERROR else None,
    )


def _error(error: CallError) -> dict[str, Any]:
    details = loads(error.details) if error.details else {}
    return {"code": error.code, "description": error.description, "details": details}


def call_columns(record: Record) -> dict[str, Any]:
    """Return the row of a call that another service sent, as its result tells it."""
    result = record.command_result
    command = result.command
    began = from_ms(result.sent_at_ms or result.completed_at_ms)
    return {
        "call_id": command.correlation_id,
        "station_id": record.station_id,
        "action": command.action,
        "protocol": command.protocol,
        "request": redacted(command.protocol, command.action, loads(command.payload)),
        "state": CallState.OPEN.value,
        "origin": command.origin,
        "created_at": began,
        "deadline_at": from_ms(command.deadline_ms) if command.deadline_ms else began,
    }
