"""Outcomes of CALLs to stations: every one goes into the history, whichever service sent it."""

from functools import partial

from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_runtime import heavy

from csms_device_mgmt.outcomes import call_columns, executed_from, settle
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, record: Record) -> list[Outgoing]:
    """Store an outcome and return what to publish after the commit: the result, for the request that waits for it.

    That request may be another service's, too. Whoever is answered then finds the outcome and what followed from it in
    the database.
    """
    result, command = record.command_result, record.command_result.command
    size = len(result.payload) + len(result.error.details) + len(command.payload)
    executed = await heavy.run(size, partial(executed_from, record))
    await settle(unit, executed, partial(call_columns, record))
    if not command.reply_to.topic:
        return []
    return [Outgoing(command.reply_to.topic, record, partition=command.reply_to.partition)]
