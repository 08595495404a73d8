"""Orders of CALLs by other services, which send none themselves: one outcome comes of each, on ocpp.results."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import CallError, CallOrder, CallOrderVerdict, CommandResult, Outcome
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import RESULTS
from csms_ocpp.errors import ErrorCode
from csms_runtime.clock import from_ms, to_ms
from csms_runtime.http import Problem

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.boot.registration import Registration, boots_first, refusal
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.beginnings import begin
from csms_device_mgmt.commands.call_rows import CallState
from csms_device_mgmt.commands.checks import check
from csms_device_mgmt.commands.command import Command, outgoing, target_of_call, target_of_station
from csms_device_mgmt.commands.completed_event import completed
from csms_device_mgmt.commands.conflicts import check_known
from csms_device_mgmt.commands.new_call import is_repeated_by, new_call, timeout_s
from csms_device_mgmt.commands.outcomes import completion_of, result_of
from csms_device_mgmt.json import loads
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit
from csms_device_mgmt.versions.version import DeviceVersion

_CODES = {404: ErrorCode.NOT_IMPLEMENTED, 409: ErrorCode.SECURITY_ERROR, 422: ErrorCode.FORMAT_VIOLATION}
"""Why a CALL may not be sent, by the HTTP status that the same CALL would get on /calls."""
_REFUSALS = {
    Registration.PENDING: CallOrderVerdict.VERDICT_STATION_PENDING,
    Registration.REJECTED: CallOrderVerdict.VERDICT_STATION_REJECTED,
}

_ON_ITS_WAY = timedelta(milliseconds=100)


@dataclass(slots=True)
class _Ordered:
    """An order as it was understood."""

    order: CallOrder
    command: Command
    error: CallError | None
    """What stands against sending it."""


async def handle(unit: Unit, record: Record) -> list[Outgoing]:
    """Record the call, and return what is to be published after the commit: the verdict, and the command.

    An order that is read again is the same call, and its command may be published again: the gateway sends it once.
    What comes of an order that is not sent goes through the outbox.
    """
    station = await station_rows.find(unit.session, record.station_id)
    order = _in_its_form(record.call_order, station)
    verdict = _refusal(station, order)
    if station is None or (verdict is not None and order.reply_to.topic):
        if not order.reply_to.topic:
            _tell(unit, record.station_id, _unknown_stations(record.station_id, order), Outcome.OUTCOME_NOT_CONNECTED)
        return _verdict(record, verdict or CallOrderVerdict())
    ordered = await _understood(unit, station, order)
    if await _is_early(unit, station, ordered):
        return _verdict(record, CallOrderVerdict(verdict=CallOrderVerdict.VERDICT_NOT_CONNECTED_YET))
    return await _carry_out(unit, record, station, ordered)


def _in_its_form(order: CallOrder, station: Station | None) -> CallOrder:
    """Return the order as the station's version writes it."""
    protocol = "" if station is None else station.connection_protocol
    form = next((form for form in order.forms if protocol in form.protocols), None)
    if form is None:
        return order
    fitting = CallOrder()
    fitting.CopyFrom(order)
    fitting.action, fitting.payload, fitting.protocols[:] = form.action, form.payload, form.protocols
    return fitting


async def _is_early(unit: Unit, station: Station, ordered: _Ordered) -> bool:
    """Whether an order comes again, because its station may just have opened a connection, or is to boot first."""
    order = ordered.order
    if not order.reply_to.topic or ordered.error is not None or not _waits(unit, station, ordered.command, order):
        return False
    if await call_rows.find(unit.session, order.call_id) is not None:
        return False
    key = order.idempotency_key
    return not key or await call_rows.by_key(unit.session, station.station_id, key) is None


def _waits(unit: Unit, station: Station, command: Command, order: CallOrder) -> bool:
    if target_of_station(unit, station) is None:
        return order.connecting_until_ms > to_ms(unit.now)
    is_booting = boots_first(station.registration_status, command.action, command.payload) or _has_just_booted(
        unit, station
    )
    return is_booting and order.booting_until_ms > to_ms(unit.now)


def _has_just_booted(unit: Unit, station: Station) -> bool:
    """Whether the answer to its boot may still be on the way, so that the station refuses what it is asked (B01)."""
    return station.booted_at is not None and timedelta(0) <= unit.now - station.booted_at < _ON_ITS_WAY


def _refusal(station: Station | None, order: CallOrder) -> CallOrderVerdict | None:
    """Return the verdict against an order that is not even recorded, if somebody waits for one."""
    if station is None:
        return CallOrderVerdict(verdict=CallOrderVerdict.VERDICT_UNKNOWN_STATION)
    protocol = station.connection_protocol
    if protocol and order.protocols and protocol not in order.protocols:
        return CallOrderVerdict(verdict=CallOrderVerdict.VERDICT_OTHER_PROTOCOL, protocol=protocol)
    status = announcements.registration_status_of(station)
    if status in _REFUSALS and refusal(status, order.action, None) is not None:
        return CallOrderVerdict(verdict=_REFUSALS[status])
    return None


