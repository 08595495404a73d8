import asyncio
import gc
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from csms.v1.auth_pb2 import REGISTRATION_STATUS_ACCEPTED, ConnectionDecision, ConnectionRequest
from csms_runtime import metrics, passwords
from csms_runtime.secret_keys import key_id
from csms_testing.scripted import allow, basic
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response

if TYPE_CHECKING:
    from conftest import Start, System

SECRET = b"a secret of the tests"


def refusing(status: int) -> ConnectionDecision:
    return ConnectionDecision(allowed=False, http_status=status, reason="for the log only")


async def refused(system: "System", station_id: str = "CS1", **options: object) -> Response:
    with pytest.raises(InvalidStatus) as error:
        await system.connect(station_id, **options)
    assert len(system.gateway.connections) == 0
    return error.value.response


def requests(system: "System") -> list[ConnectionRequest]:
    return [r.connection_request for _, r in system.services.records if r.HasField("connection_request")]


async def test_auth_gets_keyed_digests_and_never_the_password(system: "System") -> None:
    await system.connect("CS1", headers=basic("CS1", "pass:word of CS1"))
    (request,) = requests(system)
    assert list(request.password_digests) == passwords.digests(SECRET, "CS1", b"pass:word of CS1")
    assert b"pass:word" not in request.SerializeToString()
    assert (request.protocol, request.security_profile, request.remote_address) == ("ocpp2.0.1", 1, "127.0.0.1")


async def test_while_the_key_is_replaced_auth_gets_digests_of_each(start: "Start") -> None:
    """Also of both readings of what may be hexadecimal: those of the current key come first."""
    other, password = b"the key of before", b"00112233445566778899aabbccddeeff"
    system = await start(secret_key_others=other.decode())
    await system.connect("CS1", headers=basic("CS1", password))
    (request,) = requests(system)
    ours, others = (passwords.digests(key, "CS1", password) for key in (SECRET, other))
    assert list(request.password_digests) == [*ours, *others]
    assert (request.current_digests, request.secret_key_id) == (2, key_id(SECRET))


async def test_a_password_need_not_be_text(system: "System") -> None:
    await system.connect("CS1", headers=basic("CS1", b"\xff\x00\x10"))
    assert list(requests(system)[0].password_digests) == passwords.digests(SECRET, "CS1", b"\xff\x00\x10")


async def test_without_credentials_auth_decides(system: "System") -> None:
    await system.connect("CS1", headers={})
    assert list(requests(system)[0].password_digests) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_auths_refusal_is_the_http_status(system: "System", status: int) -> None:
    system.services.decide = lambda _request: refusing(status)
    response = await refused(system)
    assert response.status_code == status
    assert b"for the log only" not in response.body
    assert ("WWW-Authenticate" in response.headers) is (status == 401)


async def test_401_says_how_to_authenticate(system: "System") -> None:
    system.services.decide = lambda _request: refusing(401)
    response = await refused(system)
    assert response.headers["WWW-Authenticate"].startswith('Basic realm="OCPP"')


@pytest.mark.parametrize("authorization", ["Basic !!!", "Bearer x", basic("CS2", "x")["Authorization"]])
async def test_bad_credentials_are_refused_without_asking_auth(system: "System", authorization: str) -> None:
    response = await refused(system, headers={"Authorization": authorization})
    assert response.status_code == 401
    assert "WWW-Authenticate" in response.headers
    assert requests(system) == []


@pytest.mark.parametrize("protocols", [(), ("ocpp1.5",), ("ocpp1.5", "ocpp9")])
async def test_no_common_subprotocol_is_not_upgraded(system: "System", protocols: tuple[str, ...]) -> None:
    response = await refused(system, protocols=protocols)
    assert response.status_code == 400
    assert b"ocpp2.0.1" in response.body


