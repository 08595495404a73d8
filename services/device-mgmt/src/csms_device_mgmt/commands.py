"""Sending a CALL to a station through the gateway that holds its connection."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import Outcome, ReplyTo, StationCommand
from csms_bus.connections import Connection, ConnectionTable
from csms_bus.ports import Bus, Outgoing
from csms_bus.records import new_record
from csms_bus.requests import Requester
from csms_bus.topics import GATEWAY_INBOX
from csms_runtime.clock import now_ms

ORIGIN = "device-mgmt"
"""This service's name in StationCommand.origin."""


@dataclass(frozen=True, slots=True)
class Command:
    """A CALL to be sent, already checked and recorded."""

    call_id: str
    station_id: str
    protocol: str
    action: str
    payload: Any = field(repr=False)
    timeout_s: float
    """How long the station may take to answer, and how long the CALL may wait to be sent."""


class CommandSender:
    """Sends commands. Safe for use by many tasks."""

    def __init__(self, bus: Bus, table: ConnectionTable, requester: Requester, grace_s: float) -> None:
        """`grace_s`: how much longer than the command's timeout an outcome is waited for."""
        self._bus = bus
        self._table = table
        self._requester = requester
        self._grace_s = grace_s

    def connection(self, station_id: str) -> Connection | None:
        """Return where the station is connected, or None."""
        return self._table.lookup(station_id)

    async def ask(self, command: Command) -> Record | None:
        """Send a command and return its result, which is in the database by then; None if the station is not connected.

        When the connection turns out to be gone while the station is known to have a newer one, it is sent once more,
        there. Blocks up to the command's timeout and the grace. Raises NoAnswer, BusUnavailable.
        """
        for _ in range(2):
            connection = self._table.lookup(command.station_id)
            if connection is None:
                return None
            question = _outgoing(command, connection, self._requester.reply_to)
            timeout_s = command.timeout_s + self._grace_s
            answer = await self._requester.ask(question, command.call_id, timeout_s)
            if not self._has_moved(command, connection, answer):
                break
        return answer

    def _has_moved(self, command: Command, sent_to: Connection, answer: Record) -> bool:
        if answer.command_result.outcome != Outcome.OUTCOME_NOT_CONNECTED:
            return False
        now = self._table.lookup(command.station_id)
        return now is not None and (now.epoch, now.connection_id) != (sent_to.epoch, sent_to.connection_id)

    async def post(self, command: Command) -> bool:
        """Send a command and do not wait; False if the station is not connected. Raises BusUnavailable."""
        connection = self._table.lookup(command.station_id)
        if connection is None:
            return False
        await self._bus.publish([_outgoing(command, connection, None)])
        return True


def _outgoing(command: Command, connection: Connection, reply_to: ReplyTo | None) -> Outgoing:
    return outgoing(
        command,
        slot=connection.slot,
        epoch=connection.epoch,
        connection_id=connection.connection_id,
        reply_to=reply_to,
    )


def outgoing(
    command: Command,
    *,
    slot: int,
    epoch: int,
    connection_id: str,
    reply_to: ReplyTo | None = None,
    origin: str = ORIGIN,
    deadline_ms: int = 0,
) -> Outgoing:
    """Build the record that has the gateway at `slot` send a command, on that connection and no other.

    `deadline_ms`: not to be sent after this moment; 0: after as long as the station may take to answer.
    """
    body = StationCommand(
        reply_to=reply_to,
        correlation_id=command.call_id,
        protocol=command.protocol,
        action=command.action,
        payload=orjson.dumps(command.payload),
        timeout_ms=int(command.timeout_s * 1000),
        deadline_ms=deadline_ms or now_ms() + int(command.timeout_s * 1000),
        origin=origin,
        gateway_epoch=epoch,
        connection_id=connection_id,
    )
    record = new_record(command.station_id, station_command=body)
    return Outgoing(GATEWAY_INBOX.name, record, partition=slot)
