"""GetCertificateStatus: real questions to a responder, and none into our own network."""

import asyncio
import base64
import ipaddress
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from csms.v1.bus_pb2 import Record
from csms_auth.handlers.turn import StatusAsked
from csms_auth.ocsp import asking
from csms_auth.ocsp.addresses import NotAllowed, is_allowed, target_of
from csms_auth.ocsp.asking import StatusAsker
from csms_auth.ocsp.question import Question
from csms_auth.versions.v201 import answers
from csms_bus.ports import BusUnavailable, Outgoing
from csms_ocpp.validation import validate_response
from csms_ocpp.versions import Protocol
from csms_runtime.clock import now_ms
from csms_testing.ocsp import Responder, http_response, responder
from csms_testing.pki import Authority

Records = Any  # the fixture of conftest.py

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
AUTHORITY = Authority("V2G sub-CA")
CERTIFICATE = AUTHORITY.issue("SN-1").certificate


class Asking:
    """The asker, with a bus that keeps what is published."""

    def __init__(self, records: Records, allowed: Any = LOOPBACK) -> None:
        self._records = records
        self.published: asyncio.Queue[Outgoing] = asyncio.Queue()
        self.bus_is_away = False
        self.most_result = answers.MAX_OCSP_RESULT
        self.asker = StatusAsker(self.publish, allowed)

    async def publish(self, outgoing: Any) -> None:
        if self.bus_is_away:
            raise BusUnavailable("away")
        for each in outgoing:
            self.published.put_nowait(each)

    def asked(self, data: dict[str, str], *, station_id: str = "CS1", **fields: Any) -> StatusAsked:
        record: Record = self._records.call(
            "GetCertificateStatus", {"ocspRequestData": data}, **({"deadline_ms": 0} | fields)
        )
        record.station_id = station_id
        write = partial(answers.certificate_status, {})
        return StatusAsked(record, {}, [Question.of(data)], write, self.most_result)

    async def __call__(self, data: dict[str, str], **fields: Any) -> Any:
        """The answer for the station."""
        response = await self.asker.response(self.asked(data, **fields))
        assert validate_response(Protocol.OCPP201, "GetCertificateStatus", dict(response)) is None
        return response

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.asker.run(stop))
        yield
        stop.set()
        await asyncio.wait_for(task, 20)


@pytest.fixture
async def server() -> AsyncIterator[Responder]:
    async with responder(AUTHORITY) as running:
        yield running


@pytest.fixture
def ask(records: Records) -> Asking:
    return Asking(records)


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_the_station_gets_the_responders_answer(ask: Asking, server: Responder, algorithm: str) -> None:
    data = server.question(CERTIFICATE, algorithm)
    told = await ask(data)
    assert told["status"] == "Accepted"
    response = ocsp.load_der_ocsp_response(base64.b64decode(told["ocspResult"], validate=True))
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert response.serial_number == CERTIFICATE.serial_number
    AUTHORITY.key.public_key().verify(response.signature, response.tbs_response_bytes, *_ecdsa(response))
    (request,) = server.requests
    assert request.hash_algorithm.name.upper().replace("-", "") == algorithm
    assert request.issuer_name_hash.hex() == data["issuerNameHash"]
    assert request.issuer_key_hash.hex() == data["issuerKeyHash"]


def _ecdsa(response: ocsp.OCSPResponse) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 for this one check

    assert response.signature_hash_algorithm is not None
    return (ec.ECDSA(response.signature_hash_algorithm),)


async def test_a_revoked_certificate_is_told_as_that(ask: Asking, server: Responder) -> None:
    server.revoked.add(CERTIFICATE.serial_number)
    told = await ask(server.question(CERTIFICATE))
    response = ocsp.load_der_ocsp_response(base64.b64decode(told["ocspResult"]))
    assert response.certificate_status is ocsp.OCSPCertStatus.REVOKED


async def test_a_name_is_resolved_and_told_as_host(ask: Asking, server: Responder) -> None:
    data = server.question(CERTIFICATE, responderURL=f"HTTP://LocalHost:{server.port}/ocsp")
    assert (await ask(data))["status"] == "Accepted"
    assert server.hosts == [f"localhost:{server.port}"]


async def test_the_same_question_is_asked_once_while_the_answer_holds(ask: Asking, server: Responder) -> None:
    first, again = [await ask(server.question(CERTIFICATE)) for _ in range(2)]
    assert first == again
    assert len(server.requests) == 1


