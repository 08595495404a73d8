"""What the gateway refuses itself is told: who, from where, when, why."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from csms.v1.events_pb2 import DomainEvent
from csms_bus.ports import Start
from csms_bus.topics import EVENTS_GATEWAY
from csms_gateway import handshake_refusals
from csms_ocpp.versions import DEFAULT
from csms_testing.scripted import basic
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from conftest import Start as StartGateway
    from conftest import System

PASSWORD = "secret password 1"


async def refuse(system: "System", segment: str = "CS1", **options: object) -> int:
    with pytest.raises(InvalidStatus) as error:
        await system.connect(segment, **options)
    return error.value.response.status_code


Told = Callable[[int], Coroutine[Any, Any, list[DomainEvent]]]


@asynccontextmanager
async def listening(system: "System") -> AsyncIterator[Told]:
    """Read the events of refusals from now on."""
    async with system.bus.read(EVENTS_GATEWAY.name, partition=None, start=Start.END) as reader:

        async def told(count: int) -> list[DomainEvent]:
            found: list[DomainEvent] = []
            async with asyncio.timeout(30):
                async for batch in reader.batches():
                    found += [item.record.event for item in batch if item.record is not None]
                    if len(found) >= count:
                        break
            return sorted(found, key=lambda event: event.event_id)

        yield told


@pytest.fixture
async def told(system: "System") -> AsyncIterator[Told]:
    async with listening(system) as first:
        yield first


async def test_a_station_that_offers_another_version_is_told_with_what_it_offers(system: "System", told: Told) -> None:
    assert await refuse(system, "CS1", protocols=("ocpp1.5", "ocpp1.2")) == 400
    (event,) = await told(1)
    refused = event.connection_refused
    assert (event.station_id, refused.remote_address, refused.http_status) == ("CS1", "127.0.0.1", 400)
    assert refused.kind == "bad_subprotocol"
    assert (
        refused.reason == f"Sec-WebSocket-Protocol must offer one of: {', '.join(DEFAULT)}. Offered: ocpp1.5, ocpp1.2."
    )


@pytest.mark.parametrize(
    ("segment", "headers", "expected"),
    [
        ("CS1", basic("CS2", PASSWORD), ("bad_credentials", "CS1")),
        ("CS1", {"Authorization": "Basic !!!"}, ("bad_credentials", "CS1")),
        ("", {}, ("bad_identity", "")),
        ("x" * 49, {}, ("bad_identity", "")),
    ],
)
async def test_user_name_header_identity_and_path(
    system: "System", told: Told, segment: str, headers: dict[str, str], expected: tuple[str, str]
) -> None:
    await refuse(system, segment, headers=headers)
    (event,) = await told(1)
    assert (event.connection_refused.kind, event.station_id) == expected
    assert PASSWORD not in str(event)


async def test_a_password_in_the_path_is_not_repeated(system: "System", told: Told) -> None:
    await refuse(system, "CS1%3Asecret", headers={})
    (event,) = await told(1)
    assert "CS1" in event.connection_refused.reason
    assert "secret" not in event.connection_refused.reason


BAD_KEY = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"
    b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n"
)


@pytest.mark.parametrize(("headers", "kind"), [(b"", "not_websocket"), (BAD_KEY, "bad_request")])
async def test_a_request_that_is_no_opening_handshake(system: "System", told: Told, headers: bytes, kind: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", system.gateway.port)
    writer.write(b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 4")
    writer.close()
    (event,) = await told(1)
    assert event.connection_refused.kind == kind


async def test_a_station_is_told_once_for_each_kind_and_what_auth_refuses_is_auths(
    system: "System", told: Told
) -> None:
    for _ in range(3):
        await refuse(system, "CS1", protocols=("ocpp1.5",))
    await refuse(system, "CS1", headers={"Authorization": "x"})
    await refuse(system, "CS2", protocols=("ocpp1.5",))
    kinds = [(event.station_id, event.connection_refused.kind) for event in await told(3)]
    assert kinds == [("CS1", "bad_subprotocol"), ("CS1", "bad_credentials"), ("CS2", "bad_subprotocol")]


async def test_who_makes_names_up_hides_nobody_elses_refusals(
    start: "StartGateway", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake_refusals, "_MOST_OF_ADDRESS", 3)
    system = await start(trusted_proxies=["127.0.0.1"])
    async with listening(system) as told:
        for number in range(5):
            await refuse(system, f"X{number}", protocols=("ocpp1.5",), headers={"X-Forwarded-For": "198.51.100.1"})
        await refuse(system, "CS1", protocols=("ocpp1.5",), headers={"X-Forwarded-For": "192.0.2.7"})
        names = [(event.station_id, event.connection_refused.remote_address) for event in await told(4)]
    assert names == [(f"X{number}", "198.51.100.1") for number in range(3)] + [("CS1", "192.0.2.7")]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /ocpp/CS1 HTTP/1.1\r\nAuthorization Basic cGFzc3dvcmQ6\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 12_000,
    ],
)
async def test_what_is_no_http_request_is_told_without_its_content(
    system: "System", told: Told, request_: bytes
) -> None:
    _reader, writer = await asyncio.open_connection("127.0.0.1", system.gateway.port)
    writer.write(request_)
    (event,) = await told(1)
    writer.close()
    refused = event.connection_refused
    assert (refused.kind, refused.http_status, refused.remote_address) == ("bad_request", 0, "127.0.0.1")
    assert refused.reason == "The HTTP request is malformed or too long."
