import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from csms.v1.auth_pb2 import RegistrationStatus
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent
from csms_auth.consumers import AuthConsumer
from csms_auth.domain.certificates import Certificate, CertificateState
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.domain.stations import Admission, admit
from csms_auth.domain.tokens import Token, TokenRef, TokenStatus
from csms_auth.handlers.turn import Rules
from csms_auth.pki.ports import CertificateType
from csms_auth.store import certificates, id_tokens, stations, tables
from csms_bus.flow import Never
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.clock import from_ms, now_ms
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations
from csms_testing.pki import Authority, Issued
from prometheus_client import REGISTRY
from sqlalchemy import select, text

Records = Any  # the fixture of conftest.py

KEY_CODES = KeyCodes(SecretKeys(b"a key for tests only"))
DIGEST = b"d" * 32
OTHER = b"o" * 32


class Clock:
    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


class Consumer:
    """The consumer under test, fed with records."""

    def __init__(
        self, database: Database, now_ms: int, policy: UnknownStations = UnknownStations.REJECT, most: int = 100
    ) -> None:
        self.clock = Clock(now_ms)
        self.wakes = 0
        self._consumer = AuthConsumer(
            database, Rules(policy, most_stations=most), key_codes=KEY_CODES, wake_outbox=self._wake, clock=self.clock
        )

    def _wake(self) -> None:
        self.wakes += 1

    async def __call__(self, *records: Record | None) -> Sequence[Outgoing]:
        return await self._consumer([Incoming("ocpp.calls.auth", 0, n, "k", r) for n, r in enumerate(records)])


@pytest.fixture
def consumer(database: Database, records: Records) -> Consumer:
    return Consumer(database, records.now_ms)


async def events(database: Database) -> list[DomainEvent]:
    async with database.reading() as session:
        rows = await session.execute(select(tables.outbox.c.record).order_by(tables.outbox.c.id))
        return [Record.FromString(row.record).event for row in rows]


async def stored_station(database: Database, station_id: str) -> Any:
    async with database.reading() as session:
        return (await stations.load(session, [station_id])).get(station_id)


async def add_tokens(database: Database, *tokens: Token) -> None:
    async with database.transaction() as session:
        for token in tokens:
            await id_tokens.add(session, token, from_ms(0))


async def test_admitted_station_may_connect(consumer: Consumer, records: Records) -> None:
    (result,) = await consumer(records.admit("CS1", 1, password_digest=DIGEST, security_profile=1))
    assert result.record.station_admission_result.applied
    (decision,) = await consumer(records.connect("CS1", DIGEST))
    assert decision.record.connection_decision.allowed


async def test_each_allowed_connection_has_a_number_above_the_ones_before(consumer: Consumer, records: Records) -> None:
    await consumer(records.admit("CS1", 1, password_digest=DIGEST))
    asked = [records.connect("CS1", DIGEST), records.connect("CS1", OTHER), records.connect("CS1", DIGEST)]
    numbers = []
    for _ in range(2):  # the second time: the batch is read again
        decisions = [answer.record.connection_decision for answer in await consumer(*asked)]
        assert [decision.allowed for decision in decisions] == [True, False, True]
        assert decisions[1].connection_number == 0
        numbers += [decisions[0].connection_number, decisions[2].connection_number]
    await consumer(records.admit("CS1", 2, deleted=True), records.admit("CS1", 3, password_digest=DIGEST))
    (again,) = await consumer(records.connect("CS1", DIGEST))
    numbers.append(again.record.connection_decision.connection_number)
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 0


async def test_order_within_a_batch_holds(consumer: Consumer, records: Records) -> None:
    answers = await consumer(
        records.connect("CS1", DIGEST),
        records.admit("CS1", 1, password_digest=DIGEST),
        records.connect("CS1", DIGEST),
        records.admit("CS1", 2, password_digest=OTHER),
        records.connect("CS1", DIGEST),
        records.connect("CS1", OTHER),
        records.admit("CS1", 3, deleted=True),
        records.connect("CS1", OTHER),
    )
    decisions = [a.record.connection_decision for a in answers if a.record.HasField("connection_decision")]
    assert [(d.allowed, d.http_status) for d in decisions] == [
        (False, 404),
        (True, 0),
        (False, 401),
        (True, 0),
        (False, 404),
    ]


