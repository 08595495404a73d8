"""Counts the open sockets of a gateway, and knows those whose HTTP request has not come yet."""

from csms_runtime import metrics

from csms_gateway.socket import StationSocket


class SilentSockets:
    """Bounds the sockets without a request, and all sockets. When there are too many, the oldest silent one is ended.

    Each has a deadline besides. This bounds what many clients use that connect and say nothing. A station sends its
    request at once, so it is hardly ever among the oldest.
    """

    def __init__(self, most: int, most_open: int) -> None:
        """`most`: sockets without a request at most. `most_open`: all sockets at most, since each is an open file."""
        self._most = most
        self._most_open = most_open
        self._open = 0
        self._sockets: dict[StationSocket, None] = {}

    def made(self, socket: StationSocket) -> None:
        """Take a connection that was just made."""
        self._open += 1
        self._sockets[socket] = None
        if len(self._sockets) > self._most or self._open > self._most_open:
            oldest = next(iter(self._sockets))
            self.requested(oldest)
            metrics.GATEWAY_HANDSHAKES.labels("crowded_out").inc()
            oldest.abort()

    def requested(self, socket: StationSocket) -> None:
        """Note that the request has come."""
        self._sockets.pop(socket, None)

    def lost(self, socket: StationSocket) -> None:
        """Note that the connection has ended."""
        self._open -= 1
        self.requested(socket)

    def abort(self) -> None:
        """End all that have sent no request."""
        for socket in tuple(self._sockets):
            socket.abort()
