"""Simulated stations for measurements: many connections, each a `Wire`, connected and booted."""

import asyncio
import itertools
import resource
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from bench.wire import RefusedError, Wire, upgrade

OCPP16, OCPP201 = "ocpp1.6", "ocpp2.0.1"
_BOOTS = {
    OCPP16: b'[2,"boot","BootNotification",{"chargePointModel":"Bench","chargePointVendor":"Bench"}]',
    OCPP201: b'[2,"boot","BootNotification",{"reason":"PowerUp",'
    b'"chargingStation":{"model":"Bench","vendorName":"Bench"}}]',
}
_PORTS_PER_ADDRESS = 5_000
"""Connections from one loopback address; the system has some 28,000 ports for each."""
_AT_ONCE = 100
_OPEN_TIMEOUT_S = 120.0


class Station:
    """A connected station that sends CALLs, one after the other."""

    __slots__ = ("_answer", "name", "wire")

    def __init__(self, name: str, wire: Wire) -> None:
        self.name = name
        self.wire = wire
        self._answer: asyncio.Future[bytes] | None = None

    async def call(self, frame: bytes) -> bytes:
        """Send a CALL and return the answer's text. Not while a closed loop runs."""
        self._answer = asyncio.get_running_loop().create_future()
        self.wire.on_text = self._on_text
        self.wire.send(frame)
        return await self._answer

    def refuse(self, text: bytes) -> None:
        """Answer a CALL of the CSMS with a CALLERROR."""
        self.wire.send(b'[4,"%b","NotImplemented","",{}]' % text.split(b'"', 2)[1])

    def _on_text(self, text: bytes) -> None:
        if text.startswith(b"[2,"):
            self.refuse(text)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(text)


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def names(count: int, prefix: str = "BENCH") -> list[str]:
    """Identities of stations."""
    return [f"{prefix}-{number:05d}" for number in range(count)]


async def connect(
    url: str,
    name: str,
    number: int = 0,
    password: str | None = None,
    *,
    context: ssl.SSLContext | None = None,
    protocol: str = OCPP201,
) -> Station:
    """Connect one station, with TLS if a context is given; `number` chooses its source address.

    Raises RefusedError, OSError.
    """
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[None] = loop.create_future()
    request = upgrade(parts.netloc, f"{parts.path}/{name}", protocol, user=name, password=password)
    source = f"127.0.0.{1 + number // _PORTS_PER_ADDRESS}"
    async with asyncio.timeout(_OPEN_TIMEOUT_S):
        _, wire = await loop.create_connection(
            lambda: Wire(request, opened),
            parts.hostname or "",
            parts.port or 80,
            local_addr=(source, 0),
            ssl=context,
        )
        await opened
    return Station(name, wire)


async def boot(station: Station, protocol: str = OCPP201) -> None:
    """Send BootNotification. Raises RefusedError when it was not answered with a CALLRESULT."""
    answer = await station.call(_BOOTS[protocol])
    if not answer.startswith(b"[3,"):
        raise RefusedError(0)


@asynccontextmanager
async def fleet(
    urls: Sequence[str],
    count: int,
    *,
    boots: bool = True,
    password: str | None = None,
    prefix: str = "BENCH",
    context: ssl.SSLContext | None = None,
    protocol: str = OCPP201,
) -> AsyncIterator[list[Station]]:
    """Stations connected (and booted) while the context is open, shared out among the URLs."""
    stations: list[Station] = []
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, name: str, url: str) -> Station:
        async with limit:
            station = await connect(url, name, number, password, context=context, protocol=protocol)
            stations.append(station)
            if boots:
                await boot(station, protocol)
            return station

    try:
        pairs = zip(itertools.count(), names(count, prefix), itertools.cycle(urls), strict=False)
        yield await asyncio.gather(*(one(*pair) for pair in pairs))
    finally:
        await disconnect(stations)


async def disconnect(stations: Iterable[Station]) -> None:
    """Close all connections and wait, for some seconds at most, until they are gone."""
    open_ones = [station for station in stations if not station.wire.closed]
    for station in open_ones:
        station.wire.close()
    deadline = time.monotonic() + 10
    while any(not station.wire.closed for station in open_ones) and time.monotonic() < deadline:  # noqa: ASYNC110 # it has a deadline
        await asyncio.sleep(0.02)  # the sockets' ends are seen by their callbacks
