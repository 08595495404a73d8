"""A WebSocket connection as an attacker holds it: anything may be written, as fast as the other end takes it."""

import asyncio
import base64
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from csms_testing.hostile.frames import Opcode, frame

_TAIL = b"\0\0\xff\xff"
_OPEN_S = 30.0
_LENGTHS = {126: "!H", 127: "!Q"}


class Refused(Exception):  # noqa: N818  # what happened
    """The handshake failed; the message is the status line, or what the network said."""


class Closed(Exception):  # noqa: N818  # as above
    """The connection ended; the message is the close code, or "lost"."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where stations connect."""

    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """From ws://host:port/path, without the identity."""
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or 80, parts.path)

    async def knock(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection. Raises OSError, TimeoutError."""
        async with asyncio.timeout(_OPEN_S):
            return await asyncio.open_connection(self.host, self.port)

    def request(self, station_id: str, *, password: str | None = None, deflate: bool = False) -> bytes:
        """The upgrade request of a station."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {self.path}/{station_id} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: ocpp2.0.1",
        ]
        if deflate:
            lines.append("Sec-WebSocket-Extensions: permessage-deflate")
        if password is not None:
            credentials = base64.b64encode(f"{station_id}:{password}".encode()).decode()
            lines.append(f"Authorization: Basic {credentials}")
        return "\r\n".join([*lines, "", ""]).encode()


class Wire:
    """An open connection. Nothing is sent by itself but answers to pings, while somebody reads."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def opened(cls, door: Door, station_id: str, *, password: str | None = None, deflate: bool = False) -> Self:
        """Connect and upgrade. Raises Refused."""
        try:
            reader, writer = await door.knock()
        except (OSError, TimeoutError) as error:
            raise Refused(repr(error)) from error
        try:
            writer.write(door.request(station_id, password=password, deflate=deflate))
            async with asyncio.timeout(_OPEN_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            writer.transport.abort()
            raise Refused(repr(error)) from error
        status = head.partition(b"\r\n")[0].decode("latin-1")
        if " 101 " not in status:
            writer.transport.abort()
            raise Refused(status)
        return cls(reader, writer)

    async def write(self, data: bytes) -> None:
        """Write, and wait until most of it is taken. Raises Closed."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise Closed("lost") from error

    async def message(self) -> bytes:
        """Return the next text message; answer pings meanwhile. Raises Closed."""
        while True:
            opcode, payload = await self._frame()
            if opcode is Opcode.TEXT:
                return payload
            if opcode is Opcode.PING:
                await self.write(frame(payload, Opcode.PONG))
            elif opcode is Opcode.CLOSE:
                raise Closed(str(struct.unpack("!H", payload[:2])[0]) if payload else "no code")

    def abort(self) -> None:
        """End the connection without a word."""
        self._writer.transport.abort()

    async def _frame(self) -> tuple[Opcode, bytes]:
        """The CSMS sends whole messages, and no mask."""
        try:
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if form := _LENGTHS.get(length):
                (length,) = struct.unpack(form, await self._reader.readexactly(struct.calcsize(form)))
            payload = await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Closed("lost") from error
        if first & 0x40:
            payload = zlib.decompressobj(-15).decompress(payload + _TAIL)
        return Opcode(first & 0x0F), payload


def joined(frames: Sequence[bytes], least: int = 256 * 1024) -> bytes:
    """Frames one after the other, repeated until there are `least` bytes: to be written in one go."""
    once = b"".join(frames)
    return once * max(1, -(-least // len(once)))