@pytest.mark.parametrize(
    ("ours", "chosen"),
    [
        (None, "ocpp2.1"),
        (["ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"),
        (["ocpp1.6", "ocpp2.0.1"], "ocpp1.6"),
        (["ocpp1.6"], "ocpp1.6"),
        (["ocpp2.1", "ocpp2.0.1"], "ocpp2.1"),
    ],
)
async def test_our_order_of_versions_counts(start: "Start", ours: list[str] | None, chosen: str) -> None:
    system = await start(**({} if ours is None else {"ocpp_protocols": ours}))
    station = await system.connect(protocols=("ocpp1.6", "ocpp9", "ocpp2.1", "ocpp2.0.1"))
    assert station.socket.subprotocol == chosen
    assert (await system.services.connection("CS1")).protocol == chosen


async def test_auth_says_which_of_the_versions_that_are_offered_is_spoken(system: "System") -> None:
    decided = ConnectionDecision(allowed=True, registration_status=REGISTRATION_STATUS_ACCEPTED, protocol="ocpp2.0.1")
    system.services.decide = lambda _request: decided
    station = await system.connect(protocols=("ocpp1.6", "ocpp2.0.1", "ocpp2.1"))
    (request,) = requests(system)
    assert (request.protocol, list(request.protocols)) == ("ocpp2.1", ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"])
    assert station.socket.subprotocol == (await system.services.connection("CS1")).protocol == "ocpp2.0.1"


async def test_ocpp_16_is_spoken(system: "System") -> None:
    """With its own names of errors, and no answer to a type of message that it has not."""
    system.services.answers = {"StatusNotification": {}}
    station = await system.connect(protocols=("ocpp1.6",))
    assert station.socket.subprotocol == (await system.services.connection("CS1")).protocol == "ocpp1.6"
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    assert (await station.call("StatusNotification", status | {"unknown": 1}))[2] == "FormationViolation"
    assert (await station.call("StatusNotification", {"connectorId": 1}))[2] == "OccurenceConstraintViolation"
    assert (await station.call("TransactionEvent", {}))[2] == "NotImplemented"
    await station.send([6, "s1", "Heartbeat", {}])
    assert (await station.call("StatusNotification", status))[2] == {}
    assert (await system.services.call("StatusNotification")).protocol == "ocpp1.6"


@pytest.mark.parametrize(
    ("segment", "station_id"), [("RD%C3%84M%7C7", "RDÄM|7"), ("A%20B", "A B"), ("x" * 48, "x" * 48)]
)
async def test_the_identity_is_percent_decoded(system: "System", segment: str, station_id: str) -> None:
    await system.connect(segment, headers=basic(station_id, "x"))
    assert (await system.services.connection(station_id)).protocol == "ocpp2.0.1"


@pytest.mark.parametrize(
    ("segment", "status"),
    [
        ("", 404),
        ("a%3Ab", 400),
        ("x" * 49, 400),
        ("%FF", 400),
        ("%2E", 400),
        (".%2e", 400),
        ("a%00", 400),
        ("%1b[31m", 400),
    ],
)
async def test_a_bad_identity_is_refused(system: "System", segment: str, status: int) -> None:
    response = await refused(system, segment, headers={})
    assert response.status_code == status
    assert response.body


async def test_a_silent_auth_is_503(start: "Start") -> None:
    system = await start(service_timeout_s=0.3)
    system.services.decide = lambda _request: None
    response = await refused(system)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


async def test_an_unreachable_bus_is_503(system: "System") -> None:
    system.bus.broken = frozenset({"ocpp.calls.auth"})
    assert (await refused(system)).status_code == 503


async def test_a_connection_that_cannot_be_announced_is_closed_again(system: "System") -> None:
    system.bus.broken = frozenset({"station.connections"})
    station = await system.connect()
    assert (await station.closed())[0] == 1013


async def test_a_full_gateway_is_503(start: "Start") -> None:
    system = await start(max_connections=1)
    await system.connect("CS1")
    await system.services.connection("CS1")
    with pytest.raises(InvalidStatus) as error:
        await system.connect("CS2")
    assert error.value.response.status_code == 503


async def test_handshakes_beyond_the_limit_wait_for_their_turn(start: "Start") -> None:
    system = await start(max_handshakes=1)
    stations = await asyncio.gather(*(system.connect(f"CS{number}") for number in range(10)))
    assert len(stations) == 10


async def test_a_handshake_that_waits_too_long_is_503(start: "Start") -> None:
    system = await start(max_handshakes=1, handshake_wait_s=0.05, service_timeout_s=1)
    system.services.decide = lambda _request: None
    first = asyncio.create_task(refused(system, "CS1"))
    await system.services.until(lambda: requests(system))
    second = await refused(system, "CS2")
    assert second.status_code == 503
    assert len(requests(system)) == 1
    assert (await first).status_code == 503


async def test_nobody_is_asked_about_a_station_that_gave_up_waiting(start: "Start") -> None:
    system = await start(max_handshakes=1, service_timeout_s=1)
    system.services.decide = lambda _request: None
    first = asyncio.create_task(refused(system, "CS1"))
    await system.services.until(lambda: requests(system))
    before = abandoned()
    _, writer = await asyncio.open_connection("127.0.0.1", system.gateway.port)
    writer.write(UPGRADE + b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n")
    await eventually(lambda: metrics.GATEWAY_HANDSHAKES_IN_WORK._value.get() == 2)
    writer.transport.abort()
    assert (await first).status_code == 503
    await eventually(lambda: abandoned() == before + 1)
    assert len(requests(system)) == 1


def abandoned() -> float:
    return metrics.GATEWAY_HANDSHAKES.labels("abandoned")._value.get()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 it has a deadline
            await asyncio.sleep(0.01)


async def exchange(system: "System", request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", system.gateway.port)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return answer


UPGRADE = (
    b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
)


async def test_a_repeated_subprotocol_header_is_one_list(system: "System") -> None:
    headers = b"Sec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
    answer = await exchange(system, UPGRADE + headers)
    assert answer.startswith(b"HTTP/1.1 101")
    assert b"Sec-WebSocket-Protocol: ocpp2.0.1" in answer
    assert b"\r\nServer:" not in answer


async def test_compression_is_used_only_when_offered_and_without_context(system: "System") -> None:
    protocol = b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n"
    plain = await exchange(system, UPGRADE + protocol + b"\r\n")
    assert b"Extensions" not in plain
    offered = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    compressed = await exchange(system, UPGRADE + protocol + offered + b"\r\n")
    assert b"server_no_context_takeover; client_no_context_takeover" in compressed


async def test_what_is_no_upgrade_is_refused_without_asking_auth(system: "System") -> None:
    answer = await exchange(system, b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {HTTPStatus.UPGRADE_REQUIRED.value}".encode())
    assert requests(system) == []


async def test_forwarding_headers_are_not_trusted(system: "System") -> None:
    await system.connect("CS1", headers={"X-Forwarded-For": "8.8.8.8", "X-Real-IP": "8.8.8.8"})
    assert (await system.services.connection("CS1")).remote_address == "127.0.0.1"


async def test_the_handshakes_headers_are_forgotten(system: "System") -> None:
    station = await system.connect("CS1")
    await system.services.connection("CS1")
    gc.collect()
    requests = [found for found in gc.get_objects() if isinstance(found, Request)]
    assert [found for found in requests if "Authorization" in found.headers] == [station.socket.request]


async def test_the_message_timeout_of_the_decision_counts(system: "System") -> None:
    system.services.decide = lambda _request: ConnectionDecision(
        allowed=True, registration_status=REGISTRATION_STATUS_ACCEPTED, message_timeout_s=7
    )
    await system.connect("CS1")
    await system.services.connection("CS1")
    (connection,) = system.gateway.connections
    assert connection.message_timeout_s == 7


async def test_many_wrong_passwords_are_told_to_wait_and_keep_the_right_one_from_nothing(system: "System") -> None:
    system.services.decide = lambda _request: refusing(401)
    responses = [await refused(system) for _ in range(7)]
    assert [response.status_code for response in responses] == [401] * 5 + [429] * 2
    assert [response.headers.get("Retry-After") for response in responses[5:]] == ["2", "4"]
    system.services.decide = allow
    await system.connect("CS1")


async def test_few_passwords_are_tried_at_a_time(start: "Start") -> None:
    system = await start(service_timeout_s=0.5)
    system.services.decide = lambda _request: None
    responses = await asyncio.gather(*(refused(system, "CS1") for _ in range(20)))
    assert Counter(response.status_code for response in responses) == {503: 5, 429: 15}
    assert len(requests(system)) == 5
    assert {response.headers["Retry-After"] for response in responses if response.status_code == 429} == {"1"}
    system.services.decide = allow
    await system.connect("CS1")


async def test_a_station_that_was_here_before_passes_those_that_guess(start: "Start") -> None:
    system = await start(service_timeout_s=1)
    await (await system.connect("CS1")).socket.close()
    (first,) = requests(system)
    right = list(first.password_digests)
    system.services.decide = lambda request: allow(request) if list(request.password_digests) == right else None
    guessing = [
        asyncio.create_task(refused_beside(system, basic("CS1", f"a wrong password {number}"))) for number in range(5)
    ]
    await system.services.until(lambda: len(requests(system)) == 6)
    assert await refused_beside(system, basic("CS1", "a wrong password")) == 429
    await system.connect("CS1")
    assert await asyncio.gather(*guessing) == [503] * 5


async def refused_beside(system: "System", headers: dict[str, str]) -> int:
    with pytest.raises(InvalidStatus) as error:
        await system.connect("CS1", headers=headers)
    return error.value.response.status_code


async def test_the_right_password_starts_the_count_anew(system: "System") -> None:
    for _ in range(3):
        system.services.decide = lambda _request: refusing(401)
        for _ in range(4):
            assert (await refused(system)).status_code == 401
        system.services.decide = allow
        await (await system.connect("CS1")).socket.close()
        await system.services.until(lambda: len(system.gateway.connections) == 0)


@pytest.mark.parametrize("status", [403, 404])
async def test_other_refusals_are_not_counted(system: "System", status: int) -> None:
    system.services.decide = lambda _request: refusing(status)
    assert [(await refused(system)).status_code for _ in range(10)] == [status] * 10


async def test_no_password_is_no_wrong_one(system: "System") -> None:
    system.services.decide = lambda _request: refusing(401)
    assert [(await refused(system, headers={})).status_code for _ in range(10)] == [401] * 10


async def test_a_station_that_sends_no_password_need_not_wait_for_those_that_do(start: "Start") -> None:
    system = await start(service_timeout_s=1)
    system.services.decide = lambda request: None if request.password_digests else allow(request)
    trying = [asyncio.create_task(refused_beside(system, basic("CS1", "x" * 16))) for _ in range(5)]
    await system.services.until(lambda: len(requests(system)) == 5)
    await system.connect("CS1", headers={})
    assert await asyncio.gather(*trying) == [503] * 5


async def test_identities_are_compared_without_case(system: "System") -> None:
    def decide(request: ConnectionRequest) -> ConnectionDecision:
        known = list(request.password_digests) == passwords.digests(SECRET, "Cs1", b"secret password 1")
        return allow(request) or refusing(500) if known else ConnectionDecision(http_status=403, station_id="Cs1")

    system.services.decide = decide
    station = await system.connect("cS1", headers=basic("CS1", "secret password 1"))
    assert station.socket.subprotocol == "ocpp2.0.1"
    assert (await system.services.connection("Cs1")).protocol == "ocpp2.0.1"
    asked = [r.station_id for _, r in system.services.records if r.HasField("connection_request")]
    assert asked == ["cS1", "Cs1"]
    await system.connect("Cs1", headers=basic("cs1", "secret password 1"))
    assert len(system.gateway.connections) == 1


async def test_auth_cannot_make_one_station_another(system: "System") -> None:
    system.services.decide = lambda _request: ConnectionDecision(http_status=403, station_id="CS2")
    assert (await refused(system, "CS1")).status_code == 503
