"""The listening sockets of a gateway, as one server."""

import asyncio
import socket
from collections.abc import Sequence

from csms_gateway.tls_listener import TlsListener


class Listeners:
    """What listens for stations, with or without TLS. Has what websockets' server uses of an `asyncio.Server`."""

    plain: asyncio.Server | None = None
    tls: TlsListener | None = None
    _closed = False

    @property
    def sockets(self) -> Sequence[socket.socket]:
        """None that websockets would need to know."""
        return ()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        return asyncio.get_running_loop()

    def is_serving(self) -> bool:
        """Whether `close` was not called."""
        return not self._closed

    def close(self) -> None:
        """Stop listening; TLS handshakes in work are broken off."""
        self._closed = True
        for part in (self.plain, self.tls):
            if part is not None:
                part.close()

    async def wait_closed(self) -> None:
        """Wait until the sockets are closed."""
        for part in (self.plain, self.tls):
            if part is not None:
                await part.wait_closed()
