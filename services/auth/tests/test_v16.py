"""OCPP 1.6: what auth answers, and the forms of what it orders."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms.v1.station_pb2 import CommandResult, Outcome, StationCommand
from csms_auth import versions
from csms_auth.certifying.delivering import delivered
from csms_auth.certifying.orders import order
from csms_auth.domain.certificates import Certificate, CertificateState
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.domain.tokens import Token, TokenRef, TokenStatus
from csms_auth.handlers import authorization_request, station_call
from csms_auth.handlers.turn import Rules, Turn
from csms_auth.pki.ports import CertificateType
from csms_ocpp.validation import all_violations_request, validate_response
from csms_ocpp.versions import Protocol
from csms_runtime import passwords
from csms_runtime.clock import from_ms, to_ms
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations

Records = Any  # the fixture of conftest.py
V16 = "ocpp1.6"
T = datetime(2026, 1, 1, tzinfo=UTC)


def token(text: str, kind: str = "ISO14443", status: TokenStatus = TokenStatus.ACCEPTED, **fields: Any) -> Token:
    return Token(TokenRef(kind, text), status, **fields)


def turn_with(records: Records, *stored: Token, rules: Rules | None = None) -> Turn:
    tokens: dict[str, list[Token]] = {}
    for one in stored:
        tokens.setdefault(one.ref.key, []).append(one)
    key_codes = KeyCodes(SecretKeys(b"a key for tests only"))
    return Turn(rules or Rules(UnknownStations.REJECT), key_codes, records.now_ms, {}, tokens)


def told(turn: Turn, records: Records, action: str, payload: dict[str, Any]) -> Any:
    """The answer, valid by the official schema."""
    station_call.step(records.call(action, payload, protocol=V16), turn.now_ms).run(turn)
    answer = orjson.loads(turn.outgoing[-1].record.reply.payload)
    assert validate_response(Protocol.OCPP16, action, answer) is None
    return answer


@pytest.mark.parametrize("tag", ["TAG", "tag", " Tag  "])
def test_an_id_tag_is_a_token_of_any_type_in_any_case_and_without_blanks(records: Records, tag: str) -> None:
    turn = turn_with(records, token("Tag", "Central"))
    assert told(turn, records, "Authorize", {"idTag": tag}) == {"idTagInfo": {"status": "Accepted"}}


def test_cards_come_before_other_tokens_with_the_same_id(records: Records) -> None:
    others = [token("TAG", kind, TokenStatus.BLOCKED) for kind in ("Central", "ISO15693", "eMAID")]
    turn = turn_with(records, *others, token("TAG", "ISO14443"))
    assert told(turn, records, "Authorize", {"idTag": "TAG"})["idTagInfo"]["status"] == "Accepted"
    turn = turn_with(records, *others)
    assert told(turn, records, "Authorize", {"idTag": "TAG"})["idTagInfo"]["status"] == "Blocked"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (TokenStatus.BLOCKED, "Blocked"),
        (TokenStatus.EXPIRED, "Expired"),
        (TokenStatus.INVALID, "Invalid"),
        (TokenStatus.NO_CREDIT, "Blocked"),
        (TokenStatus.NOT_AT_THIS_TIME, "Blocked"),
    ],
)
def test_statuses_are_those_that_1_6_has(records: Records, status: TokenStatus, shown: str) -> None:
    turn = turn_with(records, token("TAG", status=status))
    assert told(turn, records, "Authorize", {"idTag": "TAG"}) == {"idTagInfo": {"status": shown}}


def test_an_unknown_id_tag_is_invalid(records: Records) -> None:
    assert told(turn_with(records), records, "Authorize", {"idTag": "TAG"}) == {"idTagInfo": {"status": "Invalid"}}


def test_the_group_and_the_end_are_told(records: Records) -> None:
    ends = from_ms(records.now_ms) + timedelta(days=1)
    turn = turn_with(records, token("TAG", group_id="GROUP", expires_at=ends))
    assert told(turn, records, "Authorize", {"idTag": "TAG"}) == {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "GROUP", "expiryDate": "2026-01-02T00:00:00.000Z"}
    }
    rules = Rules(UnknownStations.REJECT, cache_for=timedelta(hours=1))
    turn = turn_with(records, token("TAG", group_id="G" * 21, expires_at=ends), rules=rules)
    assert told(turn, records, "Authorize", {"idTag": "TAG"}) == {
        "idTagInfo": {"status": "Accepted", "expiryDate": "2026-01-01T01:00:00.000Z"}
    }


def test_an_expired_token_is_expired_and_its_end_is_not_told(records: Records) -> None:
    turn = turn_with(records, token("TAG", expires_at=from_ms(records.now_ms)))
    assert told(turn, records, "Authorize", {"idTag": "TAG"}) == {"idTagInfo": {"status": "Expired"}}


def test_transactions_is_told_the_type_and_the_end(records: Records) -> None:
    ends = from_ms(records.now_ms) + timedelta(days=1)
    turn = turn_with(records, token("TAG", "ISO15693", expires_at=ends))
    authorization_request.step(records.ask(("", "tag", 0), ("", "other", 0)), turn.now_ms).run(turn)
    known, unknown = turn.outgoing[0].record.authorization_decision.answers
    assert (known.id_token_type, known.expires_ms, known.token_key) == ("ISO15693", to_ms(ends), "tag")
    assert (unknown.status, unknown.id_token_type, unknown.expires_ms) == ("Unknown", "", 0)


def test_a_csr_that_is_not_signed_is_rejected_without_a_reason(records: Records) -> None:
    turn = turn_with(records)
    assert told(turn, records, "SignCertificate", {"csr": "PEM"}) == {"status": "Rejected"}
    assert turn.certificate_requests[0].certificate_type is CertificateType.CHARGING_STATION


def certificate(kind: CertificateType = CertificateType.CHARGING_STATION) -> Certificate:
    return Certificate("c1", "CS1", kind, b"", b"", "1f", "CN=SN", "CN=CA", T, T, "PEM", T, order_id="o1")


def test_commands_are_ordered_in_the_forms_of_all_versions() -> None:
    forms = versions.together(lambda version: version.deliver(certificate()))
    assert [(form.protocol, form.command.payload.keys()) for form in forms] == [
        ("", {"certificateChain", "certificateType"}),
        (V16, {"certificateChain"}),
    ]
    renewals = versions.together(lambda version: version.renew(CertificateType.CHARGING_STATION))
    assert [form.command.payload["requestedMessage"] for form in renewals] == [
        "SignChargingStationCertificate",
        "SignChargePointCertificate",
    ]
    for form in (forms[1], renewals[1]):
        assert all_violations_request(Protocol.OCPP16, *form.command) == []
    body = order("CS1", "o1", renewals, T).record.call_order
    assert (body.action, body.forms[0].action) == ("TriggerMessage", "ExtendedTriggerMessage")
    assert list(body.forms[0].protocols) == [V16]


def test_a_v2g_certificate_has_no_form_in_1_6() -> None:
    v2g = certificate(CertificateType.V2G)
    assert len(versions.together(lambda version: version.deliver(v2g))) == 1
    assert len(versions.together(lambda version: version.renew(v2g.certificate_type))) == 1


@pytest.mark.parametrize(
    ("status", "state"), [("Accepted", CertificateState.ACCEPTED), ("Rejected", CertificateState.REJECTED)]
)
def test_what_a_station_of_1_6_answers_to_its_certificate(status: str, state: CertificateState) -> None:
    command = StationCommand(protocol=V16, action="CertificateSigned", origin="auth")
    payload = orjson.dumps({"status": status})
    result = CommandResult(command=command, outcome=Outcome.OUTCOME_RESULT, payload=payload)
    assert delivered(certificate(), result, T).state is state


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (b"4f434131363030303030303030313430", bytes.fromhex("4f434131363030303030303030313430")),
        (b"4f434131363030303030303030313430", b"4F434131363030303030303030313430"),
        (b"ff00fe01fd02fc03fb04fa05f906f807f708f609", bytes.fromhex("ff00fe01fd02fc03fb04fa05f906f807f708f609")),
        (b"sixteen-to-twenty", b"sixteen-to-twenty"),
        (b"sixteen-to-twenty", b"sixteen-to-twenty".hex().encode()),
    ],
)
def test_an_authorization_key_is_taken_as_hex_as_bytes_and_as_text(stored: bytes, sent: bytes) -> None:
    """TC_085: stations send the bytes that the digits stand for, which need be no UTF-8, or the digits."""
    key = b"a key for tests only"
    assert passwords.matches(passwords.digest(key, "CS1", stored), passwords.digests(key, "CS1", sent))
    assert not passwords.matches(passwords.digest(key, "CS1", stored), passwords.digests(key, "CS1", sent[:-1]))