async def test_admission_twice_is_admission_once(consumer: Consumer, records: Records, database: Database) -> None:
    admission = records.admit("CS1", 5, password_digest=DIGEST, serial_number="SN-1")
    first, again = await consumer(admission), await consumer(admission)
    assert [a.record.station_admission_result.applied for a in (*first, *again)] == [True, False]
    assert (await stored_station(database, "CS1")).revision == 5


async def test_older_admission_changes_nothing(consumer: Consumer, records: Records, database: Database) -> None:
    await consumer(records.admit("CS1", 5, password_digest=DIGEST, serial_number="new"))
    (late,) = await consumer(records.admit("CS1", 4, password_digest=OTHER, serial_number="old"))
    assert not late.record.station_admission_result.applied
    station = await stored_station(database, "CS1")
    assert (station.serial_number, station.password_digest) == ("new", DIGEST)


async def test_password_stays_when_the_admission_brings_none(
    consumer: Consumer, records: Records, database: Database
) -> None:
    await consumer(records.admit("CS1", 1, password_digest=DIGEST))
    await consumer(records.admit("CS1", 2))
    assert (await stored_station(database, "CS1")).password_digest == DIGEST


async def test_password_does_not_outlive_a_deletion_in_the_same_batch(
    consumer: Consumer, records: Records, database: Database
) -> None:
    await consumer(records.admit("CS1", 1, password_digest=DIGEST))
    await consumer(records.admit("CS1", 2, deleted=True), records.admit("CS1", 3))
    station = await stored_station(database, "CS1")
    assert (station.deleted, station.password_digest) == (False, None)


async def test_stale_write_does_not_undo_a_newer_one(database: Database, records: Records) -> None:
    newer = await _admitted(database, records, 9)
    async with database.transaction() as session:
        await stations.save(session, [replace(newer, revision=8, serial_number="stale")], from_ms(0))
    assert await stored_station(database, "CS1") == newer


async def test_stored_state_is_merged_with_what_somebody_else_stored_meanwhile(
    database: Database, records: Records
) -> None:
    """Two consumers that read the same state, as after a rebalance."""
    before = await _admitted(database, records, 1)
    with_password = admit(before, Admission("CS1", revision=2, serial_number="2", new_password_digest=DIGEST))
    without = admit(before, Admission("CS1", revision=3, serial_number="3"))
    for state in (without, with_password, without):
        async with database.transaction() as session:
            await stations.save(session, [state], from_ms(0))
    station = await stored_station(database, "CS1")
    assert (station.revision, station.serial_number) == (3, "3")
    assert (station.password_revision, station.password_digest) == (2, DIGEST)


async def _admitted(database: Database, records: Records, revision: int) -> Any:
    await Consumer(database, records.now_ms)(records.admit("CS1", revision, serial_number="newest"))
    return await stored_station(database, "CS1")


async def test_expired_question_is_not_answered(consumer: Consumer, records: Records) -> None:
    late = records.now_ms - 1
    assert (
        await consumer(records.connect("CS1", deadline_ms=late), records.ask(("Local", "X", 0), deadline_ms=late)) == []
    )


async def test_reconnect_storm_is_one_query_per_batch(
    database: Database, records: Records, statements: list[str]
) -> None:
    consumer = Consumer(database, records.now_ms)
    await consumer(*[records.admit(f"CS{n}", 1, password_digest=DIGEST, reply_to=None) for n in range(500)])
    statements.clear()
    answers = await consumer(*[records.connect(f"CS{n}", DIGEST) for n in range(500)])
    assert len([statement for statement in statements if statement.startswith("SELECT stations")]) == 1
    assert len(answers) == 500
    assert all(answer.record.connection_decision.allowed for answer in answers)
    assert [answer.record.station_id for answer in answers] == [f"CS{n}" for n in range(500)]


async def test_policy_lets_unknown_stations_in(database: Database, records: Records) -> None:
    consumer = Consumer(database, records.now_ms, UnknownStations.ACCEPT)
    (answer,) = await consumer(records.connect("NEW"))
    assert answer.record.connection_decision.allowed


