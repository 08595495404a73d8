"""A proxy that ends TLS and goes on to the gateway's own TLS is believed for its secret, never for its address."""

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from csms_testing.pki import Authority, Issued
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    from csms.v1.auth_pb2 import ConnectionRequest

SECRET = "a-secret-that-proxies-show"
STATION = "203.0.113.7"
NETWORKS = ["127.0.0.0/8", "10.0.0.0/8"]
"""As pods' networks are: they hold addresses outside of this machine."""


@pytest.fixture(scope="module")
def client() -> Issued:
    return Authority("Somebody").issue("SN-1")


def forged(client: Issued) -> dict[str, str]:
    return {
        "X-Forwarded-For": STATION,
        "X-Forwarded-Proto": "https",
        "X-SSL-Client-Cert": quote(client.pem),
        "X-SSL-Client-Verify": "SUCCESS",
    }


async def asked(tls: Any, headers: dict[str, str]) -> "ConnectionRequest":
    """What auth is asked about who connects with TLS from another address of the trusted network."""
    async with connect(
        f"wss://127.0.0.1:{tls.port}/ocpp/CS1",
        ssl=tls.context(),
        additional_headers=headers,
        subprotocols=[Subprotocol("ocpp2.0.1")],
        local_addr=("127.0.0.2", 0),
        proxy=None,
    ):
        return tls.requests[-1]


async def test_without_a_secret_no_address_is_enough(start_tls: Any, client: Issued) -> None:
    """The networks are then those of the proxies before the HTTP API."""
    tls = await start_tls(trusted_proxies=NETWORKS, ocpp_plain=False)
    request = await asked(tls, forged(client))
    assert (request.security_profile, request.remote_address) == (2, "127.0.0.2")
    assert request.client_certificate == b""


async def test_with_a_secret_only_who_shows_it_is_believed(start_tls: Any, client: Issued) -> None:
    tls = await start_tls(trusted_proxies=NETWORKS, ocpp_plain=False, proxy_secret=SECRET)
    for wrong in ({}, {"X-CSMS-Proxy-Secret": SECRET[:-1]}, {"X-CSMS-Proxy-Secret": f"{SECRET}, {SECRET}"}):
        request = await asked(tls, forged(client) | wrong)
        assert (request.security_profile, request.remote_address) == (2, "127.0.0.2")
        assert request.client_certificate == b""
    request = await asked(tls, forged(client) | {"X-CSMS-Proxy-Secret": SECRET})
    assert (request.security_profile, request.remote_address) == (3, STATION)
    assert request.client_certificate == client.der
