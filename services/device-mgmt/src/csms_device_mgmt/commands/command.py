"""A CALL to a station: where it goes, and the record that has the gateway send it. Nobody else sends any."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from csms.v1.station_pb2 import ReplyTo, StationCommand
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import GATEWAY_INBOX
from csms_runtime.clock import now_ms, to_ms

from csms_device_mgmt.tables import Call, Station
from csms_device_mgmt.unit import Unit

ORIGIN = "device-mgmt"
"""This service's name in StationCommand.origin."""


@dataclass(frozen=True, slots=True)
class Command:
    """A CALL that is to be sent, already checked."""

    call_id: str
    station_id: str
    protocol: str
    action: str
    payload: Any = field(repr=False)
    timeout_s: float
    """How long the station may take to answer."""
    origin: str = ORIGIN
    """The service that asked; it handles the result."""
    reply_to: ReplyTo | None = None
    """Where the result is published, too."""
    request_id: int | None = None
    """Of the report or job that it asks for, where the payload has none and one was chosen."""
    send_until: datetime | None = None
    """How long it may wait to be sent; None: as long as the station may take to answer."""

    def body(self) -> StationCommand:
        """Return it as it travels, for no connection yet."""
        until_ms = to_ms(self.send_until) if self.send_until else now_ms() + int(self.timeout_s * 1000)
        return StationCommand(
            reply_to=self.reply_to,
            correlation_id=self.call_id,
            protocol=self.protocol,
            action=self.action,
            payload=orjson.dumps(self.payload),
            timeout_ms=int(self.timeout_s * 1000),
            deadline_ms=until_ms,
            origin=self.origin,
        )


class Target(NamedTuple):
    """The connection that a CALL is sent on, and no other: fixed when the call is recorded."""

    slot: int
    epoch: int
    connection_id: str
    number: int = 0

    def columns(self) -> dict[str, Any]:
        """Return the columns of a call that hold it."""
        return {
            "target_slot": self.slot,
            "target_epoch": self.epoch,
            "target_connection_id": self.connection_id,
            "target_number": self.number,
        }

    def is_connection(self, epoch: int, connection_id: str) -> bool:
        """Whether it is this connection."""
        return (self.epoch, self.connection_id) == (epoch, connection_id)


def target_of_station(unit: Unit, station: Station) -> Target | None:
    """Return the connection that a station has; None if it has none that a living gateway holds."""
    slot, epoch = station.connection_slot or 0, station.connection_epoch or 0
    if not station.connection_open or station.connection_id is None or not unit.gateways.lives(slot, epoch):
        return None
    return Target(slot, epoch, station.connection_id, station.connection_number or 0)


def target_of_call(row: Call) -> Target | None:
    """Return where a call was sent; None: nowhere."""
    if row.target_connection_id is None:
        return None
    return Target(row.target_slot or 0, row.target_epoch or 0, row.target_connection_id, row.target_number or 0)


def outgoing(command: Command, target: Target) -> Outgoing:
    """Build the record that has the gateway send a command, on that connection and no other.

    It may be published again: the gateway sends it once.
    """
    return redirected(command.station_id, command.body(), target)


def redirected(station_id: str, command: StationCommand, target: Target) -> Outgoing:
    """Build the record of a command for a connection, whichever it was for before."""
    body = StationCommand()
    body.CopyFrom(command)
    body.gateway_epoch = target.epoch
    body.connection_id = target.connection_id
    body.connection_number = target.number
    return Outgoing(GATEWAY_INBOX.name, new_record(station_id, station_command=body), partition=target.slot)
