"""OCPP 2.1: what auth answers, where it is not as in 2.0.1, and the forms of what it orders."""

import ipaddress
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms_auth import versions
from csms_auth.domain.certificates import Certificate, CertificateRequest, CertificateState, RequestState, merge
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.domain.tokens import Token, TokenRef, TokenStatus
from csms_auth.handlers import station_call
from csms_auth.handlers.turn import Rules, Turn
from csms_auth.http import tariffs
from csms_auth.ocsp.asking import StatusAsker
from csms_auth.pki.ports import CertificateType
from csms_auth.versions.v21 import V21
from csms_ocpp.times import parse_datetime
from csms_ocpp.validation import all_violations_request, validate_response
from csms_ocpp.versions import VERSIONS, Protocol
from csms_runtime.clock import utcnow
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations
from csms_testing.csrs import csr_pem
from csms_testing.ocsp import Responder, responder
from csms_testing.pki import Authority

Records = Any  # the fixture of conftest.py
T = datetime(2026, 1, 1, tzinfo=UTC)
LATER = T + timedelta(minutes=1)
STATION, V2G = CertificateType.CHARGING_STATION, CertificateType.V2G
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
AUTHORITY = Authority("V2G sub-CA")
CERTIFICATES = [AUTHORITY.issue(f"SN-{number}").certificate for number in range(3)]


def turn_with(records: Records, *stored: Token) -> Turn:
    tokens = {token.ref.key: [token] for token in stored}
    rules = Rules(UnknownStations.REJECT, signs_certificates=True)
    return Turn(rules, KeyCodes(SecretKeys(b"a key for tests only")), records.now_ms, {}, tokens)


def run(turn: Turn, records: Records, action: str, payload: dict[str, Any], *, is_valid: bool = True) -> None:
    assert (all_violations_request(Protocol.OCPP21, action, payload) == []) is is_valid
    station_call.step(records.call(action, payload, protocol="ocpp2.1", deadline_ms=0), turn.now_ms).run(turn)


def told(turn: Turn, records: Records, action: str, payload: dict[str, Any], *, is_valid: bool = True) -> Any:
    """The answer, valid by the official schema."""
    run(turn, records, action, payload, is_valid=is_valid)
    answer = orjson.loads(turn.outgoing[-1].record.reply.payload)
    assert validate_response(Protocol.OCPP21, action, answer) is None
    return answer


def test_every_message_of_stations_for_auth_is_answered() -> None:
    sent = {name for name, action in VERSIONS[Protocol.OCPP21].actions.items() if action.from_station}
    assert set(V21.actions) <= sent
    assert {name for name in sent if "Certificate" in name} <= set(V21.actions)


# ---- Tokens ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["DirectPayment", "VIN", "OfAVendor"])
def test_a_token_has_any_type_and_up_to_255_characters(records: Records, kind: str) -> None:
    text = "A" * 255
    turn = turn_with(records, Token(TokenRef(kind, text), TokenStatus.ACCEPTED, group_id="G" * 255))
    answer = told(turn, records, "Authorize", {"idToken": {"idToken": text.lower(), "type": kind}})
    group = {"idToken": "G" * 255, "type": "Central"}
    assert answer == {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}}


def test_a_token_of_another_type_is_another_token(records: Records) -> None:
    turn = turn_with(records, Token(TokenRef("VIN", "A"), TokenStatus.ACCEPTED))
    answer = told(turn, records, "Authorize", {"idToken": {"idToken": "A", "type": "Vin2"}})
    assert answer == {"idTokenInfo": {"status": "Unknown"}}


# ---- Certificates of stations ----------------------------------------------------------------------------------------
def test_a_request_for_a_certificate_keeps_its_number(records: Records) -> None:
    turn = turn_with(records)
    request = {"csr": csr_pem(), "certificateType": "V2GCertificate", "requestId": 7}
    assert told(turn, records, "SignCertificate", request) == {"status": "Accepted"}
    (kept,) = turn.certificate_requests
    assert (kept.certificate_type, kept.request_id, kept.state) == (V2G, 7, RequestState.PENDING)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"certificateType": "V2G20Certificate"}, "UnsupportedParam"),
        ({"requestId": 2**31}, "InvalidValue"),
        ({"requestId": -(2**31) - 1}, "InvalidValue"),
    ],
)
def test_what_cannot_be_served_is_rejected_with_a_reason(records: Records, fields: dict[str, Any], code: str) -> None:
    turn = turn_with(records)
    is_valid = "requestId" not in fields  # gateways refuse such a number, unless they are lenient
    answer = told(turn, records, "SignCertificate", {"csr": csr_pem("SN-1"), **fields}, is_valid=is_valid)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", code)
    assert turn.certificate_requests == []