@pytest.mark.parametrize("lifetime", [None, timedelta(seconds=-1)])
async def test_what_does_not_hold_is_asked_again(ask: Asking, server: Responder, lifetime: timedelta | None) -> None:
    server.lifetime = lifetime
    for _ in range(2):
        await ask(server.question(CERTIFICATE))
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("age", "lifetime"),
    [
        (timedelta(days=1), timedelta(hours=23)),  # it ended an hour ago
        (timedelta(minutes=2), timedelta(minutes=1)),
        (timedelta(days=400), None),  # it says not until when it holds
        (-timedelta(hours=1), timedelta(days=1)),  # of a time to come
    ],
)
async def test_an_answer_that_is_out_of_date_is_not_passed_on(
    ask: Asking, server: Responder, age: timedelta, lifetime: timedelta | None
) -> None:
    server.age, server.lifetime = age, lifetime
    told = await ask(server.question(CERTIFICATE))
    assert (told["status"], "ocspResult" in told) == ("Failed", False)
    assert "out of date" in told["statusInfo"]["additionalInfo"]


async def test_an_answer_of_some_time_ago_that_still_holds_is_passed_on(ask: Asking, server: Responder) -> None:
    server.age, server.lifetime = timedelta(days=3), timedelta(days=7)
    assert (await ask(server.question(CERTIFICATE)))["status"] == "Accepted"


# ---- Where no question goes ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://0.0.0.0:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://017700000001:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:7f00:1::]/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
    ],
)
async def test_nothing_in_our_own_network_is_asked(records: Records, server: Responder, url: str) -> None:
    data = server.question(CERTIFICATE, responderURL=url.format(port=server.port))
    told = await Asking(records, allowed=[])(data)
    assert told["status"] == "Failed"
    assert "ocspResult" not in told
    assert server.hosts == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "127.0.0.1",
        "",
        "http://",
        "http:///path",
        "http://127.0.0.1:99999/",
        "http://user:password@127.0.0.1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX: y",
        "http://[::1",
        "http://\u2460.example/",
        "http://" + "a" * 300 + ".example/",
        "http://a..b/",
    ],
)
async def test_what_is_no_url_of_a_responder_is_not_asked(ask: Asking, server: Responder, url: str) -> None:
    told = await ask(server.question(CERTIFICATE, responderURL=url))
    assert told["status"] == "Failed"
    assert server.hosts == []


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.5",
        "240.0.0.1",
        "::",
        "::7f00:1",
        "2001:db8::1",
        "fec0::1",
        "64:ff9b:1::a00:1",
    ],
)
def test_addresses_for_special_use_are_not_the_internet(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), [])


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address), [])


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_networks_are_allowed_by_name(address: str) -> None:
    allowed = [ipaddress.ip_network("10.1.0.0/16")]
    assert is_allowed(ipaddress.ip_address(address), allowed)
    assert not is_allowed(ipaddress.ip_address("10.2.0.1"), allowed)