async def test_unknown_station_is_held_to_the_password_it_came_with(
    database: Database, records: Records, statements: list[str]
) -> None:
    consumer = Consumer(database, records.now_ms, UnknownStations.ACCEPT)
    first, without, wrong = await consumer(
        records.connect("NEW", DIGEST), records.connect("NEW"), records.connect("NEW", OTHER)
    )
    assert first.record.connection_decision.allowed
    assert [each.record.connection_decision.http_status for each in (without, wrong)] == [401, 401]
    await consumer(records.admit("NEW", 1, registration_status=RegistrationStatus.REGISTRATION_STATUS_ACCEPTED))
    statements.clear()
    again, without = await consumer(records.connect("NEW", DIGEST), records.connect("NEW"))
    assert again.record.connection_decision.allowed
    assert without.record.connection_decision.http_status == 401
    assert not [statement for statement in statements if statement.startswith(("INSERT INTO stations", "UPDATE"))]


async def test_deleted_station_may_claim_its_name_again(database: Database, records: Records) -> None:
    consumer = Consumer(database, records.now_ms, UnknownStations.ACCEPT)
    await consumer(records.admit("CS1", 5, password_digest=OTHER), records.admit("CS1", 6, deleted=True))
    await consumer(records.connect("CS1", DIGEST))
    station = await stored_station(database, "CS1")
    assert (station.deleted, station.valid_digests) == (False, [DIGEST])


class TestClientCertificates:
    """Security profile 3, with real certificates."""

    @pytest.fixture
    def consumer(self, database: Database) -> Consumer:
        return Consumer(database, now_ms(), UnknownStations.ACCEPT)

    @pytest.fixture
    def authority(self) -> Authority:
        return Authority("Test stations")

    def shown(self, records: Records, client: Issued, **fields: object) -> Record:
        more = {"security_profile": 3, "client_certificate": client.der, "deadline_ms": 0, **fields}
        return records.connect(more.pop("station_id", "CS1"), **more)

    async def test_its_own_lets_a_station_in_and_is_named_to_the_gateway(
        self, consumer: Consumer, records: Records, authority: Authority, database: Database
    ) -> None:
        await consumer(records.admit("CS1", 1, security_profile=3, serial_number="SN-1"))
        (answer,) = await consumer(self.shown(records, authority.issue("SN-1")))
        decision = answer.record.connection_decision
        assert (decision.allowed, decision.security_profile, decision.certificate_common_name) == (True, 3, "SN-1")
        assert (await stored_station(database, "CS1")).proven_profile == 3

    async def test_another_stations_is_refused_and_told_as_security_event(
        self, consumer: Consumer, records: Records, authority: Authority, database: Database
    ) -> None:
        await consumer(records.admit("CS1", 1, security_profile=3, serial_number="SN-1"))
        (answer,) = await consumer(self.shown(records, authority.issue("SN-2")))
        assert answer.record.connection_decision.http_status == 403
        (told,) = await events(database)
        assert told.connection_refused.security_event == "InvalidChargingStationCertificate"
        assert "CN" in told.connection_refused.reason

    async def test_the_stations_organization_counts(
        self, consumer: Consumer, records: Records, authority: Authority
    ) -> None:
        await consumer(records.admit("CS1", 1, security_profile=3, serial_number="SN-1", organization="Fleet Ltd"))
        answers = await consumer(
            self.shown(records, authority.issue("SN-1")),
            self.shown(records, authority.issue("SN-1", organization="Fleet Ltd")),
            self.shown(records, authority.issue("SN-1", organization=None)),
        )
        assert [answer.record.connection_decision.allowed for answer in answers] == [False, True, False]

    async def test_a_revoked_one_is_refused(
        self, consumer: Consumer, records: Records, authority: Authority, database: Database
    ) -> None:
        await consumer(records.admit("CS1", 1, security_profile=3, serial_number="SN-1"))
        good, bad = authority.issue("SN-1"), authority.issue("SN-1")
        await store_certificate(database, good, CertificateState.ISSUED)
        await store_certificate(database, bad, CertificateState.REVOKED)
        answers = await consumer(self.shown(records, good), self.shown(records, bad))
        assert [answer.record.connection_decision.allowed for answer in answers] == [True, False]

    @pytest.mark.parametrize("at_once", [True, False])
    async def test_a_station_that_is_created_again_does_not_come_with_the_certificate_of_the_deleted_one(
        self, consumer: Consumer, records: Records, authority: Authority, database: Database, *, at_once: bool
    ) -> None:
        await consumer(records.admit("CS1", 1, security_profile=3, serial_number="SN-1"))
        certificate = authority.issue("SN-1")
        await store_certificate(database, certificate, CertificateState.ACCEPTED)
        again = [
            records.admit("CS1", 2, deleted=True),
            records.admit("CS1", 3, security_profile=3, serial_number="SN-1"),
            self.shown(records, certificate),
        ]
        answers = await consumer(*again) if at_once else [(await consumer(record))[0] for record in again]
        assert not answers[-1].record.connection_decision.allowed
        (_, told) = await events(database)
        assert told.connection_refused.reason == "the client certificate is revoked"

    async def test_one_that_was_issued_to_another_station_is_refused_though_its_common_name_fits(
        self, consumer: Consumer, records: Records, authority: Authority, database: Database
    ) -> None:
        for station_id, serial_number in (("CS1", "AC.100.2"), ("CS2", "AC.100"), ("CS3", "AC.100.2")):
            await consumer(records.admit(station_id, 1, security_profile=3, serial_number=serial_number))
        certificate = authority.issue("AC.100.2")
        await store_certificate(database, certificate, CertificateState.ACCEPTED)
        answers = [await consumer(self.shown(records, certificate, station_id=f"CS{n}")) for n in (1, 2, 3)]
        assert [answer.record.connection_decision.allowed for (answer,) in answers] == [True, False, False]

    async def test_a_foreign_one_is_that_of_the_station_whose_serial_number_is_its_common_name(
        self, consumer: Consumer, records: Records, authority: Authority
    ) -> None:
        for station_id, serial_number in (("CS1", "AC.100.2"), ("CS2", "AC.100"), ("CS3", "AC.1")):
            await consumer(records.admit(station_id, 1, security_profile=3, serial_number=serial_number))
        certificate = authority.issue("AC.100.2")
        answers = await consumer(*(self.shown(records, certificate, station_id=f"CS{n}") for n in (1, 2, 3)))
        assert [answer.record.connection_decision.allowed for answer in answers] == [True, False, False]

    @pytest.mark.parametrize("der", [b"no certificate", b"\x30\x03\x02\x01\x01"])
    async def test_bytes_that_are_no_certificate_are_refused(
        self, consumer: Consumer, records: Records, der: bytes
    ) -> None:
        await consumer(records.admit("CS1", 1, security_profile=3, serial_number="SN-1"))
        request = records.connect("CS1", security_profile=3, client_certificate=der, deadline_ms=0)
        (answer,) = await consumer(request)
        assert answer.record.connection_decision.http_status == 403

    async def test_a_question_without_certificate_costs_no_look_up_of_revoked_ones(
        self, consumer: Consumer, records: Records, statements: list[str]
    ) -> None:
        await consumer(records.connect("CS1", DIGEST, deadline_ms=0))
        assert not [statement for statement in statements if "certificates" in statement]