def certificate(request_id: int | None = None, **fields: Any) -> Certificate:
    made = Certificate("c1", "CS1", STATION, b"", b"k", "1f", "CN=SN", "CN=CA", T, T, "PEM", T, request_id=request_id)
    return replace(made, **fields)


def test_a_certificate_is_delivered_under_the_number_of_its_request() -> None:
    forms = versions.together(lambda version: version.deliver(certificate(7)))
    assert [(form.protocol, form.command.payload.get("requestId")) for form in forms] == [
        ("", None),
        ("ocpp2.1", 7),
        ("ocpp1.6", None),
    ]
    assert all_violations_request(Protocol.OCPP21, *forms[1].command) == []


def request(number: int | None, at: datetime = T, state: RequestState = RequestState.PENDING) -> CertificateRequest:
    return CertificateRequest("CS1", STATION, "CSR", at, state, key_sha256=b"k", request_id=number)


def test_a_repeat_while_it_is_signed_brings_its_own_number() -> None:
    merged = merge(request(7), None, request(8, LATER))
    assert merged is not None
    assert (merged.request, merged.certificate) == (request(8), None)
    assert merge(request(7), None, request(7, LATER)) is None


@pytest.mark.parametrize("order_id", [None, "o1"])
def test_a_repeat_of_what_is_signed_brings_its_own_number(order_id: str | None) -> None:
    signed = replace(request(7, state=RequestState.SIGNED), certificate_id="c1")
    merged = merge(signed, certificate(7, order_id=order_id), request(8, LATER))
    assert merged is not None
    assert merged.certificate is not None
    assert (merged.certificate.request_id, merged.certificate.order_id) == (8, order_id)
    assert merged.certificate.state is CertificateState.ISSUED


# ---- Status of certificates ------------------------------------------------------------------------------------------
@pytest.fixture
async def server() -> AsyncIterator[Responder]:
    async with responder(AUTHORITY) as running:
        yield running


def asked(question: dict[str, str], source: str = "OCSP", urls: list[str] | None = None) -> dict[str, Any]:
    hashes = {name: value for name, value in question.items() if name != "responderURL"}
    return {"certificateHashData": hashes, "source": source, "urls": urls or [question["responderURL"]]}


async def chain(records: Records, *wanted: dict[str, Any]) -> Any:
    """The answer to a GetCertificateChainStatus, valid by the official schema."""
    turn, payload = turn_with(records), {"certificateStatusRequests": list(wanted)}
    run(turn, records, "GetCertificateChainStatus", payload)
    if turn.status_questions:
        (question,) = turn.status_questions
        answer: Any = await StatusAsker(_nowhere, LOOPBACK).response(question)
    else:
        answer = orjson.loads(turn.outgoing[-1].record.reply.payload)
    assert validate_response(Protocol.OCPP21, "GetCertificateChainStatus", dict(answer)) is None
    assert [each["certificateHashData"] for each in answer["certificateStatus"]] == [
        each["certificateHashData"] for each in wanted
    ]
    return answer["certificateStatus"]


async def _nowhere(_outgoing: object) -> None:
    raise AssertionError("the answer is returned")


async def test_each_certificate_of_a_chain_has_its_status(records: Records, server: Responder) -> None:
    server.revoked.add(CERTIFICATES[1].serial_number)
    questions = [server.question(each) for each in CERTIFICATES]
    found = await chain(
        records,
        asked(questions[0]),
        asked(questions[1], urls=["ldap://nobody.example", server.url]),
        asked(questions[2], "CRL"),
    )
    assert [(each["source"], each["status"]) for each in found] == [
        ("OCSP", "Good"),
        ("OCSP", "Revoked"),
        ("CRL", "Failed"),
    ]
    good, _, failed = [parse_datetime(each["nextUpdate"]) - utcnow() for each in found]
    assert timedelta(hours=23) < good <= timedelta(days=1)
    assert failed <= timedelta(0)
    assert {request.serial_number for request in server.requests} == {each.serial_number for each in CERTIFICATES[:2]}


