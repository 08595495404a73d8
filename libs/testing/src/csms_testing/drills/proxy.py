"""A TCP proxy that can swallow everything: a network that is gone without telling anyone."""

import asyncio
from typing import cast


class Passage:
    """One proxied connection: its two ends, and whether what they send still arrives."""

    def __init__(self) -> None:
        self.swallows = False
        self.station = _End(self)
        self.gateway = _End(self)

    def other(self, end: "_End") -> "_End":
        """The opposite end."""
        return self.gateway if end is self.station else self.station

    def close(self) -> None:
        """Cut both ends."""
        self.station.abort()
        self.gateway.abort()


class _End(asyncio.Protocol):
    """One socket."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        for data in self._early:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        if not self._passage.swallows:
            self._passage.other(self).write(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # as asyncio.Protocol has it
        # The end of a connection is as lost as its data.
        if not self._passage.swallows:
            self._passage.other(self).abort()

    def write(self, data: bytes) -> None:
        if self._transport is None:
            self._early.append(data)
        else:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Proxy:
    """Listens on a port of 127.0.0.1 and passes on to another; one event loop only. No flow control."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._passages: list[Passage] = []
        self._connecting: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens. Raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the proxy is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.get_running_loop().create_server(self._accepted, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._connecting)
        for passage in self._passages:
            passage.close()

    def black_hole(self) -> list[Passage]:
        """Swallow all that present connections send, both ways, and keep their sockets open. New ones work."""
        lost = [passage for passage in self._passages if not passage.swallows]
        for passage in lost:
            passage.swallows = True
        return lost

    def lose(self, passage: Passage) -> None:
        """Cut a connection on the station's side only: the gateway keeps a socket that nobody is at."""
        passage.swallows = True
        passage.station.abort()

    def _accepted(self) -> asyncio.Protocol:
        passage = Passage()
        self._passages.append(passage)
        task = asyncio.get_running_loop().create_task(self._connect(passage))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return passage.station

    async def _connect(self, passage: Passage) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: passage.gateway, "127.0.0.1", self._target_port)
        except OSError:
            passage.station.abort()