class TestRatchet:
    """A05.FR.07."""

    async def test_a_pending_profile_becomes_the_stations_by_connecting(
        self, consumer: Consumer, records: Records, database: Database
    ) -> None:
        pending = {"security_profile": 1, "pending_security_profile": 2}
        await consumer(records.admit("CS1", 1, password_digest=DIGEST, **pending))
        profiles = (1, 2, 1, 2)
        answers = [(await consumer(records.connect("CS1", DIGEST, security_profile=each)))[0] for each in profiles]
        assert [answer.record.connection_decision.http_status for answer in answers] == [0, 0, 403, 0]
        # The admission that says so comes later, or never; an older or a lower one changes nothing.
        await consumer(records.admit("CS1", 2, security_profile=1))
        (answer,) = await consumer(records.connect("CS1", DIGEST, security_profile=1))
        assert not answer.record.connection_decision.allowed
        assert (await stored_station(database, "CS1")).least_profile == 2

    async def test_within_a_batch_too(self, consumer: Consumer, records: Records) -> None:
        answers = await consumer(
            records.admit("CS1", 1, password_digest=DIGEST, security_profile=2, reply_to=None),
            records.connect("CS1", DIGEST, security_profile=2),
            records.admit("CS1", 2, security_profile=1, reply_to=None),
            records.connect("CS1", DIGEST, security_profile=1),
        )
        assert [answer.record.connection_decision.allowed for answer in answers] == [True, False]

    async def test_it_is_written_once(self, consumer: Consumer, records: Records, statements: list[str]) -> None:
        await consumer(records.admit("CS1", 1, password_digest=DIGEST, security_profile=2))
        await consumer(records.connect("CS1", DIGEST, security_profile=2))
        statements.clear()
        await consumer(records.connect("CS1", DIGEST, security_profile=2))
        assert not [statement for statement in statements if "INSERT INTO stations" in statement]

    async def test_an_admission_decided_on_older_state_does_not_undo_it(
        self, consumer: Consumer, records: Records, database: Database
    ) -> None:
        """Two consumers that read the same state, as after a rebalance."""
        await consumer(records.admit("CS1", 1, security_profile=2, password_digest=DIGEST))
        before = await stored_station(database, "CS1")
        await consumer(records.connect("CS1", DIGEST, security_profile=2))
        stale = admit(before, Admission("CS1", revision=2, security_profile=1))
        async with database.transaction() as session:
            await stations.save(session, [stale], from_ms(0))
        station = await stored_station(database, "CS1")
        assert (station.revision, station.security_profile, station.least_profile) == (2, 1, 2)

    async def test_a_station_that_is_deleted_and_made_anew_begins_anew(
        self, consumer: Consumer, records: Records, database: Database
    ) -> None:
        await consumer(records.admit("CS1", 1, security_profile=2, password_digest=DIGEST))
        await consumer(records.connect("CS1", DIGEST, security_profile=2))
        await consumer(records.admit("CS1", 2, deleted=True), records.admit("CS1", 3, security_profile=1))
        assert (await stored_station(database, "CS1")).least_profile == 1


