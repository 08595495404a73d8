from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import RegistrationStatus
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import AuthorizationDecided
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.domain.stations import Registration, Station
from csms_auth.domain.tokens import Token, TokenRef, TokenStatus
from csms_auth.handlers import authorization_request, connection_request, station_admission, station_call
from csms_auth.handlers.turn import SKIP, Rules, Step, Turn
from csms_ocpp.validation import validate_response
from csms_ocpp.versions import Protocol
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations

Records = Any  # the fixture of conftest.py
Payload = Any  # a JSON value
Field = Any

KEY_CODES = KeyCodes(SecretKeys(b"a key for tests only"))
DIGEST = b"d" * 32
BAD_PEM = "-----BEGIN CERTIFICATE-----"
STATUS_DATA = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa" * 32,
    "issuerKeyHash": "BB" * 32,
    "serialNumber": "1f",
    "responderURL": "http://ocsp.example",
}


def turn_at(now_ms: int, *stored: Station | Token, rules: Rules | None = None) -> Turn:
    tokens: dict[str, list[Token]] = {}
    for token in stored:
        if isinstance(token, Token):
            tokens.setdefault(token.ref.key, []).append(token)
    return Turn(
        rules=rules or Rules(UnknownStations.REJECT),
        key_codes=KEY_CODES,
        now_ms=now_ms,
        stations={station.station_id: station for station in stored if isinstance(station, Station)},
        tokens=tokens,
    )


def step_of(record: Record, now_ms: int) -> Step:
    steps = {
        "connection_request": connection_request.step,
        "authorization_request": authorization_request.step,
        "station_admission": station_admission.step,
        "station_call": station_call.step,
    }
    return steps[str(record.WhichOneof("body"))](record, now_ms)


def answers(turn: Turn, *records: Record) -> list[Record]:
    for record in records:
        step_of(record, turn.now_ms).run(turn)
    return [outgoing.record for outgoing in turn.outgoing]


def response(turn: Turn, record: Record) -> Payload:
    """The payload of the answer to a station's CALL; it must be valid by the official schema."""
    (answer,) = answers(turn, record)
    payload = orjson.loads(answer.reply.payload)
    assert validate_response(Protocol.OCPP201, record.station_call.action, payload) is None
    return payload


