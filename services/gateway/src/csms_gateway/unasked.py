"""Connections whose HTTP request has not come (yet)."""

from csms_runtime import metrics

from csms_gateway.socket import StationSocket


class Unasked:
    """Keeps the connections without a request to `most`: of more, the oldest gives way.

    Each ends by its deadline anyway; this bounds what many clients can take up that connect and say nothing. A station
    sends its request at once, so that it is hardly ever among the oldest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._sockets: dict[StationSocket, None] = {}

    def add(self, socket: StationSocket) -> None:
        """Take a connection that was just made, until `remove` or its end."""
        self._sockets[socket] = None
        if len(self._sockets) > self._most:
            oldest = next(iter(self._sockets))
            self.remove(oldest)
            metrics.GATEWAY_HANDSHAKES.labels("crowded_out").inc()
            oldest.abort()

    def remove(self, socket: StationSocket) -> None:
        """Its request has come, or the connection has ended."""
        self._sockets.pop(socket, None)

    def abort(self) -> None:
        """End them all."""
        for socket in tuple(self._sockets):
            socket.abort()