async def store_certificate(database: Database, issued: Issued, state: CertificateState) -> None:
    fingerprint = issued.certificate.fingerprint(hashes.SHA256())
    certificate = Certificate(
        certificate_id=fingerprint.hex(),
        station_id="CS1",
        certificate_type=CertificateType.CHARGING_STATION,
        fingerprint=fingerprint,
        key_sha256=b"",
        serial_number=f"{issued.certificate.serial_number:x}",
        subject=issued.certificate.subject.rfc4514_string(),
        issuer=issued.certificate.issuer.rfc4514_string(),
        not_before=issued.certificate.not_valid_before_utc,
        not_after=issued.certificate.not_valid_after_utc,
        chain="",
        issued_at=from_ms(0),
        state=state,
        revoked_at=from_ms(0) if state is CertificateState.REVOKED else None,
    )
    async with database.transaction() as session:
        await certificates.save(session, [certificate])


def refused_stations(reason: str) -> float:
    found = REGISTRY.get_sample_value("csms_auth_refused_stations", {"reason": reason})
    assert found is not None
    return found


class TestRefusals:
    async def test_it_is_told_once_a_minute(self, consumer: Consumer, records: Records, database: Database) -> None:
        await consumer(records.admit("CS1", 1, password_digest=DIGEST))
        await consumer(*[records.connect("CS1", OTHER) for _ in range(5)])
        await consumer(records.connect("CS1", OTHER))
        (told,) = await events(database)
        assert told.station_id == "CS1"
        assert told.connection_refused.http_status == 401
        assert told.connection_refused.reason == "wrong password"
        assert told.connection_refused.remote_address == "192.0.2.1"
        assert consumer.wakes == 1
        consumer.clock.now_ms += 60_000
        await consumer(records.connect("CS1", OTHER, deadline_ms=0))
        assert len(await events(database)) == 2

    async def test_stations_of_ours_that_are_refused_are_counted_until_they_are_let_in(
        self, consumer: Consumer, records: Records
    ) -> None:
        await consumer(records.admit("CS1", 1, password_digest=DIGEST), records.connect("STRANGER", OTHER))
        await consumer(records.connect("CS1", OTHER), records.connect("CS1", OTHER))
        assert (refused_stations("wrong_password"), refused_stations("unknown_station")) == (1, 0)
        await consumer(records.connect("CS1", DIGEST))
        assert refused_stations("wrong_password") == 0

    async def test_each_station_has_its_own(self, consumer: Consumer, records: Records, database: Database) -> None:
        await consumer(records.connect("A"), records.connect("B"), records.connect("A"))
        assert sorted(event.station_id for event in await events(database)) == ["A", "B"]

    async def test_beside_an_admission_it_is_told_too(
        self, consumer: Consumer, records: Records, database: Database
    ) -> None:
        await consumer(records.admit("CS1", 1), records.connect("CS2"))
        assert [event.station_id for event in await events(database)] == ["CS2"]

    async def test_nothing_is_told_of_who_is_let_in(
        self, consumer: Consumer, records: Records, database: Database
    ) -> None:
        await consumer(records.admit("CS1", 1, password_digest=DIGEST), records.connect("CS1", DIGEST))
        assert await events(database) == []
        assert consumer.wakes == 0


