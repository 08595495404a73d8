"""What the gateway tells the other services about itself and its connections."""

import asyncio
from collections.abc import Sequence

import structlog
from csms.v1.station_pb2 import (
    CONNECTION_STATE_CLOSED,
    CONNECTION_STATE_OPEN,
    GATEWAY_STATE_ALIVE,
    ConnectionRecord,
    GatewayState,
    GatewayStatus,
    Presence,
    PresenceSummary,
)
from csms_bus import topics
from csms_bus.ports import BusError, Outgoing
from csms_bus.records import new_record
from csms_runtime.clock import now_ms

from csms_gateway.connection import StationConnection
from csms_gateway.connections import Connections
from csms_gateway.identity import GatewayId
from csms_gateway.publisher import Publisher
from csms_gateway.retrying import RetryingPublisher

_log = structlog.get_logger(__name__)

_PRESENCES_PER_RECORD = 5000
"""One takes some 60 bytes: a summary stays well below the size that the topic takes."""


class Announcements:
    """Connection records, gateway status and presence summaries."""

    def __init__(
        self,
        gateway: GatewayId,
        connections: Connections,
        publisher: Publisher,
        retrying: RetryingPublisher,
        *,
        last_seen_s: float,
    ) -> None:
        """`last_seen_s`: seconds that may pass before it is told again that a station was heard from."""
        self._gateway = gateway
        self._connections = connections
        self._publisher = publisher
        self._retrying = retrying
        self._last_seen_s = last_seen_s
        self.state: GatewayState.ValueType = GATEWAY_STATE_ALIVE

    async def opened(self, connection: StationConnection) -> None:
        """Announce a connection, durably, so that the station's CALLs come after it. Raises BusError."""
        record = self._connection_record(connection)
        record.state = CONNECTION_STATE_OPEN
        await self._publisher.publish(_outgoing(connection, record))

    def closed(self, connection: StationConnection) -> None:
        """Announce the end of a connection. It is tried again while the bus is away."""
        record = self._connection_record(connection)
        record.state = CONNECTION_STATE_CLOSED
        record.closed_at_ms = now_ms()
        record.close_code = connection.close_code
        record.close_reason = connection.close_reason
        record.last_heard_at_ms = _wall_ms(connection.heard_at)
        self._retrying.put(_outgoing(connection, record))

    async def refresh(self, connection: StationConnection) -> None:
        """Say again that a connection is open. A failure is only logged: the next time comes."""
        record = self._connection_record(connection)
        record.state = CONNECTION_STATE_OPEN
        record.refresh = True
        try:
            await self._publisher.publish(_outgoing(connection, record))
        except BusError as error:
            _log.warning("connection not announced again", error=str(error))

    async def repeat_connections(self, period_s: float) -> None:
        """Say every connection again once in `period_s` seconds, spread over that time, until cancelled."""
        while True:
            connections = list(self._connections)
            pause = period_s / (len(connections) + 1)
            for connection in connections:
                await asyncio.sleep(pause)
                if connection.is_open:
                    await self.refresh(connection)
            await asyncio.sleep(pause)

    async def status(self) -> None:
        """Announce the gateway's state once. Raises BusError."""
        status = GatewayStatus(
            gateway_slot=self._gateway.slot,
            gateway_epoch=self._gateway.epoch,
            state=self.state,
            connections=len(self._connections),
            instance=self._gateway.instance,
        )
        record = new_record("", gateway_status=status)
        await self._publisher.publish(Outgoing(topics.GATEWAY_STATUS.name, record, key=self._gateway.key))

    async def try_status(self) -> None:
        """Announce the gateway's state once. A failure is only logged: the next announcement follows soon."""
        try:
            await self.status()
        except BusError as error:
            _log.warning("gateway status not published", error=str(error))

    async def presence(self) -> None:
        """Report the stations that were heard from, unless they were reported a short time ago. Raises BusError."""
        due = [each for each in self._connections if each.heard_at - each.reported_at >= self._last_seen_s]
        for first in range(0, len(due), _PRESENCES_PER_RECORD):
            some = due[first : first + _PRESENCES_PER_RECORD]
            heard = [each.heard_at for each in some]
            record = new_record("", presence=self._summary(some))
            await self._publisher.publish(Outgoing(topics.PRESENCE.name, record, key=self._gateway.key))
            for connection, heard_at in zip(some, heard, strict=True):
                connection.reported_at = heard_at

    async def repeat_status(self, period_s: float) -> None:
        """Announce the state every `period_s` seconds, until cancelled."""
        while True:
            await asyncio.sleep(period_s)
            await self.try_status()

    async def repeat_presence(self, period_s: float) -> None:
        """Report who was heard from every `period_s` seconds, until cancelled. What failed comes the next time."""
        while True:
            await asyncio.sleep(period_s)
            try:
                await self.presence()
            except BusError as error:
                _log.warning("presence not published", error=str(error))

    def _connection_record(self, connection: StationConnection) -> ConnectionRecord:
        return ConnectionRecord(
            gateway_slot=self._gateway.slot,
            gateway_epoch=self._gateway.epoch,
            connection_id=connection.connection_id,
            protocol=connection.protocol,
            security_profile=connection.peer.security_profile,
            remote_address=connection.peer.remote_address,
            connected_at_ms=connection.connected_at_ms,
            connection_number=connection.number,
        )

    def _summary(self, heard: Sequence[StationConnection]) -> PresenceSummary:
        return PresenceSummary(
            gateway_slot=self._gateway.slot,
            gateway_epoch=self._gateway.epoch,
            stations=[
                Presence(station_id=connection.station_id, last_seen_ms=_wall_ms(connection.heard_at))
                for connection in heard
            ],
        )


def _wall_ms(moment: float) -> int:
    """Return a moment of the event loop's clock as milliseconds since the epoch."""
    return now_ms() - int((asyncio.get_running_loop().time() - moment) * 1000)


def _outgoing(connection: StationConnection, record: ConnectionRecord) -> Outgoing:
    return Outgoing(topics.CONNECTIONS.name, new_record(connection.station_id, connection=record))
