"""Which gateway and connection each station is on: the compacted topic station.connections as a table in memory."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog
from csms.v1.station_pb2 import CONNECTION_STATE_OPEN, GATEWAY_STATE_STOPPED, ConnectionRecord, GatewayStatus
from csms_runtime import metrics
from csms_runtime.clock import now_ms

from csms_bus.flow import Backoff
from csms_bus.ports import Bus, BusUnavailable, Incoming, Start
from csms_bus.topics import CONNECTIONS, GATEWAY_STATUS

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """A station's open connection. (slot, epoch, connection_id) is the owner token."""

    station_id: str
    slot: int
    """Of the gateway: its partition of gateway.inbox."""
    epoch: int
    connection_id: str
    protocol: str
    security_profile: int
    connected_at_ms: int
    remote_address: str


@dataclass(slots=True)
class _Gateway:
    epoch: int
    stopped: bool
    heard_at_ms: int


OnChange = Callable[[str, Connection | None], None]
"""Told a station id and its newest connection, or None when that was closed. Must not block."""


class ConnectionTable:
    """Follows station.connections and gateway.status from their beginning.

    Records of a gateway that stopped, has a newer epoch or was silent for `silent_after_s` seconds count as not
    connected; a draining gateway still counts. An epoch is a clock's reading: an older one takes over when the newer
    one stopped or fell silent, as after a start with a clock that was ahead. `clock_ms` is the wall clock. `on_change`
    is not told of gateways that fall silent.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        silent_after_s: float = 10.0,
        clock_ms: Callable[[], int] = now_ms,
        on_change: OnChange | None = None,
    ) -> None:
        self._bus = bus
        self._silent_after_ms = int(silent_after_s * 1000)
        self._clock_ms = clock_ms
        self._on_change = on_change or (lambda _station_id, _connection: None)
        self._connections: dict[str, Connection] = {}
        self._gateways: dict[int, _Gateway] = {}
        self._complete = {CONNECTIONS.name: asyncio.Event(), GATEWAY_STATUS.name: asyncio.Event()}

    async def ready(self) -> None:
        """Wait until the table is complete as of the time it began to be read."""
        for complete in self._complete.values():
            await complete.wait()

    @property
    def is_ready(self) -> bool:
        """Whether the table is complete."""
        return all(complete.is_set() for complete in self._complete.values())

    def lookup(self, station_id: str) -> Connection | None:
        """Return the station's connection; None when it has none that a living gateway holds."""
        connection = self._connections.get(station_id)
        return connection if connection is not None and self._is_held(connection) else None

    def all_connected(self) -> Iterator[Connection]:
        """Iterate over all stations' connections that living gateways hold. Do not await while iterating."""
        return (connection for connection in self._connections.values() if self._is_held(connection))

    async def run(self, stop: asyncio.Event) -> None:
        """Follow both topics until `stop` is set. Outlives broker outages. Call it once."""
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(self._follow(topic)) for topic in self._complete]
            await stop.wait()
            for reader in readers:
                reader.cancel()

    async def _follow(self, topic: str) -> None:
        backoff = Backoff(0.2, 5.0)
        while True:
            try:
                await self._read(topic)
            except BusUnavailable as error:
                _log.warning("cannot read the connections yet", topic=topic, error=str(error))
            await asyncio.sleep(backoff.next_pause())

    async def _read(self, topic: str) -> None:
        async with self._bus.read(topic, partition=None, start=Start.BEGINNING) as reader:
            async for batch in reader.batches():
                if batch:
                    self._take(batch)
                else:
                    self._complete[topic].set()

    def _take(self, batch: Sequence[Incoming]) -> None:
        for incoming in batch:
            record = incoming.record
            if record is None:
                self._close(incoming.key, None)
            elif record.HasField("connection"):
                self._connection(record.station_id, record.connection)
            elif record.HasField("gateway_status"):
                self._gateway(record.gateway_status, record.produced_at_ms)
        metrics.CONNECTION_TABLE_STATIONS.set(len(self._connections))

    def _connection(self, station_id: str, record: ConnectionRecord) -> None:
        if record.state == CONNECTION_STATE_OPEN:
            if record.refresh and self.lookup(station_id) is not None:
                return
            connection = Connection(
                station_id=station_id,
                slot=record.gateway_slot,
                epoch=record.gateway_epoch,
                connection_id=record.connection_id,
                protocol=record.protocol,
                security_profile=record.security_profile,
                connected_at_ms=record.connected_at_ms,
                remote_address=record.remote_address,
            )
            self._connections[station_id] = connection
            self._on_change(station_id, connection)
        else:
            self._close(station_id, record)

    def _close(self, station_id: str, closed: ConnectionRecord | None) -> None:
        """Remove a connection; a late CLOSED of an older one changes nothing. None: a tombstone."""
        connection = self._connections.get(station_id)
        if connection is None or (closed is not None and _token(closed) != _owner(connection)):
            return
        del self._connections[station_id]
        self._on_change(station_id, None)

    def _gateway(self, status: GatewayStatus, produced_at_ms: int) -> None:
        known = self._gateways.get(status.gateway_slot)
        if known is not None and known.epoch > status.gateway_epoch and not known.stopped and not self._silent(known):
            return
        self._gateways[status.gateway_slot] = _Gateway(
            epoch=status.gateway_epoch,
            stopped=status.state == GATEWAY_STATE_STOPPED,
            heard_at_ms=self._heard_at(produced_at_ms),
        )

    def _heard_at(self, produced_at_ms: int) -> int:
        """Now, for a record that was just published (clocks may differ); when it was produced, for one of the table."""
        now = self._clock_ms()
        return now if self._complete[GATEWAY_STATUS.name].is_set() else min(now, produced_at_ms)

    def _is_held(self, connection: Connection) -> bool:
        gateway = self._gateways.get(connection.slot)
        return (
            gateway is not None
            and not gateway.stopped
            and gateway.epoch == connection.epoch
            and not self._silent(gateway)
        )

    def _silent(self, gateway: _Gateway) -> bool:
        now = self._clock_ms()
        gateway.heard_at_ms = min(gateway.heard_at_ms, now)  # our clock was put back: begin to count anew
        return now - gateway.heard_at_ms > self._silent_after_ms


def _token(record: ConnectionRecord) -> tuple[int, int, str]:
    return record.gateway_slot, record.gateway_epoch, record.connection_id


def _owner(connection: Connection) -> tuple[int, int, str]:
    return connection.slot, connection.epoch, connection.connection_id
