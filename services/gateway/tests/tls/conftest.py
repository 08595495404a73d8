"""A gateway with a TLS endpoint, met by real clients: Python's ssl and `openssl s_client`."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from csms.v1.auth_pb2 import ConnectionRequest
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import ConnectionRefused
from csms_bus import topics
from csms_bus.ports import Start
from csms_testing.pki import Issued, Pki
from csms_testing.scripted import RawStation, basic
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from conftest import Running, System

DEADLINE_S = 10
PASSWORD = "password 1"


class Tls:
    """A gateway with a TLS endpoint, and what its stations need."""

    def __init__(self, system: "System", pki: Pki) -> None:
        self.system = system
        self.pki = pki
        self._events: asyncio.Queue[ConnectionRefused] = asyncio.Queue()

    @property
    def port(self) -> int:
        port = self.system.gateway.tls_port
        assert port is not None
        return port

    def context(self, client: Issued | None = None, **attributes: object) -> ssl.SSLContext:
        context = self.pki.context(client)
        for name, value in attributes.items():
            setattr(context, name, value)
        return context

    @asynccontextmanager
    async def station(
        self, context: ssl.SSLContext | None = None, *, station_id: str = "CS1", password: str | None = PASSWORD
    ) -> AsyncIterator[RawStation]:
        headers = basic(station_id, password) if password else {}
        async with connect(
            f"wss://127.0.0.1:{self.port}/ocpp/{station_id}",
            ssl=context or self.context(),
            subprotocols=["ocpp2.0.1"],
            additional_headers=headers,
            proxy=None,
            ping_interval=None,
            open_timeout=DEADLINE_S,
        ) as socket:
            yield RawStation(socket)

    async def request(self) -> ConnectionRequest:
        """The last question to auth."""
        await self.system.services.until(lambda: self.requests)
        return self.requests[-1]

    @property
    def requests(self) -> list[ConnectionRequest]:
        return [r.connection_request for _, r in self.system.services.records if r.HasField("connection_request")]

    async def refusal(self) -> ConnectionRefused:
        """The next event of a refused handshake; begins with the first."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._events.get()

    async def read_events(self, ready: asyncio.Event) -> None:
        async with self.system.bus.read(topics.EVENTS_GATEWAY.name, partition=None, start=Start.END) as reader:
            ready.set()
            async for batch in reader.batches():
                for incoming in batch:
                    assert isinstance(incoming.record, Record)
                    if incoming.record.event.connection_refused.kind == "tls":
                        self._events.put_nowait(incoming.record.event.connection_refused)

    @property
    def nothing_told(self) -> bool:
        return self._events.empty()

    async def handshake(self, context: ssl.SSLContext) -> ssl.SSLObject:
        """A TLS connection without anything inside, closed again."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        wrapped = writer.get_extra_info("ssl_object")
        writer.close()
        await writer.wait_closed()
        return wrapped

    async def s_client(self, *options: str, say: bytes = b"") -> str:
        """What `openssl s_client` prints; it closes when `say` was sent."""
        program = shutil.which("openssl")
        if program is None:
            pytest.skip("openssl is not installed")
        process = await asyncio.create_subprocess_exec(
            program,
            "s_client",
            *("-connect", f"127.0.0.1:{self.port}", "-CAfile", str(self.pki.root_file), *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(DEADLINE_S):
            output, _ = await process.communicate(say)
        return output.decode(errors="replace")

    def shown(self, client: Issued) -> tuple[str, ...]:
        """Options of s_client that show a certificate with its chain."""
        files = self.pki.save(f"shown-{client.certificate.serial_number:x}", client)
        return ("-cert", str(files.certificate), "-key", str(files.key), "-cert_chain", str(files.certificate))

    async def shown_serial(self, context: ssl.SSLContext | None = None) -> str:
        """The serial number of the certificate that the gateway shows; empty: it is not trusted."""
        try:
            peer = (await self.handshake(context or self.context())).getpeercert()
        except ssl.SSLCertVerificationError:
            return ""
        assert peer is not None
        return str(peer["serialNumber"])


StartTls = Callable[..., Coroutine[Any, Any, Tls]]


@pytest.fixture(scope="module")
def made_pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@asynccontextmanager
async def gateway_with_tls(running: "Running", pki: Pki, **settings: object) -> AsyncIterator[Tls]:
    endpoint = {
        "ocpp_tls_port": 0,
        "ocpp_tls_certificates": [files.setting for files in pki.servers],
        "ocpp_tls_client_cas": [str(pki.root_file)],
    }
    async with running(**{**endpoint, **settings}) as system:
        tls, ready = Tls(system, pki), asyncio.Event()
        reading = asyncio.create_task(tls.read_events(ready))
        await ready.wait()
        try:
            yield tls
        finally:
            reading.cancel()


@pytest.fixture
async def start_tls(running_gateway: "Running", made_pki: Pki) -> AsyncIterator[StartTls]:
    async with AsyncExitStack() as stack:

        async def start_system(pki: Pki = made_pki, **settings: object) -> Tls:
            return await stack.enter_async_context(gateway_with_tls(running_gateway, pki, **settings))

        yield start_system


@pytest.fixture
async def tls(start_tls: StartTls) -> Tls:
    return await start_tls()


@pytest.fixture
def running_tls(running_gateway: "Running", made_pki: Pki) -> Callable[..., AbstractAsyncContextManager[Tls]]:
    """Like `start_tls`, for a test that has an event loop of its own."""
    return partial(gateway_with_tls, running_gateway, made_pki)
