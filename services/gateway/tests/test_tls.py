"""The TLS endpoint, met by real clients: Python's ssl and `openssl s_client`."""

import asyncio
import os
import shutil
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from csms.v1.auth_pb2 import REGISTRATION_STATUS_ACCEPTED, ConnectionDecision, ConnectionRequest
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import ConnectionRefused
from csms_bus import topics
from csms_bus.ports import Start
from csms_gateway import tls_reload
from csms_gateway.settings import GatewaySettings
from csms_gateway.tls import CertificateFiles, TlsFiles, failure, make_context
from csms_runtime import metrics
from csms_testing.pki import Authority, Issued, Pki
from csms_testing.scripted import RawStation, basic
from pydantic import ValidationError
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

if TYPE_CHECKING:
    from conftest import Running, System

DEADLINE_S = 10
PASSWORD = "password 1"
STATIC_RSA = ["AES128-GCM-SHA256", "AES256-GCM-SHA384"]
ECDHE_RSA = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
ECDHE_ECDSA = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]


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


async def handshake(tls: Tls, context: ssl.SSLContext) -> ssl.SSLObject:
    """A TLS connection without anything inside, closed again."""
    _, writer = await asyncio.open_connection("127.0.0.1", tls.port, ssl=context)
    wrapped = writer.get_extra_info("ssl_object")
    writer.close()
    await writer.wait_closed()
    return wrapped