class TestConnectionRequest:
    def test_answer_goes_where_the_gateway_reads(self, records: Records) -> None:
        turn = turn_at(records.now_ms, Station("CS1", registration=Registration.ACCEPTED, password_digest=DIGEST))
        step_of(records.connect("CS1", DIGEST), turn.now_ms).run(turn)
        (outgoing,) = turn.outgoing
        assert (outgoing.topic, outgoing.partition) == ("gateway.inbox", 3)
        decision = outgoing.record.connection_decision
        assert (decision.correlation_id, decision.allowed) == ("connect-CS1", True)
        assert decision.registration_status == RegistrationStatus.REGISTRATION_STATUS_ACCEPTED
        assert turn.connection_results == [("CS1", None, True)]

    def test_refusal_says_why_and_is_noted(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        (answer,) = answers(turn, records.connect("CS1", DIGEST))
        decision = answer.connection_decision
        assert (decision.allowed, decision.http_status, decision.reason) == (False, 404, "unknown station")
        (refusal,) = turn.refusals
        assert (refusal.station_id, refusal.remote_address) == ("CS1", "192.0.2.1")
        assert turn.connection_results == [("CS1", refusal.refused, False)]

    def test_past_its_deadline_it_is_skipped(self, records: Records) -> None:
        assert step_of(records.connect("CS1", deadline_ms=records.now_ms - 1), records.now_ms) is SKIP
        assert step_of(records.connect("CS1", deadline_ms=records.now_ms), records.now_ms) is not SKIP
        assert step_of(records.connect("CS1", deadline_ms=0), records.now_ms) is not SKIP

    def test_admission_before_it_in_the_batch_takes_effect(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        _, decision = answers(
            turn, records.admit("CS1", 1, password_digest=DIGEST, message_timeout_s=30), records.connect("CS1", DIGEST)
        )
        assert decision.connection_decision.allowed
        assert decision.connection_decision.message_timeout_s == 30

    def test_admission_behind_it_in_the_batch_does_not(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        decision, _ = answers(turn, records.connect("CS1", DIGEST), records.admit("CS1", 1, password_digest=DIGEST))
        assert decision.connection_decision.http_status == 404


class TestStationAdmission:
    def test_it_is_applied_and_acknowledged(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        (result,) = answers(turn, records.admit("CS1", 4, security_profile=2, serial_number="SN"))
        assert result.station_admission_result.applied
        assert result.station_admission_result.correlation_id == "admit-CS1-4"
        assert turn.outgoing[0].topic == "devices.inbox"
        assert turn.changed["CS1"] == Station("CS1", revision=4, security_profile=2, serial_number="SN")

    @pytest.mark.parametrize("revision", [3, 4])
    def test_older_or_equal_one_is_acknowledged_without_effect(self, records: Records, revision: int) -> None:
        turn = turn_at(records.now_ms, Station("CS1", revision=4))
        (result,) = answers(turn, records.admit("CS1", revision, security_profile=1))
        assert not result.station_admission_result.applied
        assert not turn.changed

    def test_nobody_waits_for_one_without_reply_to(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        assert answers(turn, records.admit("CS1", 1, reply_to=None)) == []
        assert "CS1" in turn.changed

    @pytest.mark.parametrize(
        ("told", "kept"),
        [
            (RegistrationStatus.REGISTRATION_STATUS_UNSPECIFIED, None),
            (RegistrationStatus.REGISTRATION_STATUS_ACCEPTED, Registration.ACCEPTED),
            (RegistrationStatus.REGISTRATION_STATUS_PENDING, Registration.PENDING),
            (RegistrationStatus.REGISTRATION_STATUS_REJECTED, Registration.REJECTED),
        ],
    )
    def test_registration_status(
        self, records: Records, told: RegistrationStatus.ValueType, kept: Registration | None
    ) -> None:
        turn = turn_at(records.now_ms)
        answers(turn, records.admit("CS1", 1, registration_status=told))
        assert turn.changed["CS1"].registration is kept


class TestAuthorizationRequest:
    def test_answers_come_in_the_order_of_the_questions(self, records: Records) -> None:
        card = Token(TokenRef("ISO14443", "CARD"), TokenStatus.ACCEPTED, group_id="G1")
        blocked = Token(TokenRef("Local", "X"), TokenStatus.BLOCKED)
        turn = turn_at(records.now_ms, card, blocked)
        asked = [("Local", "x", 1), ("ISO14443", "card", 1), ("ISO14443", "no", 0), ("NoAuthorization", "", 1)]
        (answer,) = answers(turn, records.ask(*asked))
        infos = answer.authorization_decision.answers
        assert [info.status for info in infos] == ["Blocked", "Accepted", "Unknown", "Accepted"]
        assert (infos[1].group_id_token.id_token, infos[1].group_id_token.type) == ("G1", "Central")
        assert not infos[0].HasField("group_id_token")
        assert answer.authorization_decision.correlation_id == "ask-1"
        assert turn.token_results == ["Blocked", "Accepted", "Unknown", "Accepted"]

    def test_everything_stored_is_told(self, records: Records) -> None:
        token = Token(
            TokenRef("Local", "X"),
            TokenStatus.ACCEPTED,
            language1="de",
            personal_message="Hallo",
            evse_ids=[1, 2],
            charging_priority=-3,
        )
        turn = turn_at(records.now_ms, token, rules=Rules(UnknownStations.REJECT, timedelta(seconds=60)))
        (answer,) = answers(turn, records.ask(("Local", "X", 2)))
        (info,) = answer.authorization_decision.answers
        assert (info.language1, info.personal_message, info.charging_priority) == ("de", "Hallo", -3)
        assert list(info.evse_ids) == [1, 2]
        assert info.cache_expiry_ms == records.now_ms + 60_000

    def test_the_limit_of_transactions_and_what_the_token_is_counted_by(self, records: Records) -> None:
        code = KEY_CODES.hidden(TokenRef("KeyCode", "47aB"))
        limited = (Token(ref, TokenStatus.ACCEPTED, concurrent_tx_limit=2) for ref in (TokenRef("Local", "aB"), code))
        turn = turn_at(records.now_ms, *limited)
        (answer,) = answers(turn, records.ask(("Local", "Ab", 0), ("KeyCode", "47Ab", 0), ("Local", "Other", 0)))
        infos = answer.authorization_decision.answers
        assert [(info.HasField("concurrent_tx_limit"), info.concurrent_tx_limit) for info in infos] == [
            (True, 2),
            (True, 2),
            (False, 0),
        ]
        assert [info.token_key for info in infos] == ["ab", code.id_token, "other"]

    def test_evse_of_the_question_counts(self, records: Records) -> None:
        turn = turn_at(records.now_ms, Token(TokenRef("Local", "X"), TokenStatus.ACCEPTED, evse_ids=[1]))
        (answer,) = answers(turn, records.ask(("Local", "X", 2), ("Local", "X", 1)))
        assert [i.status for i in answer.authorization_decision.answers] == ["NotAllowedTypeEVSE", "Accepted"]

    def test_past_its_deadline_it_is_skipped(self, records: Records) -> None:
        assert step_of(records.ask(("Local", "X", 0), deadline_ms=records.now_ms - 1), records.now_ms) is SKIP


class TestAuthorize:
    def ask(self, turn: Turn, records: Records, **more: object) -> Payload:
        return response(turn, records.call("Authorize", {"idToken": {"idToken": "04ab", "type": "ISO14443"}} | more))

    def token(self, **fields: Field) -> Token:
        return Token(TokenRef("ISO14443", "04AB"), fields.pop("status", TokenStatus.ACCEPTED), **fields)

    def test_accepted_with_group(self, records: Records) -> None:
        answer = self.ask(turn_at(records.now_ms, self.token(group_id="G1")), records)
        group = {"idToken": "G1", "type": "Central"}
        assert answer == {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}}

    def test_unknown(self, records: Records) -> None:
        assert self.ask(turn_at(records.now_ms), records) == {"idTokenInfo": {"status": "Unknown"}}

    @pytest.mark.parametrize("status", list(TokenStatus))
    def test_every_status_is_valid_by_the_schema(self, records: Records, status: TokenStatus) -> None:
        answer = self.ask(turn_at(records.now_ms, self.token(status=status)), records)
        assert answer == {"idTokenInfo": {"status": status}}

    def test_every_field_is_valid_by_the_schema(self, records: Records) -> None:
        token = self.token(
            group_id="G" * 36,
            language1="de-AT",
            personal_message="Grüß Gott",
            evse_ids=[2],
            charging_priority=0,
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
        )
        turn = turn_at(records.now_ms, token, rules=Rules(UnknownStations.REJECT, timedelta(days=1)))
        assert self.ask(turn, records)["idTokenInfo"] == {
            "status": "Accepted",
            "groupIdToken": {"idToken": "G" * 36, "type": "Central"},
            "language1": "de-AT",
            "personalMessage": {"format": "UTF8", "content": "Grüß Gott"},
            "evseId": [2],
            "chargingPriority": 0,
            "cacheExpiryDateTime": "2026-01-02T00:00:00.000Z",
        }

    @pytest.mark.parametrize(
        "certificate",
        [
            {"certificate": BAD_PEM},
            {
                "iso15118CertificateHashData": [
                    {
                        "hashAlgorithm": "SHA256",
                        "issuerNameHash": "aa",
                        "issuerKeyHash": "bb",
                        "serialNumber": "01",
                        "responderURL": "http://ocsp.example",
                    }
                ]
            },
        ],
    )
    def test_contract_certificate_is_never_taken_for_good(
        self, records: Records, certificate: dict[str, object]
    ) -> None:
        answer = self.ask(turn_at(records.now_ms, self.token()), records, **certificate)
        assert answer == {"idTokenInfo": {"status": "Invalid"}, "certificateStatus": "CertChainError"}


class TestOtherCalls:
    def test_signing_request_is_recorded_and_rejected(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        request = {"csr": "PEM", "certificateType": "V2GCertificate"}
        answer = response(turn, records.call("SignCertificate", request))
        assert answer["status"] == "Rejected"
        (kept,) = turn.certificate_requests
        assert (kept.station_id, kept.certificate_type, kept.csr) == ("CS1", "V2GCertificate", "PEM")
        assert kept.received_at == datetime(2026, 1, 1, tzinfo=UTC)

    def test_signing_request_without_type_is_for_the_station(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        response(turn, records.call("SignCertificate", {"csr": "PEM"}))
        assert turn.certificate_requests[0].certificate_type == "ChargingStationCertificate"

    def test_signing_request_is_recorded_after_its_deadline_too(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        answers(turn, records.call("SignCertificate", {"csr": "PEM"}, deadline_ms=1))
        assert len(turn.certificate_requests) == 1

    def test_contract_certificates_cannot_be_had(self, records: Records) -> None:
        request = {"iso15118SchemaVersion": "x", "action": "Install", "exiRequest": ""}
        answer = response(turn_at(records.now_ms), records.call("Get15118EVCertificate", request))
        assert (answer["status"], answer["exiResponse"]) == ("Failed", "")

    def test_certificate_status_is_asked_of_others(self, records: Records) -> None:
        turn = turn_at(records.now_ms)
        assert answers(turn, records.call("GetCertificateStatus", {"ocspRequestData": STATUS_DATA})) == []
        (asked,) = turn.status_questions
        (question,) = asked.questions
        assert question.responder_url == "http://ocsp.example"
        assert question.serial_number == 0x1F
        refused = orjson.loads(asked.answer(asked.otherwise).record.reply.payload)
        assert refused["status"] == "Failed"
        assert validate_response(Protocol.OCPP201, "GetCertificateStatus", refused) is None

    @pytest.mark.parametrize(
        "bad", [{"serialNumber": "no hex"}, {"issuerNameHash": "aa"}, {"issuerKeyHash": "z" * 64}, {"serialNumber": ""}]
    )
    def test_status_of_what_is_no_certificate_cannot_be_had(self, records: Records, bad: dict[str, str]) -> None:
        request = {"ocspRequestData": STATUS_DATA | bad}
        turn = turn_at(records.now_ms)
        answer = response(turn, records.call("GetCertificateStatus", request))
        assert answer["status"] == "Failed"
        assert answer["statusInfo"]["reasonCode"] == "InvalidValue"
        assert turn.status_questions == []

    @pytest.mark.parametrize(
        ("protocol", "action"),
        [("ocpp2.0.1", "Unheard"), ("ocpp1.6", "Get15118EVCertificate"), ("ocpp2.0.1", "GetCertificateChainStatus")],
    )
    def test_what_is_not_served_is_not_supported(self, records: Records, protocol: str, action: str) -> None:
        (answer,) = answers(turn_at(records.now_ms), records.call(action, {}, protocol=protocol))
        assert answer.reply.error.code == "NotSupported"
        assert answer.reply.correlation_id == "call-1"

    def test_send_is_not_answered(self, records: Records) -> None:
        assert answers(turn_at(records.now_ms), records.call("Unheard", {}, no_reply=True)) == []
        assert answers(turn_at(records.now_ms), records.call("SignCertificate", {"csr": "x"}, no_reply=True)) == []


class TestAuthorizationDecided:
    """Other teams are told what a station was told of a token, and why."""

    def told(self, turn: Turn, record: Record) -> AuthorizationDecided:
        step_of(record, turn.now_ms).run(turn)
        (outgoing,) = turn.decided
        event = outgoing.record.event
        assert (outgoing.topic, event.station_id) == ("events.auth", "CS1")
        assert event.event_id == f"{record.record_id}:decided"
        return event.authorization_decided

    @pytest.mark.parametrize(
        ("fields", "status", "reason"),
        [
            ({}, "Accepted", "stored"),
            ({"status": TokenStatus.BLOCKED}, "Blocked", "stored"),
            ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "Expired", "expired"),
            ({"evse_ids": ()}, "NotAtThisLocation", "location"),
        ],
        ids=["accepted", "blocked", "expired", "location"],
    )
    def test_a_stored_token(self, records: Records, fields: Any, status: str, reason: str) -> None:
        token = Token(TokenRef("ISO14443", "04AB"), **{"status": TokenStatus.ACCEPTED, "group_id": "G1", **fields})
        call = records.call("Authorize", {"idToken": {"idToken": "04ab", "type": "ISO14443"}})
        told = self.told(turn_at(records.now_ms, token), call)
        assert (told.id_token, told.id_token_type, told.purpose) == ("04ab", "ISO14443", "authorize")
        assert (told.status, told.reason, told.group_id_token) == (status, reason, "G1")
        assert told.asked_at_ms == call.station_call.received_at_ms

    def test_a_key_code_is_masked(self, records: Records) -> None:
        call = records.call("Authorize", {"idToken": {"idToken": "1234", "type": "KeyCode"}})
        told = self.told(turn_at(records.now_ms), call)
        assert (told.id_token, told.status, told.reason) == ("****", "Invalid", "unknown")

    def test_nobody_decided_in_time(self, records: Records) -> None:
        call = records.call("Authorize", {"idToken": {"idToken": "04ab", "type": "ISO14443"}}, deadline_ms=1)
        turn = turn_at(records.now_ms)
        told = self.told(turn, call)
        assert (told.status, told.reason) == ("Undecided", "auth_away")
        assert turn.outgoing == []