@pytest.fixture
def resolving() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def leading_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Make all names lead to these addresses; returns the names as they are looked up."""
    asked: list[str] = []

    def resolve(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


async def test_of_several_addresses_one_that_may_be_asked_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, resolving: ThreadPoolExecutor
) -> None:
    leading_to(monkeypatch, "10.0.0.1", "8.8.8.8")
    target = await target_of("https://ocsp.example:80/a?b=c", [], resolving)
    assert target.url == "https://8.8.8.8:80/a?b=c"
    assert (target.host, target.host_header) == ("ocsp.example", "ocsp.example:80")


async def test_other_ports_are_asked_in_networks_that_are_allowed_by_name_only(
    monkeypatch: pytest.MonkeyPatch, resolving: ThreadPoolExecutor
) -> None:
    leading_to(monkeypatch, "8.8.8.8", "10.1.0.1")
    with pytest.raises(NotAllowed):
        await target_of("http://ocsp.example:6379/", [], resolving)
    target = await target_of("http://ocsp.example:6379/", [ipaddress.ip_network("10.1.0.0/16")], resolving)
    assert str(target.address) == "10.1.0.1"


async def test_a_name_is_resolved_once_so_that_it_cannot_change_meanwhile(
    ask: Asking, server: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = leading_to(monkeypatch, "127.0.0.1")
    data = server.question(CERTIFICATE, responderURL=f"http://ocsp.example:{server.port}/")
    assert (await ask(data))["status"] == "Accepted"
    assert asked == ["ocsp.example"]


async def test_slow_name_servers_keep_nothing_else_waiting(
    ask: Asking, server: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def resolve(*_: object, **__: object) -> list[Any]:
        answered.wait(20)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    asked = [
        asyncio.create_task(ask(server.question(CERTIFICATE, responderURL=f"http://{number}.example/")))
        for number in range(40)  # more than asyncio has threads
    ]
    try:
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(threading.get_ident)
    finally:
        answered.set()
    assert {each["status"] for each in await asyncio.gather(*asked)} == {"Failed"}


# ---- Responders that do not do what they should ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (http_response(b"", "302 Found", "Location: http://127.0.0.1/"), "HTTP 302"),
        (http_response(b"", "500 Internal Server Error"), "HTTP 500"),
        (http_response(b"<html>"), "no OCSP response"),
        (http_response(b"x" * (asking.MAX_RESPONSE + 1)), "too long"),
        (http_response(ocsp.OCSPResponseBuilder.build_unsuccessful(
            ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)), "TRY_LATER"),
        (b"no HTTP at all", "cannot be asked"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nless", "cannot be asked"),
    ],
)  # fmt: skip
async def test_what_is_no_status_is_not_passed_on(ask: Asking, server: Responder, raw: bytes, reason: str) -> None:
    server.raw = raw
    told = await ask(server.question(CERTIFICATE))
    assert told["status"] == "Failed"
    assert reason in told["statusInfo"]["additionalInfo"]
    assert len(server.requests) == 1  # no redirect was followed


async def test_a_status_of_another_certificate_is_not_passed_on(ask: Asking, server: Responder) -> None:
    other = AUTHORITY.issue("another").certificate
    await ask(server.question(other))
    server.raw = http_response(server.answer(other.serial_number, server.requests[0]))
    told = await ask(server.question(CERTIFICATE))
    assert "another certificate" in told["statusInfo"]["additionalInfo"]


async def test_an_answer_that_ocpp_cannot_carry_is_not_passed_on(ask: Asking, server: Responder) -> None:
    ask.most_result = 100
    assert (await ask(server.question(CERTIFICATE)))["status"] == "Failed"


async def test_a_silent_responder_is_not_waited_for(
    ask: Asking, server: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.2)
    server.silent = True
    told = await ask(server.question(CERTIFICATE))
    assert "in time" in told["statusInfo"]["additionalInfo"]


async def test_the_station_is_answered_before_the_gateway_stops_waiting(ask: Asking, server: Responder) -> None:
    server.silent = True
    async with asyncio.timeout(5):
        told = await ask(server.question(CERTIFICATE), deadline_ms=now_ms() + 700)
    assert told["status"] == "Failed"


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def test_nobody_listens(ask: Asking, server: Responder, closed_port: int) -> None:
    told = await ask(server.question(CERTIFICATE, responderURL=f"http://127.0.0.1:{closed_port}"))
    assert told["status"] == "Failed"


# ---- Beside the consumer ---------------------------------------------------------------------------------------------
async def test_questions_are_answered_one_beside_the_other(ask: Asking, server: Responder) -> None:
    async with ask.running(), responder(AUTHORITY) as slow:
        slow.silent = True
        assert ask.asker.take(ask.asked(slow.question(CERTIFICATE), correlation_id="slow", deadline_ms=now_ms() + 3000))
        assert ask.asker.take(ask.asked(server.question(CERTIFICATE), correlation_id="fast"))
        async with asyncio.timeout(20):
            told = [(await ask.published.get()).record.reply for _ in range(2)]
    assert [reply.correlation_id for reply in told] == ["fast", "slow"]
    assert [orjson.loads(reply.payload)["status"] for reply in told] == ["Accepted", "Failed"]


async def test_no_more_are_taken_than_can_wait(ask: Asking, server: Responder) -> None:
    def asked(number: int) -> StatusAsked:
        return ask.asked(server.question(CERTIFICATE), station_id=f"CS{number}")

    assert all(ask.asker.take(asked(number)) for number in range(asking.QUEUE))
    assert not ask.asker.take(asked(asking.QUEUE))


async def test_a_station_has_two_questions_at_a_time(ask: Asking, server: Responder) -> None:
    def take(station_id: str = "CS1") -> bool:
        return ask.asker.take(ask.asked(server.question(CERTIFICATE), station_id=station_id))

    assert [take() for _ in range(3)] == [True, True, False]
    assert take("CS2")
    async with ask.running():
        for _ in range(3):
            await asyncio.wait_for(ask.published.get(), 20)
        await ask.asker._queue.join()
        assert [take() for _ in range(2)] == [True, True]


async def test_an_absent_bus_does_not_end_it(ask: Asking, server: Responder) -> None:
    asked = ask.asked(server.question(CERTIFICATE))
    async with ask.running():
        ask.bus_is_away = True
        assert ask.asker.take(asked)
        await ask.asker._queue.join()
        ask.bus_is_away = False
        assert ask.asker.take(asked)
        await asyncio.wait_for(ask.published.get(), 20)


async def test_not_allowed_is_said(server: Responder, resolving: ThreadPoolExecutor) -> None:
    with pytest.raises(NotAllowed):
        await target_of(server.url, [], resolving)