class TestTokens:
    async def test_tokens_of_a_batch_are_looked_up_at_once(
        self, consumer: Consumer, records: Records, database: Database, statements: list[str]
    ) -> None:
        await add_tokens(
            database,
            Token(TokenRef("ISO14443", "CARD-1"), TokenStatus.ACCEPTED, group_id="G1", evse_ids=[1, 2]),
            Token(TokenRef("ISO14443", "CARD-2"), TokenStatus.BLOCKED),
        )
        statements.clear()
        asked, called, told = await consumer(
            records.ask(("ISO14443", "card-1", 2), ("ISO14443", "CARD-3", 1)),
            records.call("Authorize", {"idToken": {"idToken": "Card-2", "type": "ISO14443"}}),
        )
        assert len([statement for statement in statements if statement.startswith("SELECT id_tokens")]) == 1
        assert [info.status for info in asked.record.authorization_decision.answers] == ["Accepted", "Unknown"]
        assert called.record.reply.payload == b'{"idTokenInfo":{"status":"Blocked"}}'
        assert told.record.event.authorization_decided.status == "Blocked"

    async def test_question_twice_is_answered_twice_alike(self, consumer: Consumer, records: Records) -> None:
        question = records.ask(("Local", "X", 0))
        (first,), (again,) = await consumer(question), await consumer(question)
        assert first.record.authorization_decision == again.record.authorization_decision

    async def test_id_that_no_database_can_hold_is_unknown(self, consumer: Consumer, records: Records) -> None:
        (answer,) = await consumer(records.ask(("Local", "a\0b", 0)))
        assert answer.record.authorization_decision.answers[0].status == "Unknown"

    async def test_more_tokens_than_one_statement_takes(
        self, consumer: Consumer, records: Records, database: Database
    ) -> None:
        await add_tokens(database, Token(TokenRef("Local", "T2499"), TokenStatus.ACCEPTED))
        (answer,) = await consumer(records.ask(*[("Local", f"t{n}", 0) for n in range(2500)]))
        found = [n for n, info in enumerate(answer.record.authorization_decision.answers) if info.status == "Accepted"]
        assert found == [2499]


async def test_newest_signing_request_is_kept(consumer: Consumer, records: Records, database: Database) -> None:
    await consumer(records.call("SignCertificate", {"csr": "one"}), records.call("SignCertificate", {"csr": "two"}))
    await consumer(records.call("SignCertificate", {"csr": "three", "certificateType": "V2GCertificate"}))
    async with database.reading() as session:
        rows = (await session.execute(select(tables.certificate_requests))).all()
    assert {(row.station_id, row.certificate_type, row.csr) for row in rows} == {
        ("CS1", "ChargingStationCertificate", "two"),
        ("CS1", "V2GCertificate", "three"),
    }


async def test_record_of_another_kind_can_never_be_handled(consumer: Consumer) -> None:
    with pytest.raises(Never):
        await consumer(Record(record_id="r", station_id="CS1"))


async def test_tombstones_are_passed_over(consumer: Consumer, records: Records) -> None:
    assert len(await consumer(None, records.connect("CS1"))) == 1


