"""A client that lives long follows its TLS files, on the loop of the tests and on uvloop."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from csms_runtime import metrics
from csms_runtime.tls_files import following, version_of
from csms_testing.mounted import MountedSecret
from csms_testing.pki import Issued, Pki

HOST = "127.0.0.1"


def client_files(pki: Pki, issued: Issued, *, key: Issued | None = None) -> dict[str, bytes]:
    return {"ca.crt": pki.root.pem, "tls.crt": issued.pem, "tls.key": (key or issued).key_pem}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def mounted(pki: Pki, tmp_path: Path) -> MountedSecret:
    return MountedSecret(tmp_path / "tls", client_files(pki, pki.client("first")))


@pytest.fixture
def context(mounted: MountedSecret) -> ssl.SSLContext:
    def make() -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=mounted["ca.crt"])
        made.load_cert_chain(mounted["tls.crt"], mounted["tls.key"])
        return made

    return following(make, [mounted[name] for name in ("ca.crt", "tls.crt", "tls.key")], "test")


@asynccontextmanager
async def server(pki: Pki) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that asks for client certificates; yields its port and the names that it was shown."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(pki.servers[1].certificate, pki.servers[1].key)
    own.load_verify_locations(pki.root_file)
    own.verify_mode = ssl.CERT_REQUIRED
    shown: list[str] = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        subject = dict(part[0] for part in writer.get_extra_info("peercert")["subject"])
        shown.append(subject["commonName"])
        writer.write(b".")
        writer.close()

    listening = await asyncio.start_server(serve, HOST, 0, ssl=own)
    async with listening:
        yield listening.sockets[0].getsockname()[1], shown


async def connect(port: int, context: ssl.SSLContext) -> None:
    reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
    await reader.read()
    writer.close()


def count(outcome: str) -> float:
    return metrics.TLS_FILES_READ.labels("test", outcome)._value.get()


Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[None, None, None]], None]:
    def run_in_loop(work: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(work)

    return run_in_loop


Run = Callable[[Coroutine[None, None, None]], None]


def test_new_connections_show_the_new_certificate(
    run: Run, pki: Pki, mounted: MountedSecret, context: ssl.SSLContext
) -> None:
    async def scenario() -> None:
        async with server(pki) as (port, shown):
            done, failed = count("done"), count("failed")
            await connect(port, context)
            mounted.replace(client_files(pki, pki.client("second")))
            await connect(port, context)
            await connect(port, context)
            assert shown == ["first", "second", "second"]
            assert (count("done"), count("failed")) == (done + 1, failed)

    run(scenario())


def test_a_pair_that_is_half_written_leaves_the_former_one(
    run: Run, pki: Pki, mounted: MountedSecret, context: ssl.SSLContext
) -> None:
    async def scenario() -> None:
        async with server(pki) as (port, shown):
            failed, third = count("failed"), pki.client("third")
            mounted.replace(client_files(pki, third, key=pki.client("second")))
            await connect(port, context)
            assert count("failed") == failed + 1
            assert metrics.TLS_FILES_USABLE.labels("test")._value.get() == 0
            mounted.replace(client_files(pki, third))
            await connect(port, context)
            assert metrics.TLS_FILES_USABLE.labels("test")._value.get() == 1
            assert shown == ["first", "third"]

    run(scenario())


def test_new_authorities_are_trusted_and_former_ones_are_not(
    run: Run, pki: Pki, mounted: MountedSecret, context: ssl.SSLContext
) -> None:
    async def scenario() -> None:
        async with server(pki) as (port, shown):
            files = client_files(pki, pki.client("first"))
            mounted.replace(files | {"ca.crt": pki.unknown.pem})
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(port, context)
            mounted.replace(files | {"ca.crt": pki.unknown.pem + pki.root.pem})
            await connect(port, context)
            assert shown == ["first"]

    run(scenario())


def test_names_are_verified_as_before(run: Run, pki: Pki, mounted: MountedSecret, context: ssl.SSLContext) -> None:
    async def scenario() -> None:
        async with server(pki) as (port, _):
            mounted.replace(client_files(pki, pki.client("second")))
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(HOST, port, ssl=context, server_hostname="other.example.com")

    run(scenario())


def test_what_cannot_be_used_at_the_start_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    with pytest.raises(FileNotFoundError):
        following(lambda: ssl.create_default_context(cafile=missing), [missing], "test")


def test_without_files_there_is_nothing_to_follow() -> None:
    made = ssl.create_default_context()
    assert following(lambda: made, [], "test") is made


def test_a_change_of_who_may_read_a_file_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert version_of(path) is None
    path.write_text("x")
    before = version_of(path)
    assert version_of(path) == before
    path.chmod(0o640)
    assert version_of(path) != before
