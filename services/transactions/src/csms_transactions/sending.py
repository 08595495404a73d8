"""Sending our CALLs to stations, through the gateway that holds the connection."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from csms.v1.station_pb2 import (
    CallAnnounced,
    CallAnnouncement,
    CommandResult,
    Outcome,
    ReplyTo,
    StationCommand,
)
from csms_bus.connections import Connection, ConnectionTable
from csms_bus.ports import Bus, Outgoing
from csms_bus.records import new_record
from csms_bus.requests import Requester
from csms_bus.topics import DEVICES_ORDERS, GATEWAY_INBOX
from csms_runtime.clock import now_ms

from csms_transactions.handlers.results import ORIGIN


@dataclass(frozen=True, slots=True)
class Command:
    """A CALL to be sent, checked and noted already."""

    call_id: str
    station_id: str
    protocol: str
    action: str
    payload: Any = field(repr=False)
    timeout_s: float
    """How long it may wait to be sent, and how long the station may then take; 0: as long as it is given in general."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants a CALL sent, and the key by which a repeat of the request is told; empty: none."""

    name: str
    idempotency_key: str = ""


class Sender:
    """Sends commands. Safe for use by many tasks."""

    def __init__(
        self, bus: Bus, table: ConnectionTable, requester: Requester, *, grace_s: float, service_timeout_s: float
    ) -> None:
        """`service_timeout_s`: how long device-mgmt may take to record a call."""
        self._service_timeout_s = service_timeout_s
        self._bus = bus
        self._table = table
        self._requester = requester
        self._grace_s = grace_s

    def connection(self, station_id: str) -> Connection | None:
        """Where the station is connected; None: nowhere."""
        return self._table.lookup(station_id)

    async def announce(self, command: Command, asker: Asker, *, not_connected: bool) -> CallAnnounced:
        """Have device-mgmt record the call, so that it is in the history before it is sent.

        Raises csms_bus.requests.NoAnswer: nothing may be sent then; BusUnavailable.
        """
        correlation_id = self._requester.new_correlation_id()
        announcement = CallAnnouncement(
            reply_to=self._requester.reply_to,
            correlation_id=correlation_id,
            deadline_ms=now_ms() + int(self._service_timeout_s * 1000),
            command=_command(command),
            requested_by=asker.name,
            idempotency_key=asker.idempotency_key,
            not_connected=not_connected,
        )
        outgoing = Outgoing(DEVICES_ORDERS.name, new_record(command.station_id, call_announcement=announcement))
        answer = await self._requester.ask(outgoing, correlation_id, timeout_s=self._service_timeout_s)
        return answer.call_announced

    async def ask(self, command: Command, connection: Connection) -> CommandResult:
        """Send, and return what became of it, which is in the history by then.

        Sent once more when the connection was gone and the station has a newer one. Blocks up to twice the command's
        timeout plus the grace. Raises csms_bus.requests.NoAnswer, BusUnavailable.
        """
        result = await self._ask(command, connection)
        newer = self._table.lookup(command.station_id)
        if result.outcome == Outcome.OUTCOME_NOT_CONNECTED and newer is not None and not _same(newer, connection):
            return await self._ask(command, newer)
        return result

    async def post(self, command: Command, connection: Connection) -> None:
        """Send and do not wait. Raises BusUnavailable."""
        await self._bus.publish([_outgoing(command, connection, None)])

    async def _ask(self, command: Command, connection: Connection) -> CommandResult:
        outgoing = _outgoing(command, connection, self._requester.reply_to)
        timeout_s = command.timeout_s + self._grace_s
        return (await self._requester.ask(outgoing, command.call_id, timeout_s=timeout_s)).command_result


def _outgoing(command: Command, connection: Connection, reply_to: ReplyTo | None) -> Outgoing:
    body = _command(command)
    if reply_to is not None:
        body.reply_to.CopyFrom(reply_to)
    body.deadline_ms = now_ms() + body.timeout_ms
    body.gateway_epoch, body.connection_id = connection.epoch, connection.connection_id
    record = new_record(command.station_id, station_command=body)
    return Outgoing(GATEWAY_INBOX.name, record, partition=connection.slot)


def _command(command: Command) -> StationCommand:
    return StationCommand(
        correlation_id=command.call_id,
        protocol=command.protocol,
        action=command.action,
        payload=orjson.dumps(command.payload),
        timeout_ms=int(command.timeout_s * 1000),
        origin=ORIGIN,
    )


def _same(one: Connection, other: Connection) -> bool:
    return (one.epoch, one.connection_id) == (other.epoch, other.connection_id)