async def test_refusal_that_was_rolled_back_is_told_later(
    database: Database, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = Consumer(database, records.now_ms)
    with monkeypatch.context() as patched:
        patched.setattr(database, "transaction", _unavailable)
        with pytest.raises(DatabaseUnavailable):
            await consumer(records.connect("CS1"))
    await consumer(records.connect("CS1"))
    assert len(await events(database)) == 1


def _unavailable() -> None:
    raise DatabaseUnavailable("away")


async def allowed(consumer: Consumer, records: Records, digest: bytes) -> bool:
    (decision,) = await consumer(records.connect("CS1", digest))
    found: bool = decision.record.connection_decision.allowed
    return found


@pytest.fixture
async def asked(consumer: Consumer, records: Records) -> Consumer:
    """A consumer after CS1, whose password is DIGEST, was asked to take OTHER."""
    await consumer(records.admit("CS1", 1, password_digest=DIGEST))
    await consumer(records.admit("CS1", 2, pending_password_digest=OTHER))
    return consumer


async def test_while_nobody_knows_whether_a_station_took_a_password_either_will_do(
    asked: Consumer, records: Records
) -> None:
    assert await allowed(asked, records, DIGEST)
    assert await allowed(asked, records, OTHER)
    assert not await allowed(asked, records, b"x" * 32)


async def test_a_password_the_station_refused_is_dropped(asked: Consumer, records: Records) -> None:
    await asked(records.admit("CS1", 3, dropped_password_digest=OTHER))
    assert not await allowed(asked, records, OTHER)
    assert await allowed(asked, records, DIGEST)
    await asked(records.admit("CS1", 2, pending_password_digest=OTHER))  # comes again, late
    assert not await allowed(asked, records, OTHER)


async def test_a_password_the_station_accepted_replaces_the_old_one(asked: Consumer, records: Records) -> None:
    await asked(records.admit("CS1", 3, password_digest=OTHER))
    assert not await allowed(asked, records, DIGEST)
    assert await allowed(asked, records, OTHER)


async def test_connecting_with_the_pending_password_proves_it(
    asked: Consumer, records: Records, database: Database
) -> None:
    assert await allowed(asked, records, OTHER)
    assert not await allowed(asked, records, DIGEST)
    stored = await stored_station(database, "CS1")
    assert (stored.password_digest, stored.pending_digests) == (OTHER, ())
    told = [event.password_changed for event in await events(database) if event.HasField("password_changed")]
    assert [(each.password_set, each.revision) for each in told] == [(True, stored.password_revision)]


async def test_connecting_with_the_old_password_proves_nothing(asked: Consumer, records: Records) -> None:
    assert await allowed(asked, records, DIGEST)
    assert await allowed(asked, records, OTHER)


async def test_several_passwords_may_be_pending(asked: Consumer, records: Records) -> None:
    third = b"t" * 32
    await asked(records.admit("CS1", 3, pending_password_digest=third))
    await asked(records.admit("CS1", 4, dropped_password_digest=third))
    assert not await allowed(asked, records, third)
    assert await allowed(asked, records, OTHER)


async def test_a_first_password_may_be_pending(consumer: Consumer, records: Records) -> None:
    await consumer(records.admit("CS1", 1, pending_password_digest=OTHER))
    assert not await allowed(consumer, records, DIGEST)
    assert await allowed(consumer, records, OTHER)


async def _until_somebody_waits(database: Database) -> None:
    """Until a transaction of this database waits for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(20):
        while True:
            async with database.reading() as session:
                if (await session.execute(waiting)).scalar_one():
                    return


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_what_another_replica_changes_meanwhile_counts(
    database: Database, consumer: Consumer, records: Records
) -> None:
    """A station connects, which proves its profile, while an admission elsewhere deletes it."""
    await consumer(records.admit("CS1", 1, security_profile=2, password_digest=DIGEST))
    async with database.transaction() as session:
        known = (await stations.load(session, ["CS1"], lock=True))["CS1"]
        connecting = asyncio.create_task(consumer(records.connect("CS1", DIGEST, security_profile=2)))
        await _until_somebody_waits(database)
        deleted = admit(known, Admission("CS1", 2, deleted=True))
        assert deleted is not None
        await stations.save(session, [deleted], from_ms(records.now_ms))
    (answer,) = await connecting
    assert answer.record.connection_decision.http_status == 404
    assert (await stored_station(database, "CS1")).proven_profile == 0


async def test_key_codes_are_found_by_their_digest(database: Database, consumer: Consumer, records: Records) -> None:
    async with database.transaction() as session:
        stored = Token(KEY_CODES.hidden(TokenRef("KeyCode", "Code-1")), TokenStatus.ACCEPTED)
        await id_tokens.add(session, stored, from_ms(records.now_ms))
    authorize = records.call("Authorize", {"idToken": {"idToken": "cODE-1", "type": "KeyCode"}})
    wrong = records.call("Authorize", {"idToken": {"idToken": "Code-2", "type": "KeyCode"}})
    digest = records.call("Authorize", {"idToken": {"idToken": stored.ref.id_token, "type": "KeyCode"}})
    right, *others, asked, _, _, told = await consumer(authorize, wrong, digest, records.ask(("KeyCode", "Code-1", 1)))
    assert told.record.event.authorization_decided.id_token == "****"
    assert b"Accepted" in right.record.reply.payload
    assert all(b"Invalid" in other.record.reply.payload for other in others)
    assert asked.record.authorization_decision.answers[0].status == "Accepted"


async def test_unknown_stations_are_let_in_while_there_is_room(database: Database, records: Records) -> None:
    consumer = Consumer(database, records.now_ms, UnknownStations.ACCEPT, most=3)
    await consumer(records.admit("KNOWN", 1, password_digest=OTHER))

    async def let_in(*names: str, digest: bytes = DIGEST) -> list[bool]:
        answers = await consumer(*(records.connect(name, digest) for name in names))
        return [answer.record.connection_decision.allowed for answer in answers]

    assert await let_in("N1", "N2", "N3", "N4") == [True, True, False, False]
    assert await let_in("N5") == [False]
    assert await let_in("N1", "N2") == [True, True]  # known by now: they came with passwords
    assert await let_in("KNOWN", digest=OTHER) == [True]
    reasons = {event.connection_refused.reason for event in await events(database)}
    assert reasons == {"unknown station, and as many stations as CSMS_UNKNOWN_STATIONS_MOST are known"}
    await consumer(records.admit("KNOWN", 2, deleted=True))
    consumer.clock.now_ms += 1_000
    assert await let_in("N5", "N6") == [True, False]


async def test_without_unknown_stations_nothing_is_counted(database: Database, records: Records) -> None:
    consumer = Consumer(database, records.now_ms, UnknownStations.REJECT, most=1)
    await consumer(records.admit("CS1", 1, password_digest=DIGEST), records.admit("CS2", 1, password_digest=DIGEST))
    (decision,) = await consumer(records.connect("CS2", DIGEST))
    assert decision.record.connection_decision.allowed


class TestIdentitiesWithoutCase:
    """identifierString has no case: one station, however it spells itself."""

    async def test_the_gateway_is_told_how_the_station_is_spelled(
        self, consumer: Consumer, records: Records, database: Database
    ) -> None:
        await consumer(records.admit("Cs1", 1, password_digest=DIGEST))
        (otherwise, same) = await consumer(records.connect("cS1", DIGEST), records.connect("Cs1", DIGEST))
        decision = otherwise.record.connection_decision
        assert (decision.allowed, decision.station_id, decision.connection_number) == (False, "Cs1", 0)
        assert (same.record.connection_decision.allowed, same.record.connection_decision.station_id) == (True, "")
        assert await events(database) == []  # nobody was refused

    async def test_letters_outside_of_ascii_keep_their_case(self, consumer: Consumer, records: Records) -> None:
        await consumer(records.admit("RDÄM", 1, password_digest=DIGEST))
        (answer,) = await consumer(records.connect("rdäm", DIGEST))
        assert (answer.record.connection_decision.http_status, answer.record.connection_decision.station_id) == (
            404,
            "",
        )
        (answer,) = await consumer(records.connect("rdÄm", DIGEST))
        assert answer.record.connection_decision.station_id == "RDÄM"

    @pytest.mark.parametrize("together", [True, False])
    async def test_an_unknown_station_has_the_spelling_that_it_came_with_first(
        self, database: Database, records: Records, *, together: bool
    ) -> None:
        consumer = Consumer(database, records.now_ms, UnknownStations.ACCEPT)
        asked = [records.connect("cs1"), records.connect("CS1")]
        if together:
            answers = await consumer(*asked)
        else:
            answers = [*await consumer(asked[0]), *await consumer(asked[1])]
        first, second = (answer.record.connection_decision for answer in answers)
        assert (first.allowed, second.allowed, second.station_id) == (True, False, "cs1")

    async def test_the_spelling_of_device_mgmt_replaces_another(self, database: Database, records: Records) -> None:
        consumer = Consumer(database, records.now_ms, UnknownStations.ACCEPT)
        await consumer(records.connect("cs1", OTHER))
        assert (await stored_station(database, "cs1")).claimed_digest == OTHER
        await consumer(records.admit("CS1", 5, password_digest=DIGEST))
        (answer,) = await consumer(records.connect("cs1", OTHER))
        assert answer.record.connection_decision.station_id == "CS1"
        assert (await stored_station(database, "cs1")).deleted

    async def test_a_deleted_one_may_come_back_in_another_spelling(self, consumer: Consumer, records: Records) -> None:
        await consumer(records.admit("cs1", 1, password_digest=DIGEST), records.admit("cs1", 2, deleted=True))
        await consumer(records.admit("CS1", 3, password_digest=OTHER))
        (answer,) = await consumer(records.connect("cs1", OTHER))
        assert answer.record.connection_decision.station_id == "CS1"
        (answer,) = await consumer(records.connect("CS1", OTHER))
        assert answer.record.connection_decision.allowed
