"""Orders of CALLs by services that hold no connections: one outcome comes of each, on ocpp.results."""

from typing import Any

import orjson
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import CallError, CallOrder, CommandResult, Outcome, StationCommand
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import RESULTS
from csms_ocpp.errors import ErrorCode
from csms_ocpp.versions import Protocol
from csms_runtime.clock import from_ms, to_ms
from csms_runtime.http import Problem

from csms_device_mgmt.calls.beginnings import begin
from csms_device_mgmt.calls.checks import check
from csms_device_mgmt.calls.known import check_known
from csms_device_mgmt.calls.recording import new_call, timeout_s
from csms_device_mgmt.commands import Command, outgoing
from csms_device_mgmt.json import loads
from csms_device_mgmt.outcomes import completion_of
from csms_device_mgmt.store import calls, stations
from csms_device_mgmt.store.tables import Station
from csms_device_mgmt.unit import Unit

_REFUSALS = {404: ErrorCode.NOT_IMPLEMENTED, 409: ErrorCode.SECURITY_ERROR, 422: ErrorCode.FORMAT_VIOLATION}
"""Why a CALL may not be sent, by the HTTP status that the same CALL would get on /calls."""


async def handle(unit: Unit, record: Record) -> None:
    """Record the call and send it on the station's connection, or publish what stands against that.

    The same order twice is one call. What goes out goes through the outbox: neither is lost with this process.
    """
    order = record.call_order
    station = await stations.find(unit.session, record.station_id)
    if station is None:
        _tell(unit, record, _command(order, Protocol.OCPP201), CommandResult(outcome=Outcome.OUTCOME_NOT_CONNECTED))
        return
    protocol = Protocol(station.connection_protocol or Protocol.OCPP201)
    payload, error = await _checked(unit, station, protocol, order)
    command = Command(
        order.call_id, station.station_id, protocol.value, order.action, payload, timeout_s(unit, station)
    )
    send_until = from_ms(order.deadline_ms) if order.deadline_ms else None
    columns = new_call(unit, command, requested_by=order.origin, origin=order.origin, send_until=send_until)
    row = await calls.add(unit.session, columns)
    if row is None:
        return
    if error is None:
        await begin(unit, command)
    outcome = _outcome(unit, station, order, error)
    if outcome is None:
        unit.tell(_outgoing(station, command, order))
        return
    _tell(unit, record, _command(order, protocol, payload), outcome)
    # What follows from an outcome follows when it is read again, in its turn; that of a refused payload is nothing.
    if error is not None:
        await calls.complete(unit.session, row, completion_of(outcome))


async def _checked(
    unit: Unit, station: Station, protocol: Protocol, order: CallOrder
) -> tuple[dict[str, Any], CallError | None]:
    """Return the payload and what stands against sending it; one that is no JSON object is left out."""
    try:
        payload = loads(order.payload)
    except orjson.JSONDecodeError:
        return {}, _refusal(Problem(422, detail="the payload is no JSON"))
    try:
        check(station, protocol, order.action, payload)
        await check_known(
            unit.session, Command(order.call_id, station.station_id, protocol.value, order.action, payload, 0)
        )
    except Problem as problem:
        return payload if isinstance(payload, dict) else {}, _refusal(problem)
    return payload, None


def _refusal(problem: Problem) -> CallError:
    details = orjson.dumps({"errors": problem.extra.get("errors", [])})
    return CallError(code=_REFUSALS[problem.status], description=problem.detail or "", details=details)


def _outcome(unit: Unit, station: Station, order: CallOrder, error: CallError | None) -> CommandResult | None:
    """Return what comes of an order that is not going to be sent; None: it is."""
    now_ms = to_ms(unit.now)
    if error is not None:
        return CommandResult(outcome=Outcome.OUTCOME_ERROR, error=error, completed_at_ms=now_ms)
    if order.deadline_ms and order.deadline_ms < now_ms:
        return CommandResult(outcome=Outcome.OUTCOME_TIMEOUT, completed_at_ms=now_ms)
    if not station.connection_open:
        return CommandResult(outcome=Outcome.OUTCOME_NOT_CONNECTED, completed_at_ms=now_ms)
    return None


def _outgoing(station: Station, command: Command, order: CallOrder) -> Outgoing:
    return outgoing(
        command,
        slot=station.connection_slot or 0,
        epoch=station.connection_epoch or 0,
        connection_id=station.connection_id or "",
        origin=order.origin,
        deadline_ms=order.deadline_ms,
    )


def _command(order: CallOrder, protocol: Protocol, payload: dict[str, Any] | None = None) -> StationCommand:
    return StationCommand(
        correlation_id=order.call_id,
        protocol=protocol.value,
        action=order.action,
        payload=orjson.dumps(payload or {}),
        origin=order.origin,
        deadline_ms=order.deadline_ms,
    )


def _tell(unit: Unit, record: Record, command: StationCommand, result: CommandResult) -> None:
    result.command.CopyFrom(command)
    result.completed_at_ms = to_ms(unit.now)
    unit.tell(Outgoing(RESULTS.name, new_record(record.station_id, command_result=result)))
