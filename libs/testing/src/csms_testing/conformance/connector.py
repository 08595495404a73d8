"""Connecting a scripted station, and being refused."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from zlib import crc32

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from csms_testing.conformance.station import DEADLINE_S, Station

TLS_REFUSED = 0
"""In place of an HTTP status: there was no connection to ask for one."""


def basic_auth(username: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


@dataclass(slots=True)
class Connector:
    """Connects one station; a fixture gives it addresses, identity and password, which a test may change."""

    urls: Sequence[str]
    """Without the identity, one per gateway; each connection goes to the next one."""
    station_id: str
    password: str | None = None
    """None sends no credentials."""
    protocols: tuple[str, ...] = ("ocpp2.0.1",)
    headers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    """With what it meets wss:// addresses: whom it trusts, and the certificate it shows."""
    attempts: int = 0
    """How often it has tried to connect."""

    @asynccontextmanager
    async def __call__(self, *, password: str | None = None, quiet: bool = True) -> AsyncIterator[Station]:
        """Open a connection; on leaving, nothing unexpected must have come, unless `quiet` is False.

        Raises InvalidStatus when the CSMS refuses.
        """
        async with self._open(self.station_id, password or self.password) as socket:
            station = Station(self.station_id, socket, socket.subprotocol or "")
            reading = asyncio.create_task(station.read())
            try:
                yield station
                if quiet:
                    station.assert_quiet()
            finally:
                await socket.close()
                await reading

    def with_tls(self, context: ssl.SSLContext, *, password: str | None) -> "Connector":
        """The same station with another certificate or password."""
        return replace(self, context=context, password=password)

    def of(self, station_id: str, password: str | None) -> "Connector":
        """The same for another station."""
        return replace(self, station_id=station_id, password=password)

    async def refused(
        self, *, username: str | None = None, password: str | None = None, protocols: tuple[str, ...] | None = None
    ) -> int:
        """Try to connect; return the HTTP status of the refusal, or 0 when the TLS handshake was refused.

        Raises AssertionError when it is let in.
        """
        try:
            async with self._open(username or self.station_id, password or self.password, protocols) as socket:
                raise AssertionError(f"let in with {socket.subprotocol}")
        except InvalidStatus as refusal:
            return refusal.response.status_code
        except (ssl.SSLError, InvalidMessage, ConnectionResetError):
            # With TLS 1.3 a station learns of it only when it waits for the answer to its request.
            if self.context is None:
                raise
            return TLS_REFUSED

    def _open(self, username: str, password: str | None, protocols: tuple[str, ...] | None = None) -> connect:
        names = self.protocols if protocols is None else protocols
        url = self.urls[(crc32(self.station_id.encode()) + self.attempts) % len(self.urls)]
        self.attempts += 1
        return connect(
            f"{url}/{self.station_id}",
            subprotocols=[Subprotocol(name) for name in names] or None,
            additional_headers={**self.headers, **(basic_auth(username, password) if password else {})},
            ssl=self.context,
            ping_interval=None,
            proxy=None,
            open_timeout=DEADLINE_S,
            close_timeout=1,
        )