async def test_a_status_is_kept_for_a_week_at_most(records: Records, server: Responder) -> None:
    server.lifetime = timedelta(days=30)
    (found,) = await chain(records, asked(server.question(CERTIFICATES[0])))
    assert timedelta(days=6) < parse_datetime(found["nextUpdate"]) - utcnow() <= timedelta(days=7)


async def test_a_status_without_an_end_holds_for_a_day(records: Records, server: Responder) -> None:
    server.lifetime = None
    (found,) = await chain(records, asked(server.question(CERTIFICATES[0])))
    assert parse_datetime(found["nextUpdate"]) - utcnow() <= timedelta(days=1)
    assert found["status"] == "Good"


@pytest.mark.parametrize("urls", [["http://10.1.2.3/"], ["ldap://nobody.example"]])
async def test_nobody_is_asked_who_may_not_be(records: Records, server: Responder, urls: list[str]) -> None:
    (found,) = await chain(records, asked(server.question(CERTIFICATES[0]), urls=urls))
    assert found["status"] == "Failed"


async def test_a_chain_that_nobody_can_be_asked_about_is_answered_at_once(records: Records, server: Responder) -> None:
    question = server.question(CERTIFICATES[0])
    found = await chain(records, asked(question, "CRL"), asked(question | {"serialNumber": "no hex"}))
    assert [each["status"] for each in found] == ["Failed", "Failed"]
    assert server.requests == []


async def test_a_longer_ocsp_result_than_in_2_0_1_may_be_told(records: Records) -> None:
    turn = turn_with(records)
    data = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa" * 32, "issuerKeyHash": "bb" * 32, "serialNumber": "1f"}
    run(turn, records, "GetCertificateStatus", {"ocspRequestData": data | {"responderURL": "http://ocsp.example"}})
    assert turn.status_questions[0].most_result == 18_000


# ---- Tariffs of drivers (I08) ----------------------------------------------------------------------------------------
TARIFF = {"tariffId": "t-1", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.4}]}}
_SHOWN = {"idToken": {"idToken": "tag", "type": "ISO14443"}}


@pytest.mark.parametrize("status", list(TokenStatus))
def test_a_tariff_goes_with_an_accepted_token_alone(records: Records, status: TokenStatus) -> None:
    turn = turn_with(records, Token(TokenRef("ISO14443", "TAG"), status, tariff=TARIFF))
    answer = told(turn, records, "Authorize", _SHOWN)
    assert answer.get("tariff") == (TARIFF if status is TokenStatus.ACCEPTED else None)


def test_an_older_version_has_no_tariffs(records: Records) -> None:
    turn = turn_with(records, Token(TokenRef("ISO14443", "TAG"), TokenStatus.ACCEPTED, tariff=TARIFF))
    call = records.call("Authorize", _SHOWN, protocol="ocpp2.0.1", deadline_ms=0)
    station_call.step(call, turn.now_ms).run(turn)
    assert orjson.loads(turn.outgoing[-1].record.reply.payload) == {"idTokenInfo": {"status": "Accepted"}}


@pytest.mark.parametrize(
    ("tariff", "before", "pointers"),
    [
        (TARIFF, None, []),
        (TARIFF, TARIFF, []),
        ({**TARIFF, "tariffId": "t-2", "currency": "CHF"}, TARIFF, []),
        ({**TARIFF, "currency": "CHF"}, TARIFF, ["/tariff/tariffId"]),
        ({**TARIFF, "validFrom": "2026-01-01T00:00:00Z"}, None, ["/tariff/validFrom"]),
        ({"tariffId": "t-1"}, None, ["/tariff/currency"]),
        ({**TARIFF, "customData": {"vendorId": "v", "more": "x" * 9000}}, None, ["/tariff"]),
    ],
)
def test_a_tariff_is_one_that_stations_can_be_told(tariff: Any, before: Any, pointers: list[str]) -> None:
    assert [error.pointer for error in tariffs.errors(tariff, before)] == pointers
