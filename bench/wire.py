"""A WebSocket client that costs next to nothing, so that a measurement shows the server: no tasks, callbacks only.

Speaks what a benchmark needs of RFC 6455: the upgrade, whole text frames, pings, close. Frames are masked with a key of
zeros, which is a valid key and leaves the payload as it is.
"""

import asyncio
import base64
from collections.abc import Callable
from typing import cast

_KEY = base64.b64encode(b"csms-benchmark-0").decode()
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_SHORT, _LONG = 126, 127
_LARGEST_TWO_BYTE = 0xFFFF
_NO_MASK = bytes(4)
_SWITCHING_PROTOCOLS = 101


class RefusedError(ConnectionError):
    """The server answered the upgrade with something else than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the upgrade was answered with {status}")
        self.status = status


def frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """A masked frame."""
    size = len(payload)
    first = 0x80 | opcode
    if size < _SHORT:
        return bytes((first, 0x80 | size)) + _NO_MASK + payload
    if size <= _LARGEST_TWO_BYTE:
        return bytes((first, 0xFE)) + size.to_bytes(2, "big") + _NO_MASK + payload
    return bytes((first, 0xFF)) + size.to_bytes(8, "big") + _NO_MASK + payload


def upgrade(host: str, path: str, protocol: str, *, user: str = "", password: str | None = None) -> bytes:
    """The HTTP request that opens the connection."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {_KEY}",
        f"Sec-WebSocket-Protocol: {protocol}",
    ]
    if password is not None:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        lines.append(f"Authorization: Basic {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Wire(asyncio.Protocol):
    """One connection. `on_text` is called with each message; it may send.

    `opened` is done when the server has agreed, or holds RefusedError or ConnectionError.
    """

    __slots__ = ("_buffer", "_request", "_transport", "closed", "on_text", "opened")

    def __init__(self, request: bytes, opened: asyncio.Future[None]) -> None:
        self._request = request
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None
        self.opened: asyncio.Future[None] | None = opened
        self.closed = False
        self.on_text: Callable[[bytes], None] | None = None

    def send(self, text: bytes) -> None:
        """Send a text message; does nothing once the connection is gone."""
        if self._transport is not None:
            self._transport.write(frame(text))

    def close(self) -> None:
        """Say goodbye and end the connection."""
        if self._transport is not None:
            self._transport.write(frame(b"\x03\xe8", _CLOSE))
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's does not inherit from it
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self.closed = True
        self._transport = None
        if self.opened is not None and not self.opened.done():
            self.opened.set_exception(ConnectionError(f"closed during the upgrade: {exc}"))

    def data_received(self, data: bytes) -> None:
        """Take bytes: the rest of the upgrade, then frames."""
        if self._buffer:
            data = self._buffer + data
        if self.opened is not None:
            rest = self._upgraded(data)
            if rest is None:
                return
            data = rest
        self._buffer = self._frames(data) if data else b""

    def _upgraded(self, data: bytes) -> bytes | None:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            self._buffer = data
            return None
        opened, self.opened, self._buffer = self.opened, None, b""
        status = int(head[9:12])
        if opened is None or opened.done():
            return rest
        if status == _SWITCHING_PROTOCOLS:
            opened.set_result(None)
        else:
            opened.set_exception(RefusedError(status))
        return rest

    def _frames(self, data: bytes) -> bytes:
        """Handle whole frames; return what is left."""
        at, end = 0, len(data)
        while end - at >= 2:  # noqa: PLR2004 # the shortest header
            size, begin = data[at + 1] & 0x7F, at + 2
            if size == _SHORT:
                size, begin = int.from_bytes(data[begin : begin + 2], "big"), begin + 2
            elif size == _LONG:
                size, begin = int.from_bytes(data[begin : begin + 8], "big"), begin + 8
            if begin + size > end:
                break
            self._frame(data[at] & 0x0F, data[begin : begin + size])
            at = begin + size
        return data[at:]

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            if self.on_text is not None:
                self.on_text(payload)
        elif opcode == _PING and self._transport is not None:
            self._transport.write(frame(payload, _PONG))
        elif opcode == _CLOSE:
            self.close()
