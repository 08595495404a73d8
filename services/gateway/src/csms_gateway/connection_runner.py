"""What happens to a connection between its handshake and its end."""

import structlog
from csms_bus.ports import BusError
from csms_runtime import metrics
from csms_runtime.logging import bound
from websockets.frames import CloseCode

from csms_gateway.announcements import Announcements
from csms_gateway.connection import ConnectionOptions, StationConnection
from csms_gateway.connections import REPLACED, Connections
from csms_gateway.keepalive import WatchTimes
from csms_gateway.socket import StationSocket
from csms_gateway.station_call_router import StationCallRouter
from csms_gateway.watch import Watch

_log = structlog.get_logger(__name__)


class ConnectionRunner:
    """Registers, announces and runs each connection, and cleans up behind it."""

    def __init__(
        self,
        connections: Connections,
        announcements: Announcements,
        calls: StationCallRouter,
        options: ConnectionOptions,
        *,
        watch_times: WatchTimes,
        watch: Watch,
    ) -> None:
        self._connections = connections
        self._announcements = announcements
        self._calls = calls
        self._options = options
        self._watch_times = watch_times
        self._watch = watch

    async def serve(self, socket: StationSocket) -> None:
        """Run one allowed connection until it has ended."""
        if socket.allowed is None:
            raise RuntimeError("a connection that was not allowed")
        with bound(station_id=socket.allowed.station_id):
            connection = StationConnection(socket, socket.allowed, self._options)
            socket.start(self._watch_times, self._watch)
            is_newest = self._register(connection)
            try:
                if is_newest:
                    await self._announce(connection)
                if self._connections.closing:  # the gateway began to stop during the handshake
                    connection.drain()
                await connection.run()
            finally:
                self._clean_up(connection)

    def _register(self, connection: StationConnection) -> bool:
        """Register a connection and close the one it replaces. Returns False when this is the older one, and closed."""
        older = self._connections.add(connection)
        _log.info("connected", connection_id=connection.connection_id, protocol=connection.protocol.value)
        if older is not None:
            metrics.GATEWAY_REPLACED.inc()
            older.close(CloseCode.NORMAL_CLOSURE, REPLACED)
        return older is not connection

    async def _announce(self, connection: StationConnection) -> None:
        """Announce the connection before the station's first CALL, so that services know it when the CALL comes."""
        try:
            await self._announcements.opened(connection)
        except BusError as error:
            _log.warning("connection not announced", error=str(error))
            # No service could send this station a command. It will connect again.
            connection.close(CloseCode.TRY_AGAIN_LATER, "try again later")

    def _clean_up(self, connection: StationConnection) -> None:
        self._connections.remove(connection)
        self._calls.forget(connection)
        connection.end()
        self._announcements.closed(connection)
        _log.info(
            "disconnected",
            connection_id=connection.connection_id,
            code=connection.close_code,
            reason=connection.close_reason,
        )