async def s_client(tls: Tls, *options: str, say: bytes = b"") -> str:
    """What `openssl s_client` prints; it closes when `say` was sent."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    process = await asyncio.create_subprocess_exec(
        program,
        "s_client",
        *("-connect", f"127.0.0.1:{tls.port}", "-CAfile", str(tls.pki.root_file), *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEADLINE_S):
        output, _ = await process.communicate(say)
    return output.decode(errors="replace")


# ---- Versions and suites ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("suite", [*STATIC_RSA, *ECDHE_RSA, *ECDHE_ECDSA])
async def test_each_suite_of_tls_1_2_serves_a_station(tls: Tls, suite: str) -> None:
    context = tls.context(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(suite)
    async with tls.station(context) as station:
        wrapped = station.socket.transport.get_extra_info("ssl_object")
        assert (wrapped.version(), wrapped.cipher()[0], wrapped.compression()) == ("TLSv1.2", suite, None)
        request = await tls.request()
        assert (request.security_profile, request.remote_address) == (2, "127.0.0.1")
        assert request.password_digests
        assert not request.client_certificate


@pytest.mark.parametrize("suite", ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"])
async def test_each_suite_of_tls_1_3_is_offered(tls: Tls, suite: str) -> None:
    output = await s_client(tls, "-tls1_3", "-ciphersuites", suite)
    assert f"TLSv1.3, Cipher is {suite}" in output
    assert "Verification: OK" in output


async def test_the_best_suite_of_ours_is_taken_whatever_the_station_prefers(tls: Tls) -> None:
    context = tls.context(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(":".join(reversed([*ECDHE_ECDSA, *ECDHE_RSA, *STATIC_RSA])))
    assert (await handshake(tls, context)).cipher()[0] == ECDHE_ECDSA[0]


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
async def test_old_versions_are_refused_with_an_alert_and_told(tls: Tls, version: str) -> None:
    output = await s_client(tls, version, "-cipher", "DEFAULT@SECLEVEL=0")
    assert "alert protocol version" in output
    told = await tls.refusal()
    assert (told.http_status, told.security_event) == (0, "InvalidTLSVersion")
    assert told.remote_address == "127.0.0.1"


@pytest.mark.parametrize("suite", ["AES128-SHA", "ECDHE-RSA-AES128-SHA256", "AES128-CCM"])
async def test_other_suites_are_refused(tls: Tls, suite: str) -> None:
    output = await s_client(tls, "-tls1_2", "-cipher", f"{suite}@SECLEVEL=0")
    assert "alert handshake failure" in output
    assert (await tls.refusal()).security_event == "InvalidTLSCipherSuite"


async def test_no_renegotiation(tls: Tls) -> None:
    output = await s_client(tls, "-tls1_2", say=b"R\n")
    assert "no renegotiation" in output


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("with_certificate", [False, True])
async def test_sessions_are_resumed(tls: Tls, version: str, *, with_certificate: bool, tmp_path: Path) -> None:
    session = tmp_path / "session"
    options = ["-" + version.lower().replace("v", "")]
    if with_certificate:
        files = tls.pki.save("resuming", tls.pki.client("SN-1"))
        options += ["-cert", str(files.certificate), "-key", str(files.key), "-cert_chain", str(files.certificate)]
    upgrade = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"  # an answer comes behind the tickets
    first = await s_client(tls, *options, "-ign_eof", "-sess_out", str(session), say=upgrade)
    again = await s_client(tls, *options, "-ign_eof", "-sess_in", str(session), say=upgrade)
    assert "426" in first
    assert "New, " in first
    assert "Reused, " in again
    assert "426" in again


# ---- Client certificates ---------------------------------------------------------------------------------------------
async def test_a_client_certificate_reaches_auth_whole(tls: Tls) -> None:
    client = tls.pki.client("SN-1")
    async with tls.station(tls.context(client), password=None):
        request = await tls.request()
        assert (request.security_profile, request.client_certificate) == (3, client.der)
        assert not request.password_digests
        assert (await tls.system.services.connection("CS1")).security_profile == 3


async def test_it_does_so_from_a_resumed_session_too(tls: Tls, tmp_path: Path) -> None:
    client = tls.pki.client("SN-1")
    files = tls.pki.save("again", client)
    shown = ("-cert", str(files.certificate), "-key", str(files.key), "-cert_chain", str(files.certificate))
    await s_client(tls, *shown, "-ign_eof", "-sess_out", str(tmp_path / "s"), say=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    tls.system.services.decide = lambda _request: ConnectionDecision(allowed=False, http_status=404)
    output = await s_client(tls, "-ign_eof", "-sess_in", str(tmp_path / "s"), say=UPGRADE)
    assert "Reused, " in output
    assert (await tls.request()).client_certificate == client.der


@pytest.mark.parametrize("kind", ["unknown", "expired", "future"])
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_a_bad_client_certificate_ends_the_handshake(tls: Tls, kind: str, version: str) -> None:
    client = getattr(tls.pki, f"{kind}_client")("SN-1")
    context = tls.context(client, maximum_version=ssl.TLSVersion[version])
    with pytest.raises((ssl.SSLError, InvalidMessage, ConnectionClosed, ConnectionResetError)):
        async with tls.station(context, password=None):
            pass
    told = await tls.refusal()
    assert (told.http_status, told.security_event) == (0, "InvalidChargingStationCertificate")
    assert told.reason.startswith("client certificate: ")
    assert tls.requests == []


@pytest.mark.parametrize(
    ("kind", "alert"), [("unknown", "unknown ca"), ("expired", "certificate expired"), ("future", "bad certificate")]
)
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_the_station_is_told_what_is_wrong_with_it(tls: Tls, kind: str, alert: str, version: str) -> None:
    client = getattr(tls.pki, f"{kind}_client")("SN-1")
    assert f"alert {alert}" in await s_client(tls, version, "-ign_eof", *shown(tls, client))


@pytest.mark.parametrize(
    ("error", "result", "security_event"),
    [
        (ValueError("not UTF-8"), "bad_certificate", "InvalidChargingStationCertificate"),
        (ConnectionResetError(), "abandoned", ""),
        (TimeoutError(), "timeout", ""),
        (ssl.SSLEOFError(8, "EOF"), "abandoned", ""),
        (ssl.SSLError(1, "something new"), "failed", ""),
    ],
)
def test_each_end_of_a_handshake_has_a_name(error: Exception, result: str, security_event: str) -> None:
    why = failure(error)
    assert (why.result, why.security_event) == (result, security_event)


async def test_a_good_one_is_taken_after_a_bad_one(tls: Tls) -> None:
    await s_client(tls, *shown(tls, tls.pki.expired_client("SN-1")))
    await tls.refusal()
    async with tls.station(tls.context(tls.pki.client("SN-1")), password=None):
        assert (await tls.request()).security_profile == 3


async def test_a_revoked_certificate_is_refused_where_there_is_a_list(start_tls: StartTls, made_pki: Pki) -> None:
    good, revoked = made_pki.client("SN-1"), made_pki.client("SN-2")
    lists = [made_pki.write("stations.crl", made_pki.stations.crl(revoked))]
    tls = await start_tls(ocpp_tls_client_crls=[str(path) for path in lists])
    await s_client(tls, *shown(tls, revoked))
    assert "revoked" in (await tls.refusal()).reason
    async with tls.station(tls.context(good), password=None):
        assert (await tls.request()).client_certificate == good.der


async def test_a_revoked_intermediate_authority_lets_nobody_in(start_tls: StartTls, made_pki: Pki) -> None:
    revoked = Authority("Sold stations", made_pki.root)
    lists = [
        made_pki.write("root.crl", made_pki.root.crl(revoked)),
        made_pki.write("all.crl", made_pki.stations.crl() + revoked.crl()),
    ]
    tls = await start_tls(ocpp_tls_client_crls=[str(path) for path in lists])
    await s_client(tls, *shown(tls, revoked.issue("SN-2")))
    assert "revoked" in (await tls.refusal()).reason
    good = made_pki.client("SN-1")
    async with tls.station(tls.context(good), password=None):
        assert (await tls.request()).client_certificate == good.der


async def test_beside_a_root_with_a_list_one_without_lets_nobody_in(start_tls: StartTls, made_pki: Pki) -> None:
    other = Authority("Other root")
    cas = made_pki.write("roots.pem", made_pki.root.pem + other.pem)
    lists = made_pki.write("two.crl", made_pki.root.crl() + made_pki.stations.crl())
    with capture_logs() as logs:
        tls = await start_tls(ocpp_tls_client_cas=[str(cas)], ocpp_tls_client_crls=[str(lists)])
    (warning,) = [each for each in logs if each["log_level"] == "warning"]
    assert "CN=Other root" in warning["roots"][0]
    await s_client(tls, *shown(tls, other.issue("SN-2")))
    assert "CRL" in (await tls.refusal()).reason


async def test_a_file_without_a_list_is_refused_at_the_start(made_pki: Pki) -> None:
    files = made_pki.servers[0]
    wrong = TlsFiles(
        [CertificateFiles(certificate=files.certificate, key=files.key)], [made_pki.root_file], [made_pki.root_file]
    )
    with pytest.raises(OSError, match="does not hold a revocation list"):
        make_context(wrong)


async def test_without_authorities_no_certificate_is_asked_for(start_tls: StartTls) -> None:
    tls = await start_tls(ocpp_tls_client_cas=[])
    output = await s_client(tls, *shown(tls, tls.pki.client("SN-1")))
    assert "No client certificate CA names sent" in output
    async with tls.station(tls.context(tls.pki.client("SN-1"))):
        request = await tls.request()
        assert (request.security_profile, request.client_certificate) == (2, b"")


async def test_with_certificate_and_password_auth_says_what_counts(tls: Tls) -> None:
    tls.system.services.decide = lambda _request: ConnectionDecision(
        allowed=True,
        registration_status=REGISTRATION_STATUS_ACCEPTED,
        security_profile=3,
        certificate_common_name="SN-1",
    )
    async with tls.station(tls.context(tls.pki.client("SN-1"))) as station:
        request = await tls.request()
        assert request.security_profile == 2
        assert request.client_certificate
        assert request.password_digests
        assert (await tls.system.services.connection("CS1")).security_profile == 3
        await station.send([2, "1", "BootNotification", BOOT])
        call = await tls.system.services.call("BootNotification")
        assert (call.security_profile, call.certificate_common_name) == (3, "SN-1")


# ---- What is no handshake --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 50], ids=["nothing", "HTTP", "zeros"]
)
async def test_what_is_no_tls_is_closed_and_not_told(tls: Tls, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", tls.port)
    writer.write(sent)
    if not sent:
        writer.write_eof()
    async with asyncio.timeout(DEADLINE_S):
        with suppress(ConnectionResetError):
            await reader.read()
    writer.close()
    await handshake(tls, tls.context())  # it still serves
    assert tls.nothing_told


async def test_a_silent_handshake_ends_in_time(start_tls: StartTls) -> None:
    tls = await start_tls(ocpp_tls_handshake_timeout_s=0.2)
    before = counted("timeout")
    reader, writer = await asyncio.open_connection("127.0.0.1", tls.port)
    async with asyncio.timeout(DEADLINE_S):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    assert counted("timeout") == before + 1
    assert tls.nothing_told


async def test_handshakes_beyond_the_limit_wait_in_the_systems_queue(start_tls: StartTls) -> None:
    tls = await start_tls(max_handshakes=1, ocpp_tls_handshake_timeout_s=0.3)
    _, silent = await asyncio.open_connection("127.0.0.1", tls.port)
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*(handshake(tls, tls.context()) for _ in range(5)))
    silent.close()


async def test_refusals_of_an_address_are_told_once_a_minute(tls: Tls) -> None:
    for _ in range(3):
        await s_client(tls, *shown(tls, tls.pki.unknown_client("SN-1")))
    await tls.refusal()
    assert tls.nothing_told
    assert counted("bad_certificate") >= 3


# ---- The same as without TLS -----------------------------------------------------------------------------------------
async def test_messages_pass_in_both_directions(tls: Tls) -> None:
    tls.system.services.answers["DataTransfer"] = {"status": "Accepted", "data": "x" * 200_000}
    async with tls.station() as station:
        await station.send([2, "1", "DataTransfer", {"vendorId": "x", "data": "y" * 200_000}])
        assert (await station.receive())[2]["data"] == "x" * 200_000


async def test_plain_and_tls_share_the_limit_of_connections(start_tls: StartTls) -> None:
    tls = await start_tls(max_connections=1)
    await tls.system.connect("CS1")
    await tls.system.services.connection("CS1")
    with pytest.raises(InvalidStatus) as error:
        async with tls.station(station_id="CS2"):
            pass
    assert error.value.response.status_code == 503


async def test_a_newer_connection_with_tls_replaces_one_without(tls: Tls) -> None:
    plain = await tls.system.connect("CS1")
    await tls.system.services.connection("CS1")
    async with tls.station():
        assert await plain.closed() == (1000, "replaced")


async def test_it_drains_like_the_other(tls: Tls) -> None:
    _, silent = await asyncio.open_connection("127.0.0.1", tls.port)
    async with tls.station() as station:
        await tls.system.services.connection("CS1")
        await tls.system.shut_down()
        assert (await station.closed())[0] == 1001
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", tls.port)
    silent.close()


async def test_without_the_plain_endpoint_only_tls_is_there(start_tls: StartTls) -> None:
    tls = await start_tls(ocpp_plain=False)
    assert tls.system.gateway.port == tls.port
    async with tls.station():
        assert (await tls.request()).security_profile == 2
    await tls.system.shut_down()


# ---- New certificates ------------------------------------------------------------------------------------------------
async def test_a_changed_file_is_read_again_and_open_connections_stay(start_tls: StartTls, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    async with tls.station() as station:
        before = await shown_serial(tls)
        pki.server("ecdsa")
        await eventually(lambda: shown_serial(tls), lambda serial: serial != before)
        tls.system.services.answers["DataTransfer"] = {"status": "Accepted"}
        await station.send([2, "1", "DataTransfer", {"vendorId": "x"}])
        assert (await station.receive())[2] == {"status": "Accepted"}


async def test_a_file_that_is_older_than_the_one_before_is_read_too(start_tls: StartTls, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    before = await shown_serial(tls)
    made = Pki(tmp_path / "another").server("ecdsa")
    for name in ("server-ecdsa.pem", "server-ecdsa.key"):
        new = made.certificate.with_name(name)
        os.utime(new, (0, 0))
        new.replace(pki.directory / name)
    context = ssl.create_default_context(cafile=str(tmp_path / "another" / "root.pem"))
    await eventually(lambda: shown_serial(tls, context), lambda serial: serial not in {"", before})


async def test_a_broken_file_leaves_the_old_ones_until_it_is_mended(start_tls: StartTls, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    before, failures = await shown_serial(tls), reloads("failed")
    pki.write("server-ecdsa.pem", b"no certificate")
    await eventually(lambda: later(reloads("failed")), lambda count: count > failures)
    assert await shown_serial(tls) == before
    pki.server("ecdsa")
    await eventually(lambda: shown_serial(tls), lambda serial: serial != before)


async def test_a_certificate_that_only_openssl_reads_leaves_the_old_one(start_tls: StartTls, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    before, failures = await shown_serial(tls), reloads("failed")
    _, ecdsa = pki.servers
    pki.write("server-ecdsa.pem", trusted_pem(ecdsa.certificate.read_bytes()))
    await eventually(lambda: later(reloads("failed")), lambda count: count > failures)
    assert await shown_serial(tls) == before
    pki.server("ecdsa")
    await eventually(lambda: shown_serial(tls), lambda serial: serial != before)


async def test_a_file_that_goes_away_while_it_is_read_stops_nothing(
    start_tls: StartTls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    before, failures = await shown_serial(tls), reloads("failed")

    def make_then_remove(files: TlsFiles) -> ssl.SSLContext:
        made = make_context(files)
        monkeypatch.undo()
        files.certificates[0].certificate.rename(tmp_path / "away.pem")
        return made

    monkeypatch.setattr(tls_reload, "make_context", make_then_remove)
    tls.system.gateway.reload_tls()
    await eventually(lambda: later(reloads("failed")), lambda count: count > failures)
    (tmp_path / "away.pem").rename(pki.servers[0].certificate)
    pki.server("ecdsa")
    await eventually(lambda: shown_serial(tls), lambda serial: serial != before)


async def test_a_list_that_changed_counts_for_resumed_sessions_too(start_tls: StartTls, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    client = pki.client("SN-1")
    crl = pki.write("stations.crl", pki.stations.crl())
    tls = await start_tls(pki, ocpp_tls_client_crls=[str(crl)], ocpp_tls_reload_s=0.05)
    session, done = str(tmp_path / "s"), reloads("done")
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    await s_client(tls, *shown(tls, client), "-ign_eof", "-sess_out", session, say=get)
    pki.write("stations.crl", pki.stations.crl(client))
    await eventually(lambda: later(reloads("done")), lambda count: count > done)
    output = await s_client(tls, *shown(tls, client), "-ign_eof", "-sess_in", session, say=get)
    assert "Reused, " not in output
    assert "revoked" in (await tls.refusal()).reason


async def test_sighup_has_the_files_read_again(start_tls: StartTls) -> None:
    await start_tls(ocpp_tls_reload_s=3600)
    before = reloads("done")
    os.kill(os.getpid(), signal.SIGHUP)
    await eventually(lambda: later(reloads("done")), lambda count: count == before + 1)


# ---- On uvloop, which has a TLS of its own and is what the product runs on ------------------------------------------
def test_all_of_it_on_uvloop(running_gateway: "Running", made_pki: Pki) -> None:
    async def scenario() -> None:
        async with gateway_with_tls(running_gateway, made_pki, ocpp_tls_handshake_timeout_s=0.5) as tls:
            await refuses(tls)
            await a_silent_one_is_closed(tls)
            await serves_and_drains(tls)

    async def refuses(tls: Tls) -> None:
        output = await s_client(tls, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        assert "alert protocol version" in output
        assert (await tls.refusal()).security_event == "InvalidTLSVersion"
        for version in ("-tls1_2", "-tls1_3"):
            output = await s_client(tls, version, "-ign_eof", *shown(tls, made_pki.expired_client("SN-1")))
            assert "alert certificate expired" in output

    async def a_silent_one_is_closed(tls: Tls) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", tls.port)
        async with asyncio.timeout(DEADLINE_S):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()

    async def serves_and_drains(tls: Tls) -> None:
        client = made_pki.client("SN-1")
        async with tls.station(tls.context(client), password=None) as station:
            assert (await tls.request()).client_certificate == client.der
            tls.system.services.answers["DataTransfer"] = {"status": "Accepted", "data": "x" * 200_000}
            await station.send([2, "1", "DataTransfer", {"vendorId": "x", "data": "y" * 200_000}])
            assert (await station.receive())[2]["data"] == "x" * 200_000
            await tls.system.shut_down()
            assert (await station.closed())[0] == 1001

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


# ---- Settings --------------------------------------------------------------------------------------------------------
def test_a_gateway_listens_somewhere() -> None:
    with pytest.raises(ValidationError, match="CSMS_OCPP_TLS_PORT"):
        GatewaySettings(ocpp_plain=False)


async def test_tls_needs_certificates(start_tls: StartTls) -> None:
    with pytest.raises(ValueError, match="CSMS_OCPP_TLS_CERTIFICATES"):
        await start_tls(ocpp_tls_certificates=[])


async def test_a_missing_or_foreign_key_stops_the_start(start_tls: StartTls, made_pki: Pki) -> None:
    rsa, ecdsa = made_pki.servers
    with pytest.raises(OSError, match="certificate"):
        await start_tls(ocpp_tls_certificates=[{"certificate": rsa.certificate, "key": ecdsa.key}])
    with pytest.raises(FileNotFoundError):
        await start_tls(ocpp_tls_certificates=[{"certificate": rsa.certificate, "key": "/nowhere"}])


async def test_a_certificate_that_only_openssl_reads_stops_the_start(start_tls: StartTls, made_pki: Pki) -> None:
    rsa, _ = made_pki.servers
    certificate = made_pki.write("trusted.pem", trusted_pem(rsa.certificate.read_bytes()))
    with pytest.raises(OSError, match=r"trusted\.pem does not begin with a certificate"):
        await start_tls(ocpp_tls_certificates=[{"certificate": certificate, "key": rsa.key}])


async def test_an_encrypted_key_is_refused_rather_than_asked_about(start_tls: StartTls, made_pki: Pki) -> None:
    issued = made_pki.root.issue("localhost", names=["localhost"])
    how = BestAvailableEncryption(b"secret")
    key = made_pki.write("locked.key", issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    certificate = made_pki.write("locked.pem", issued.pem)
    with pytest.raises(OSError, match="encrypted"):
        await start_tls(ocpp_tls_certificates=[{"certificate": certificate, "key": key}])


# ---- Helpers ---------------------------------------------------------------------------------------------------------
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
UPGRADE = (
    b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
)


def shown(tls: Tls, client: Issued) -> tuple[str, ...]:
    """Options of s_client that show a certificate with its chain."""
    files = tls.pki.save(f"shown-{client.certificate.serial_number:x}", client)
    return ("-cert", str(files.certificate), "-key", str(files.key), "-cert_chain", str(files.certificate))


def trusted_pem(pem: bytes) -> bytes:
    """OpenSSL's own kind of PEM, as `openssl x509 -trustout` writes it."""
    return pem.replace(b" CERTIFICATE-", b" TRUSTED CERTIFICATE-")


async def shown_serial(tls: Tls, context: ssl.SSLContext | None = None) -> str:
    """The serial number of the certificate that the gateway shows; empty: it is not trusted."""
    try:
        peer = (await handshake(tls, context or tls.context())).getpeercert()
    except ssl.SSLCertVerificationError:
        return ""
    assert peer is not None
    return str(peer["serialNumber"])


async def later(value: float) -> float:
    await asyncio.sleep(0.01)
    return value


async def eventually(look: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not good(await look()):
            pass


def counted(result: str) -> float:
    """Handshakes so far that ended so."""
    return metrics.GATEWAY_TLS_HANDSHAKES.labels(result, "")._value.get()


def reloads(outcome: str) -> float:
    return metrics.GATEWAY_TLS_RELOADS.labels(outcome)._value.get()
