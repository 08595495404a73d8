"""The listening sockets of a gateway, as one server."""

import asyncio
import socket
from collections.abc import Callable

from csms_gateway.tls_listener import TlsListener

_ACCEPTED_AT_ONCE = 8
"""Number of listening sockets. uvloop accepts one connection per socket in a turn of the event loop. When thousands of
stations come back and turns are long, the system's queue (`net.core.somaxconn`) is full and TCP waits for seconds."""


async def listen_plain(
    make_socket: Callable[[], asyncio.BaseProtocol], host: str, port: int, backlog: int
) -> list[asyncio.Server]:
    """Listen for connections without TLS, as servers that share the sockets. Raises OSError.

    All have the port of the first one. `port` 0 stands for any free port.
    """
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(make_socket, host, port, backlog=backlog)]
    for listening in servers[0].sockets:
        for _ in range(1, _ACCEPTED_AT_ONCE):
            same = socket.fromfd(listening.fileno(), listening.family, listening.type)
            servers.append(await loop.create_server(make_socket, sock=same, backlog=backlog))
    return servers


class Listeners:
    """What listens for stations, with or without TLS."""

    def __init__(self) -> None:
        self.plain: list[asyncio.Server] = []
        self.tls: TlsListener | None = None
        self.closed = False
        """Whether `close` was called."""

    @property
    def _parts(self) -> list[asyncio.Server | TlsListener]:
        return [*self.plain, *([self.tls] if self.tls is not None else [])]

    def close(self) -> None:
        """Stop listening; TLS handshakes in work are broken off."""
        self.closed = True
        for part in self._parts:
            part.close()

    async def wait_closed(self) -> None:
        """Wait until the sockets are closed."""
        for part in self._parts:
            await part.wait_closed()