async def _understood(unit: Unit, station: Station, order: CallOrder) -> _Ordered:
    version = versions.of_station(station.connection_protocol)
    try:
        payload = loads(order.payload)
    except orjson.JSONDecodeError:
        return _Ordered(order, _command(unit, station, version, order, {}), _error(_no_json()))
    command = _command(unit, station, version, order, payload if isinstance(payload, dict) else {})
    try:
        await check(station, version, order.action, payload)
        await check_known(unit.session, command)
    except Problem as problem:
        return _Ordered(order, command, _error(problem))
    return _Ordered(order, command, None)


def _command(
    unit: Unit, station: Station, version: DeviceVersion, order: CallOrder, payload: dict[str, Any]
) -> Command:
    return Command(
        call_id=order.call_id,
        station_id=station.station_id,
        protocol=version.protocol.value,
        action=order.action,
        payload=payload,
        timeout_s=order.timeout_ms / 1000 or timeout_s(unit, station),
        origin=order.origin,
        reply_to=order.reply_to if order.reply_to.topic else None,
        send_until=from_ms(order.deadline_ms) if order.deadline_ms else None,
    )


def _unknown_stations(station_id: str, order: CallOrder) -> Command:
    return Command(order.call_id, station_id, versions.ASSUMED.protocol.value, order.action, {}, 0, order.origin)


async def _carry_out(unit: Unit, record: Record, station: Station, ordered: _Ordered) -> list[Outgoing]:
    order, command = ordered.order, ordered.command
    recorded = CallOrderVerdict(
        verdict=CallOrderVerdict.VERDICT_RECORDED,
        timeout_ms=int(command.timeout_s * 1000),
        protocol=command.protocol,
    )
    outcome = _outcome_now(unit, ordered)
    target = target_of_station(unit, station) if outcome is None else None
    columns = await new_call(unit, command, target, requested_by=order.requested_by or order.origin)
    columns["idempotency_key"] = order.idempotency_key or None
    row = await call_rows.add(unit.session, columns)
    if row is None:
        return await _again(unit, record, ordered, recorded)
    if ordered.error is None:
        await begin(unit, command)
    if target is not None:
        return [*_verdict(record, recorded), outgoing(command, target)]
    result = _tell(unit, station.station_id, command, outcome or Outcome.OUTCOME_NOT_CONNECTED, ordered.error)
    # What follows from an outcome follows when it is read again, in its turn; that of a refused payload is nothing.
    if ordered.error is not None:
        completion = completion_of(result)
        call_rows.complete(row, completion)
        unit.tell(completed(row, completion))
    return _verdict(record, recorded)


async def _again(unit: Unit, record: Record, ordered: _Ordered, recorded: CallOrderVerdict) -> list[Outgoing]:
    """Answer an order whose call is recorded: it was read before, or its idempotency key was used before."""
    order = ordered.order
    row = await call_rows.find(unit.session, order.call_id)
    if row is not None:
        target = target_of_call(row)
        is_open = row.state == CallState.OPEN and target is not None
        return [*_verdict(record, recorded), *([outgoing(ordered.command, target)] if is_open and target else [])]
    earlier = await call_rows.by_key(unit.session, record.station_id, order.idempotency_key)
    if earlier is None:
        return _verdict(record, CallOrderVerdict(verdict=CallOrderVerdict.VERDICT_UNKNOWN_STATION))
    is_same = await is_repeated_by(unit, earlier, ordered.command)
    verdict = CallOrderVerdict.VERDICT_REPEAT if is_same else CallOrderVerdict.VERDICT_KEY_REUSED
    return _verdict(record, CallOrderVerdict(verdict=verdict, earlier=result_of(earlier)))


def _outcome_now(unit: Unit, ordered: _Ordered) -> Outcome.ValueType | None:
    """Return what comes of an order that must not be sent, whether or not the station is connected; None: it may."""
    if ordered.error is not None:
        return Outcome.OUTCOME_ERROR
    if 0 < ordered.order.deadline_ms < to_ms(unit.now):
        return Outcome.OUTCOME_TIMEOUT
    return None


def _tell(
    unit: Unit, station_id: str, command: Command, outcome: Outcome.ValueType, error: CallError | None = None
) -> CommandResult:
    """Publish the outcome of an order that is not sent, where those of gateways are published.

    With the whole request, by whose digest it is known for the recorded call's. It is not sent from there.
    """
    result = CommandResult(command=command.body(), outcome=outcome, error=error, completed_at_ms=to_ms(unit.now))
    unit.tell(Outgoing(RESULTS.name, new_record(station_id, command_result=result)))
    return result


def _verdict(record: Record, verdict: CallOrderVerdict) -> list[Outgoing]:
    order = record.call_order
    if not order.reply_to.topic:
        return []
    verdict.correlation_id = order.correlation_id
    answer = new_record(record.station_id, call_order_verdict=verdict)
    return [Outgoing(order.reply_to.topic, answer, partition=order.reply_to.partition)]


def _no_json() -> Problem:
    return Problem(422, detail="the payload is no JSON")


def _error(problem: Problem) -> CallError:
    details = orjson.dumps({"errors": problem.extra.get("errors", [])})
    code, source = _CODES[problem.status], CallError.SOURCE_CSMS
    return CallError(code=code, description=problem.detail or "", details=details, source=source)
