"""Forwarded headers on real sockets: from 127.0.0.1, which is trusted, and from 127.0.0.2, which is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from csms.v1.auth_pb2 import ConnectionRequest
from csms_testing.pki import Authority, Issued
from csms_testing.scripted import basic
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    from conftest import Start, System

STATION = "203.0.113.7"


@pytest.fixture(scope="module")
def client() -> Issued:
    return Authority("Test").issue("SN-1")


@pytest.fixture
async def system(start: "Start") -> "System":
    return await start(trusted_proxies=["127.0.0.1/32"])


def forwarded(client: Issued) -> dict[str, str]:
    return {
        "X-Forwarded-For": STATION,
        "X-Forwarded-Proto": "https",
        "X-SSL-Client-Cert": quote(client.pem),
        "X-SSL-Client-Verify": "SUCCESS",
    }


@asynccontextmanager
async def asked(system: "System", source: str, headers: dict[str, str]) -> AsyncIterator[ConnectionRequest]:
    """What auth is asked about a station that connects from this address."""
    async with connect(
        system.url("CS1"),
        additional_headers=headers,
        subprotocols=[Subprotocol("ocpp2.0.1")],
        local_addr=(source, 0),
        proxy=None,
    ):
        # It was asked before the station was let in.
        requests = [record for _, record in system.services.records if record.HasField("connection_request")]
        yield requests[-1].connection_request


async def test_from_a_trusted_proxy(system: "System", client: Issued) -> None:
    async with asked(system, "127.0.0.1", forwarded(client)) as request:
        assert (request.security_profile, request.remote_address) == (3, STATION)
        assert request.client_certificate == client.der
        record = await system.services.connection("CS1")
        assert (record.security_profile, record.remote_address) == (3, STATION)


async def test_from_anybody_else(system: "System", client: Issued) -> None:
    async with asked(system, "127.0.0.2", forwarded(client)) as request:
        assert (request.security_profile, request.remote_address) == (1, "127.0.0.2")
        assert request.client_certificate == b""


async def test_a_proxy_elsewhere_shows_a_secret(
    start: "Start", client: Issued, capfd: pytest.CaptureFixture[str]
) -> None:
    """Other pods have addresses of the same network; stations' packets come from it, too."""
    secret = "a-secret-that-proxies-show"
    system = await start(trusted_proxies=["127.0.0.0/8", "10.0.0.0/8"], proxy_secret=secret)
    async with asked(system, "127.0.0.2", forwarded(client) | {"X-CSMS-Proxy-Secret": secret}) as request:
        assert (request.security_profile, request.remote_address) == (3, STATION)
    for wrong in ({}, {"X-CSMS-Proxy-Secret": "another secret of others"}):
        async with asked(system, "127.0.0.2", forwarded(client) | wrong) as request:
            assert (request.security_profile, request.remote_address) == (1, "127.0.0.2")
            assert request.client_certificate == b""
    assert secret not in "".join(capfd.readouterr())


async def test_from_a_trusted_proxy_with_a_password(system: "System", client: Issued) -> None:
    headers = {**basic("CS1", "a password"), "X-Forwarded-For": STATION, "X-Forwarded-Proto": "https"}
    async with asked(system, "127.0.0.1", headers) as request:
        assert (request.security_profile, request.client_certificate) == (2, b"")
        assert request.password_digests
    async with asked(system, "127.0.0.1", {**headers, **forwarded(client)}) as request:
        assert (request.security_profile, request.client_certificate) == (2, client.der)


async def test_from_a_trusted_proxy_without_tls_before_it(system: "System", client: Issued) -> None:
    headers = {**forwarded(client), "X-Forwarded-Proto": "http"}
    async with asked(system, "127.0.0.1", headers) as request:
        assert (request.security_profile, request.client_certificate) == (1, b"")
