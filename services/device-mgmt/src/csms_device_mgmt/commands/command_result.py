"""Outcomes of CALLs to stations: every one goes into the history, whichever service asked for it."""

from functools import partial

from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import StationCommand
from csms_bus.flow import Never
from csms_bus.ports import Outgoing
from csms_runtime import heavy
from csms_runtime.clock import to_ms

from csms_device_mgmt.commands.call_rows import CallOutcome, CallState
from csms_device_mgmt.commands.command import Command, Target, redirected, target_of_call, target_of_station
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.commands.held_calls import held
from csms_device_mgmt.commands.new_call import asks_the_same
from csms_device_mgmt.commands.outcomes import executed_from, settle
from csms_device_mgmt.deliveries import waiting
from csms_device_mgmt.json import loads
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Call
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, record: Record) -> list[Outgoing]:
    """Store an outcome and return what to publish after the commit: the result, for the request that waits for it.

    That request may be another service's, too. Whoever is answered then finds the outcome and what followed from it in
    the database. A call that was never sent goes to the connection that the station has now, if there is a newer one.
    """
    result, command = record.command_result, record.command_result.command
    size = len(result.payload) + len(result.error.details) + len(command.payload)
    executed = await heavy.run(size, partial(executed_from, record))
    if not await _is_of_the_call(unit, record, executed):
        return []
    if executed.completion.outcome is CallOutcome.NOT_CONNECTED and await _goes_on(unit, record):
        return []
    is_waiting = executed.completion.outcome is CallOutcome.NOT_CONNECTED and await _waits(unit, record, executed)
    if not is_waiting:
        await settle(unit, executed)
    if not command.reply_to.topic:
        return []
    return [Outgoing(command.reply_to.topic, record, partition=command.reply_to.partition)]


async def _is_of_the_call(unit: Unit, record: Record, executed: Executed) -> bool:
    """Whether an outcome is of what was asked for. A gateway that was taken over gives back what it likes.

    False: of a call that is over, as device-mgmt tells it itself, without secrets; nothing follows from it. Raises
    Never for one of a call that is open: what would follow, a password for one, would be of somebody else's choice.
    """
    row = await held(unit, executed.call_id)
    if row is None:
        return True
    if (row.station_id, row.action) == (record.station_id, executed.action):
        work = partial(asks_the_same, unit.keys, row, executed.action, executed.request)
        if row.fingerprint is None or await heavy.run(executed.size, work):
            return True
    if row.state == CallState.OPEN:
        raise Never(f"call {executed.call_id} asked for something else than this {executed.action}")
    return False


NOWHERE = Target(0, 0, "")
"""Of a call that was recorded while its station had no connection."""


async def _goes_on(unit: Unit, record: Record) -> bool:
    """Whether a call that never was sent is not over: it has left that connection before, or leaves it now."""
    row = await held(unit, record.command_result.command.correlation_id)
    if row is None:
        return False
    sent_to = _named(record, row)
    return sent_to is None or await _sent_on(unit, record, row, sent_to)


async def _waits(unit: Unit, record: Record, executed: Executed) -> bool:
    """Whether a call that never was sent waits for its station from now on."""
    row = await held(unit, executed.call_id)
    command = record.command_result.command
    if row is None or row.deliver_until is None or not _is_what_was_asked(unit, row, command):
        return False
    station = (await station_rows.lock(unit.session, [record.station_id])).get(record.station_id)
    again = Command(
        row.call_id, row.station_id, row.protocol, row.action, executed.request, command.timeout_ms / 1000, row.origin
    )
    return station is not None and await waiting.wait_again(unit, station, row, again)


def _named(record: Record, row: Call) -> Target | None:
    """Return the call's target, if it is the connection that the result is about."""
    command = record.command_result.command
    target = target_of_call(row) or NOWHERE
    return target if target.is_connection(command.gateway_epoch, command.connection_id) else None


def _is_what_was_asked(unit: Unit, row: Call, command: StationCommand) -> bool:
    """Whether a gateway gives the command back as it got it: one that was taken over must not command others' stations.

    It gives back what it likes, and the row holds no secrets to send; but the row knows the request's digest.
    """
    if row.action != command.action or row.origin != command.origin:
        return False
    return asks_the_same(unit.keys, row, command.action, loads(command.payload))


async def _sent_on(unit: Unit, record: Record, row: Call, sent_to: Target) -> bool:
    """Send a call on the station's newer connection, if it is not over, there is one, and it is not too late."""
    command = record.command_result.command
    is_over = row.state != CallState.OPEN or sent_to is NOWHERE or command.deadline_ms <= to_ms(unit.now)
    if is_over or not _is_what_was_asked(unit, row, command):
        return False
    station = (await station_rows.lock(unit.session, [record.station_id])).get(record.station_id)
    newer = target_of_station(unit, station) if station is not None else None
    if newer is None or newer.is_connection(sent_to.epoch, sent_to.connection_id):
        return False
    if 0 < newer.number <= sent_to.number:
        return False
    for name, value in newer.columns().items():
        setattr(row, name, value)
    unit.tell(redirected(record.station_id, command, newer))
    return True
