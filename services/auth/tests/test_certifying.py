"""From a station's CSR to its certificate, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent
from csms.v1.station_pb2 import (
    CallError,
    CommandResult,
    ConnectionRecord,
    ConnectionState,
    Outcome,
    StationCommand,
)
from csms_auth.certifying import delivering, signing
from csms_auth.certifying.delivering import order_due
from csms_auth.certifying.renewing import order_renewals
from csms_auth.certifying.results import ResultsConsumer
from csms_auth.certifying.revoking import revoke
from csms_auth.certifying.signing import Signer
from csms_auth.certifying.worker import Certifier
from csms_auth.consumers import AuthConsumer
from csms_auth.domain.certificates import Bar, Certificate, CertificateRequest, CertificateState, RequestState
from csms_auth.domain.client_certificates import Issued
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.handlers.turn import Rules
from csms_auth.pki import built_in, csr, files
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.ports import AuthorityUnavailable, CertificateType, SigningRefused, SigningRequest
from csms_auth.store import certificate_bars, certificate_requests, certificates, tables
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import new_record
from csms_db.engine import Database
from csms_ocpp.validation import validate_request
from csms_ocpp.versions import Protocol
from csms_runtime.clock import from_ms, now_ms, utcnow
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations
from csms_testing.csrs import csr_pem
from csms_testing.pki import Authority as OtherAuthority
from sqlalchemy import delete, select

Records = Any  # the fixture of conftest.py

STATION, V2G = CertificateType.CHARGING_STATION, CertificateType.V2G


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki")
    built_in.create(path, b"a passphrase", "CSMS")
    return path


class Authority:
    """The built-in authority, which counts, or fails when it is told to."""

    def __init__(self, directory: Path) -> None:
        self.built_in = BuiltInAuthority(directory, b"a passphrase")
        self.asked: list[SigningRequest] = []
        self.error: Exception | None = None
        self.chain: Sequence[x509.Certificate] | None = None

    async def sign(self, request: SigningRequest) -> Sequence[x509.Certificate]:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return self.chain or await self.built_in.sign(request)

    async def roots(self, certificate_type: CertificateType) -> Sequence[x509.Certificate]:
        return await self.built_in.roots(certificate_type)


class World:
    """Auth without a bus: records go in, what is in the outbox comes out."""

    def __init__(self, database: Database, authority: Authority, records: Records) -> None:
        self.database, self.authority, self._records = database, authority, records
        self.now_ms = now_ms()
        self.outbox_woken = asyncio.Semaphore(0)
        self.consumer = AuthConsumer(
            database,
            Rules(UnknownStations.REJECT, signs_certificates=True),
            key_codes=KeyCodes(SecretKeys(b"a key for tests only")),
            wake_outbox=lambda: None,
            clock=lambda: self.now_ms,
        )
        self.results = ResultsConsumer(database, wake_outbox=lambda: None)
        self.signer = Signer(database, authority, "CSMS")

    async def handle(self, *records: Record) -> list[Record]:
        batch = [Incoming("ocpp.calls.auth", 0, n, r.station_id, r) for n, r in enumerate(records)]
        return [outgoing.record for outgoing in await self.consumer(batch)]

    async def register(self, revision: int = 1, **fields: Any) -> None:
        await self.handle(self._records.admit("CS1", revision, **({"serial_number": "SN-1"} | fields)))

    def admission(self, station_id: str) -> Record:
        record: Record = self._records.admit(station_id, 1, serial_number=f"SN-{station_id}")
        return record

    async def ask(self, pem: str, kind: CertificateType = STATION, at_ms: int | None = None) -> dict[str, Any]:
        (answer,) = await self.handle(self.signing_call(pem, kind, at_ms))
        response: dict[str, Any] = orjson.loads(answer.reply.payload)
        return response

    def signing_call(self, pem: str, kind: CertificateType = STATION, at_ms: int | None = None) -> Record:
        request = {"csr": pem, "certificateType": kind.value}
        record: Record = self._records.call(
            "SignCertificate", request, received_at_ms=at_ms or self.now_ms, deadline_ms=0
        )
        return record

    async def result(self, order: Record, **fields: Any) -> None:
        """What came of an order."""
        command = StationCommand(
            correlation_id=order.call_order.call_id, action=order.call_order.action, origin=order.call_order.origin
        )
        record = new_record(order.station_id, command_result=CommandResult(command=command, **fields))
        await self.results([Incoming("ocpp.results", 0, 0, order.station_id, record)])

    async def answered(self, order: Record, response: dict[str, Any]) -> None:
        await self.result(order, outcome=Outcome.OUTCOME_RESULT, payload=orjson.dumps(response))

    async def connects(self, station_id: str = "CS1", *, refresh: bool = False) -> None:
        body = ConnectionRecord(state=ConnectionState.CONNECTION_STATE_OPEN, refresh=refresh)
        record = new_record(station_id, connection=body)
        await self.results([Incoming("station.connections", 0, 0, station_id, record)])

    async def outbox(self) -> list[Outgoing]:
        """Take what is to be published."""
        async with self.database.transaction() as session:
            rows = list(await session.execute(select(tables.outbox).order_by(tables.outbox.c.id)))
            await session.execute(delete(tables.outbox))
        return [Outgoing(row.topic, Record.FromString(row.record)) for row in rows]

    async def orders(self) -> list[Record]:
        return [each.record for each in await self.outbox() if each.record.HasField("call_order")]

    async def events(self) -> list[DomainEvent]:
        return [each.record.event for each in await self.outbox() if each.record.HasField("event")]

    async def certificates(self) -> list[Certificate]:
        """The newest first."""
        async with self.database.reading() as session:
            return list((await certificates.page(session, certificates.Filter(), limit=100, after=None)).rows)

    async def request(self, station_id: str = "CS1") -> CertificateRequest:
        wanted = certificate_requests.Filter(station_id)
        async with self.database.reading() as session:
            (found,) = (await certificate_requests.page(session, wanted, limit=2, after=None)).rows
        return found

    async def change(self, certificate: Certificate, **fields: Any) -> None:
        async with self.database.transaction() as session:
            await certificates.save(session, [replace(certificate, **fields)])

    async def delivered_certificate(self) -> Certificate:
        """A certificate that the station has taken."""
        await self.ask(csr_pem("SN-1"))
        await self.signer.sign_due()
        await order_due(self.database)
        (order,) = await self.orders()
        await self.answered(order, {"status": "Accepted"})
        return (await self.certificates())[0]


@pytest.fixture
async def world(database: Database, directory: Path, records: Records) -> World:
    made = World(database, Authority(directory), records)
    await made.register()
    return made


# ---- The way of a certificate ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [STATION, V2G])
async def test_csr_becomes_a_chain_that_is_ordered_to_be_sent(world: World, kind: CertificateType) -> None:
    pem = csr_pem("SN-1")
    assert await world.ask(pem, kind) == {"status": "Accepted"}
    assert await world.signer.sign_due() == 1
    assert await order_due(world.database) == 1
    published = await world.outbox()
    assert [each.topic for each in published] == ["events.auth", "devices.orders"]
    order = published[1].record.call_order
    assert (order.action, order.origin) == ("CertificateSigned", "auth")
    payload = orjson.loads(order.payload)
    assert validate_request(Protocol.OCPP201, "CertificateSigned", payload) is None
    assert payload["certificateType"] == kind  # A02.FR.14
    assert len(payload["certificateChain"]) <= 10_000
    leaf, issuer = x509.load_pem_x509_certificates(payload["certificateChain"].encode())
    assert leaf.public_key() == csr.read(pem).public_key()
    leaf.verify_directly_issued_by(issuer)
    (root,) = await world.authority.roots(kind)
    issuer.verify_directly_issued_by(root)
    issued = published[0].record.event.certificate_issued
    assert issued.serial_number == f"{leaf.serial_number:x}"
    await world.answered(published[1].record, {"status": "Accepted"})
    (certificate,) = await world.certificates()
    assert (certificate.state, certificate.due_at) == (CertificateState.ACCEPTED, None)
    assert (await world.request()).state is RequestState.SIGNED
    assert await order_due(world.database) == 0


async def test_another_stations_name_is_refused_and_told(world: World) -> None:
    answer = await world.ask(csr_pem("SN-2"))
    assert answer["status"] == "Rejected"
    assert answer["statusInfo"]["reasonCode"] == "InvalidCSR"
    assert await world.signer.sign_due() == 0
    (event,) = await world.events()
    assert (event.station_id, event.certificate_refused.certificate_type) == ("CS1", STATION)
    request = await world.request()
    assert (request.state, request.reason) == (RequestState.REFUSED, answer["statusInfo"]["additionalInfo"])


async def test_a_station_that_goes_on_asking_badly_is_told_of_once(world: World) -> None:
    for moment in range(3):
        await world.ask(csr_pem("SN-2"), at_ms=world.now_ms + moment)
    assert len(await world.events()) == 1


async def test_a_station_without_a_serial_number_is_told_so(world: World) -> None:
    await world.register(serial_number="", revision=2)
    answer = await world.ask(csr_pem("SN-1"))
    assert answer["statusInfo"]["additionalInfo"] == "no serial number is registered for this station"


async def test_the_o_is_the_stations_own_organization_if_it_has_one(world: World) -> None:
    await world.register(revision=2, organization="Another CSO")
    await world.ask(csr_pem("SN-1", organization="CSMS"))
    await world.signer.sign_due()
    assert (await world.certificates())[0].subject == "CN=SN-1,O=Another CSO"


async def test_the_serial_number_may_change_before_it_is_signed(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.register(serial_number="SN-2", revision=2)
    await world.signer.sign_due()
    assert world.authority.asked == []
    assert (await world.request()).state is RequestState.REFUSED


async def test_the_station_may_be_deleted_before_it_is_signed(world: World, records: Records) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.handle(records.admit("CS1", 2, deleted=True))
    await world.signer.sign_due()
    assert (await world.request()).reason == "the station was deleted"


async def test_nothing_is_signed_for_a_station_that_nobody_knows(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    async with world.database.transaction() as session:
        await session.execute(delete(tables.stations))
    await world.signer.sign_due()
    assert (await world.request()).reason == "the station is not known"


async def test_a_deleted_stations_certificates_are_revoked_and_stay_so(world: World, records: Records) -> None:
    taken = await world.delivered_certificate()
    await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + 1)
    await world.outbox()
    await world.handle(records.admit("CS1", 2, deleted=True))
    await world.register(revision=3)
    await world.signer.sign_due()
    (certificate,) = await world.certificates()
    assert certificate.certificate_id == taken.certificate_id
    assert (certificate.state, certificate.reason) == (CertificateState.REVOKED, "cessationOfOperation")
    (event,) = await world.events()
    assert (event.station_id, event.certificate_revoked.reason) == ("CS1", "cessationOfOperation")
    assert (await world.request()).reason == "the station was deleted"
    assert (await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + 2))["status"] == "Accepted"
    await world.signer.sign_due()
    assert len(await world.certificates()) == 2


async def test_a_deletion_forgets_what_was_asked_for_in_the_same_batch(world: World, records: Records) -> None:
    await world.handle(
        world.signing_call(csr_pem("SN-1")),
        records.admit("CS1", 2, deleted=True),
        records.admit("CS1", 3, serial_number="SN-1"),
    )
    await world.signer.sign_due()
    assert world.authority.asked == []


async def revoke_all(world: World, reason: str) -> None:
    async with world.database.transaction() as session:
        for certificate in (await certificates.page(session, certificates.Filter(), limit=100, after=None)).rows:
            await revoke(session, certificate, reason, from_ms(world.now_ms))


async def test_after_a_theft_nothing_is_signed_until_an_operator_allows_it(world: World) -> None:
    await world.delivered_certificate()
    await revoke_all(world, "keyCompromise")
    for later, kind in ((1, STATION), (2, V2G)):
        await world.ask(csr_pem("SN-1"), kind, at_ms=world.now_ms + later)
        await world.signer.sign_due()
    assert len(world.authority.asked) == 1
    wanted = certificate_requests.Filter("CS1")
    async with world.database.transaction() as session:
        requests = (await certificate_requests.page(session, wanted, limit=9, after=None)).rows
        assert await certificate_bars.remove(session, "CS1")
    assert all(each.state is RequestState.REFUSED and "(keyCompromise)" in each.reason for each in requests)
    await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + 3)
    await world.signer.sign_due()
    assert len(await world.certificates()) == 2


async def test_a_theft_that_is_told_while_the_authority_signs_is_in_time(world: World) -> None:
    await world.delivered_certificate()
    await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + 1)
    request = await world.request()
    sign = world.authority.sign

    async def told_meanwhile(wanted: SigningRequest) -> Sequence[x509.Certificate]:
        await revoke_all(world, "privilegeWithdrawn")
        return await sign(wanted)

    with patch.object(world.authority, "sign", told_meanwhile):
        await world.signer._sign(request)
    assert [each.state for each in await world.certificates()] == [CertificateState.REVOKED]
    assert (await world.request()).state is RequestState.REFUSED


async def test_a_bar_alone_that_comes_while_the_authority_signs_is_in_time(world: World) -> None:
    """The request is pending all the while, for instance since the station asked again after the theft was told."""
    await world.ask(csr_pem("SN-1"))
    request = await world.request()
    sign = world.authority.sign

    async def barred_meanwhile(wanted: SigningRequest) -> Sequence[x509.Certificate]:
        async with world.database.transaction() as session:
            await certificate_bars.add(session, Bar("CS1", utcnow(), "keyCompromise", "C1"))
        return await sign(wanted)

    await world.outbox()
    with patch.object(world.authority, "sign", barred_meanwhile):
        await world.signer._sign(request)
    assert (await world.certificates(), await world.events()) == ([], [])
    assert (await world.request()).state is RequestState.PENDING
    await world.signer._sign(await world.request())
    assert (await world.request()).state is RequestState.REFUSED


# ---- Repeats (A02.FR.17 to .19) --------------------------------------------------------------------------------------
async def test_a_repeated_csr_is_signed_once(world: World) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    for minute in range(3):
        assert await world.ask(csr_pem("SN-1", key=key), at_ms=world.now_ms + minute * 60_000) == {"status": "Accepted"}
        await world.signer.sign_due()
    assert len(world.authority.asked) == 1
    assert len(await world.certificates()) == 1


async def test_the_same_record_twice_in_a_batch_or_later_changes_nothing(world: World) -> None:
    call = world.signing_call(csr_pem("SN-1"))
    await world.handle(call, call)
    await world.signer.sign_due()
    await order_due(world.database)
    (order,) = await world.orders()
    await world.answered(order, {"status": "Accepted"})
    await world.handle(call)
    await world.signer.sign_due()
    assert await order_due(world.database) == 0
    assert (await world.certificates())[0].state is CertificateState.ACCEPTED


async def test_a_repeat_brings_the_certificate_that_is_there(world: World) -> None:
    pem = csr_pem("SN-1")
    await world.ask(pem)
    await world.signer.sign_due()
    await order_due(world.database)
    (order,) = await world.orders()
    await world.result(order, outcome=Outcome.OUTCOME_TIMEOUT)
    assert await order_due(world.database) == 0  # it pauses
    await world.ask(pem, at_ms=world.now_ms + 1)
    assert await order_due(world.database) == 1
    (again,) = await world.orders()
    assert again.call_order.call_id != order.call_order.call_id
    assert again.call_order.payload == order.call_order.payload


async def test_a_new_key_takes_the_place_of_an_undelivered_certificate(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    await order_due(world.database)
    (first,) = await world.orders()
    await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + 1)
    await world.signer.sign_due()
    await order_due(world.database)
    (second,) = await world.orders()
    await world.answered(first, {"status": "Rejected"})  # for the key it has dropped
    await world.answered(second, {"status": "Accepted"})
    assert [each.state for each in await world.certificates()] == [
        CertificateState.ACCEPTED,
        CertificateState.SUPERSEDED,
    ]


async def test_two_signers_do_not_sign_the_same_request(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    other = Signer(world.database, world.authority, "CSMS")
    counts = await asyncio.gather(world.signer.sign_due(), other.sign_due())
    assert sorted(counts) == [0, 1]
    assert len(await world.certificates()) == 1


async def test_what_was_asked_meanwhile_wins_over_what_was_signed(world: World) -> None:
    first, second = csr_pem("SN-1"), csr_pem("SN-1")
    await world.ask(first)
    request = await world.request()
    await world.ask(second, at_ms=world.now_ms + 1)
    await world.signer._sign(request)
    assert await world.certificates() == []
    await world.signer.sign_due()
    (certificate,) = await world.certificates()
    assert certificate.key_sha256 == csr.key_sha256(csr.read(second))


# ---- The authority ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AuthorityUnavailable("away"), "away"),
        (TimeoutError(), "the certificate authority did not answer in time"),
        (RuntimeError("secret"), "internal error: RuntimeError"),
    ],
)
async def test_while_the_authority_is_away_the_request_waits(world: World, error: Exception, reason: str) -> None:
    await world.ask(csr_pem("SN-1"))
    world.authority.error = error
    await world.signer.sign_due()
    request = await world.request()
    assert (request.state, request.reason) == (RequestState.PENDING, reason)
    assert request.due_at is not None
    assert timedelta() < request.due_at - utcnow() <= timedelta(seconds=5)
    assert await world.signer.sign_due() == 0


async def test_the_authority_says_when_to_ask_again(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    world.authority.error = AuthorityUnavailable("not decided yet", retry_after_s=600)
    await world.signer.sign_due()
    due_at = (await world.request()).due_at
    assert due_at is not None
    assert due_at - utcnow() > timedelta(seconds=590)


async def test_what_the_authority_refuses_is_not_asked_again(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    world.authority.error = SigningRefused("not this one")
    await world.signer.sign_due()
    assert (await world.request()).state is RequestState.REFUSED
    (event,) = await world.events()
    assert event.certificate_refused.reason == "not this one"
    assert await world.signer.sign_due() == 0


@pytest.mark.parametrize(
    ("common_name", "organization", "reason"),
    [("SN-1", "CSMS", "another key"), ("SN-2", "CSMS", None), ("SN-1", "Somebody", None)],
)
async def test_what_is_not_what_was_asked_for_is_not_sent(
    world: World, common_name: str, organization: str, reason: str | None
) -> None:
    other = OtherAuthority("another authority").issue(common_name, organization=organization)
    world.authority.chain = [other.certificate]
    # For the two others the key is right: it is the certificate's own.
    await world.ask(csr_pem("SN-1", key=None if reason else other.key))
    await world.signer.sign_due()
    request = await world.request()
    assert request.state is RequestState.REFUSED
    assert (reason or "that was signed") in request.reason
    assert await world.certificates() == []


def signed_otherwise(
    *common_names: str, ca: bool = False, alternative: str | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """What an authority might sign instead, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), utcnow()
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common_names]
    name = x509.Name([*parts, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "CSMS")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if alternative is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(alternative)]), critical=False)
    return builder.sign(key, hashes.SHA256()), key


@pytest.mark.parametrize("kind", [STATION, V2G])
@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        (signed_otherwise("SN-1"), None),
        (signed_otherwise("SN-1", alternative="SN-1"), None),
        (signed_otherwise("SN-1", ca=True), "certificate authority"),
        (signed_otherwise("SN-1", "SN-2"), "exactly one CN"),
        (signed_otherwise("SN-2", "SN-1"), "exactly one CN"),
        (signed_otherwise(), "exactly one CN"),
        (signed_otherwise("SN-2"), "does not name the station"),
        (signed_otherwise("SN-10"), "does not name the station"),
        (signed_otherwise("SN-1", alternative="csms.example.com"), "alternative name"),
    ],
)
async def test_an_authority_signs_for_the_station_alone_and_makes_no_other_authority(
    world: World, kind: CertificateType, signed: tuple[x509.Certificate, Any], reason: str | None
) -> None:
    leaf, key = signed
    world.authority.chain = [leaf]
    await world.ask(csr_pem("SN-1", key=key), kind)
    await world.signer.sign_due()
    request = await world.request()
    assert request.state is (RequestState.SIGNED if reason is None else RequestState.REFUSED)
    assert (reason or "") in request.reason


async def test_an_identity_that_is_anothers_serial_number_gets_no_v2g_certificate(
    world: World, records: Records
) -> None:
    await world.register(2, serial_number="")
    assert await world.ask(csr_pem(), V2G) == {"status": "Accepted"}
    await world.handle(records.admit("CS2", 1, serial_number="CS1"))
    await world.signer.sign_due()
    request = await world.request()
    assert (request.state, request.reason) == (
        RequestState.REFUSED,
        "the station's identity is another station's serial number",
    )


async def test_an_identity_that_is_nobodys_serial_number_names_the_v2g_certificate(world: World) -> None:
    await world.register(2, serial_number="")
    await world.ask(csr_pem(), V2G)
    await world.signer.sign_due()
    (certificate,) = await world.certificates()
    assert "CN=CS1" in certificate.subject


async def test_a_chain_that_ocpp_cannot_carry_is_not_sent(world: World) -> None:
    world.authority.chain = None
    real = await world.authority.built_in.sign(
        SigningRequest(csr.read(pem := csr_pem("SN-1")), STATION, "SN-1", "CSMS")
    )
    world.authority.chain = [real[0], *[real[1]] * 20]
    await world.ask(pem)
    await world.signer.sign_due()
    assert "CertificateSigned takes 10000" in (await world.request()).reason


async def test_a_station_that_asks_for_ever_is_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "MOST_A_DAY", 2)
    for minute in range(3):
        await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + minute)
        await world.signer.sign_due()
    assert len(await world.certificates()) == 2
    assert "within 24 hours" in (await world.request()).reason


async def test_refusals_of_a_station_that_asks_for_ever_are_told_once_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "MOST_A_DAY", 0)
    for minute in range(5):
        await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + minute)
        await world.signer.sign_due()
        assert (await world.request()).state is RequestState.REFUSED
    assert [event.WhichOneof("event") for event in await world.events()].count("certificate_refused") == 1


async def test_a_compromised_key_gets_no_certificate_again(world: World) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    await world.ask(csr_pem("SN-1", key=key))
    await world.signer.sign_due()
    (certificate,) = await world.certificates()
    await world.change(certificate, state=CertificateState.REVOKED, reason="keyCompromise", due_at=None)
    await world.ask(csr_pem("SN-1", key=key), at_ms=world.now_ms + 1)
    await world.signer.sign_due()
    assert (await world.request()).state is RequestState.REFUSED
    assert len(await world.certificates()) == 1


# ---- Delivery --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("outcome", [Outcome.OUTCOME_NOT_CONNECTED, Outcome.OUTCOME_TIMEOUT, Outcome.OUTCOME_UNKNOWN])
async def test_a_station_that_is_away_gets_it_when_it_connects(world: World, outcome: Outcome) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    await order_due(world.database)
    (order,) = await world.orders()
    await world.result(order, outcome=outcome)
    (certificate,) = await world.certificates()
    assert certificate.state is CertificateState.ISSUED
    assert "answered :" not in certificate.reason
    assert certificate.due_at is not None
    assert certificate.due_at > utcnow() + timedelta(seconds=3)
    await world.connects(refresh=True)  # told again, not connected anew
    assert (await world.certificates())[0].due_at == certificate.due_at
    await world.connects()
    soon = (await world.certificates())[0].due_at
    assert soon is not None
    assert soon <= utcnow() + delivering.AFTER_CONNECTING


async def test_what_is_under_way_when_the_station_connects_waits_for_its_outcome_a_while(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    await order_due(world.database)
    (order,) = await world.orders()
    await world.connects()
    (certificate,) = await world.certificates()
    assert certificate.order_id == order.call_order.call_id
    assert certificate.due_at is not None
    assert timedelta(seconds=20) < certificate.due_at - utcnow() <= delivering.AFTER_CONNECTING_AGAIN


@pytest.mark.parametrize("bus_is_durable", [True, False])
async def test_orders_that_the_bus_has_forgotten_are_repeated_after_a_restart(
    world: World, *, bus_is_durable: bool
) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    await order_due(world.database)
    await world.outbox()
    restarted = Certifier(
        world.database, world.signer, renew_before=timedelta(0), wake_outbox=lambda: None, bus_is_durable=bus_is_durable
    )
    for _ in range(2):
        await restarted.work()
    assert len(await world.orders()) == (0 if bus_is_durable else 1)


@pytest.mark.parametrize("bus_is_durable", [True, False])
async def test_what_the_only_process_was_signing_when_it_died_is_signed_at_once(
    world: World, *, bus_is_durable: bool
) -> None:
    """Beside others, it is theirs until its lease ends."""
    await world.ask(csr_pem("SN-1"))
    async with world.database.transaction() as session:
        assert len(await certificate_requests.claim(session, utcnow(), timedelta(minutes=2), limit=1)) == 1
    restarted = Certifier(
        world.database, world.signer, renew_before=timedelta(0), wake_outbox=lambda: None, bus_is_durable=bus_is_durable
    )
    await restarted.work()
    assert len(await world.certificates()) == (0 if bus_is_durable else 1)


async def test_an_order_without_an_outcome_is_repeated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "OUTCOME_TIME", timedelta(0))
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    await order_due(world.database)
    await order_due(world.database)
    lost, order = await world.orders()
    await world.answered(lost, {"status": "Rejected"})  # too late
    await world.answered(order, {"status": "Accepted"})
    assert (await world.certificates())[0].state is CertificateState.ACCEPTED


async def test_a_rejected_certificate_is_not_offered_again_and_the_old_one_stays(world: World) -> None:
    old = await world.delivered_certificate()
    await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + 1)
    await world.signer.sign_due()
    await order_due(world.database)
    (order,) = await world.orders()
    await world.answered(order, {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidCertificate"}})
    new, same = await world.certificates()
    assert (new.state, new.reason) == (CertificateState.REJECTED, "the station rejected it: InvalidCertificate")
    assert same == old
    (event,) = await world.events()
    assert event.certificate_refused.reason == new.reason
    assert await order_due(world.database) == 0


async def test_what_a_station_says_of_it_is_kept(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    await order_due(world.database)
    (order,) = await world.orders()
    info = {"reasonCode": "xy", "additionalInfo": "z" * 512}
    await world.answered(order, {"status": "Rejected", "statusInfo": info})
    assert (await world.certificates())[0].reason.startswith("the station rejected it: xy zzz")


async def test_errors_are_tried_again_and_then_given_up(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    for attempt in range(1, 6):
        await order_due(world.database)
        (order,) = await world.orders()
        await world.result(order, outcome=Outcome.OUTCOME_ERROR, error=CallError(code="InternalError", description="x"))
        (certificate,) = await world.certificates()
        assert certificate.state is (CertificateState.REJECTED if attempt == 5 else CertificateState.ISSUED)
        assert certificate.reason == "the station answered InternalError: x"
        if attempt < 5:
            await world.change(certificate, due_at=utcnow())


async def test_an_outcome_counts_once(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    await order_due(world.database)
    (order,) = await world.orders()
    await world.answered(order, {"status": "Accepted"})
    await world.answered(order, {"status": "Rejected"})
    assert (await world.certificates())[0].state is CertificateState.ACCEPTED


async def test_what_expired_before_it_was_delivered_is_given_up(world: World) -> None:
    await world.ask(csr_pem("SN-1"))
    await world.signer.sign_due()
    (certificate,) = await world.certificates()
    await world.change(certificate, not_after=utcnow())
    await order_due(world.database)
    assert await world.orders() == []
    assert (await world.certificates())[0].state is CertificateState.REJECTED


async def test_outcomes_of_others_are_passed_over(world: World) -> None:
    command = StationCommand(correlation_id="x", action="CertificateSigned", origin="device-mgmt")
    record = new_record("CS1", command_result=CommandResult(command=command, outcome=Outcome.OUTCOME_RESULT))
    batch = [Incoming("ocpp.results", 0, 0, "CS1", record), Incoming("station.connections", 0, 1, "CS1", None)]
    assert await world.results(batch) == []


# ---- Renewal ---------------------------------------------------------------------------------------------------------
async def test_a_station_is_asked_to_renew_once_a_day(world: World) -> None:
    await world.delivered_certificate()
    await world.outbox()
    assert await order_renewals(world.database, timedelta(days=300)) == 0
    assert await order_renewals(world.database, timedelta(days=366)) == 1
    (order,) = await world.orders()
    payload = orjson.loads(order.call_order.payload)
    assert order.call_order.action == "TriggerMessage"
    assert payload == {"requestedMessage": "SignChargingStationCertificate"}
    assert validate_request(Protocol.OCPP201, "TriggerMessage", payload) is None
    assert await order_renewals(world.database, timedelta(days=366)) == 0
    (certificate,) = await world.certificates()
    await world.change(certificate, renewal_at=utcnow() - timedelta(hours=25))
    assert await order_renewals(world.database, timedelta(days=366)) == 1


async def test_certificates_that_have_ended_keep_none_from_being_renewed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their stations may be gone for good: they are asked when nobody else is to be."""
    monkeypatch.setattr("csms_auth.certifying.renewing.BATCH", 2)
    live, now = await world.delivered_certificate(), utcnow()
    ends = {"dead1": -90, "dead2": -60, "dead3": -30, "soon": 5, "later": 20}
    await world.handle(*(world.admission(name) for name in ends))
    for name, days in ends.items():
        await world.change(live, certificate_id=name, station_id=name, not_after=now + timedelta(days=days))
    await world.change(live, certificate_id="again", renewal_at=now - timedelta(days=2), not_after=now + timedelta(1))
    await world.outbox()
    asked = []
    for _ in range(4):
        await order_renewals(world.database, timedelta(days=30))
        asked.append([order.station_id for order in await world.orders()])
    assert asked == [["soon", "later"], ["CS1", "dead1"], ["dead2", "dead3"], []]


async def test_a_station_that_was_deleted_is_not_asked(world: World) -> None:
    await world.delivered_certificate()
    await world.register(revision=2, deleted=True)
    assert await order_renewals(world.database, timedelta(days=366)) == 0


async def test_a_station_that_renews_already_is_left_alone(world: World) -> None:
    old = await world.delivered_certificate()
    await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + 1)
    assert await order_renewals(world.database, timedelta(days=366)) == 0  # it is going to be signed
    await world.signer.sign_due()
    new, _ = await world.certificates()
    await world.change(new, not_after=old.not_after + timedelta(days=30))
    assert await order_renewals(world.database, timedelta(days=366)) == 0  # it is on its way


async def test_a_rejected_renewal_is_asked_for_again(world: World) -> None:
    await world.delivered_certificate()
    await world.ask(csr_pem("SN-1"), at_ms=world.now_ms + 1)
    await world.signer.sign_due()
    new, _ = await world.certificates()
    await world.change(new, state=CertificateState.REJECTED, due_at=None)
    assert await order_renewals(world.database, timedelta(days=366)) == 1


async def test_revoked_and_undelivered_certificates_are_not_renewed(world: World) -> None:
    certificate = await world.delivered_certificate()
    for state in (CertificateState.REVOKED, CertificateState.ISSUED, CertificateState.REJECTED):
        await world.change(certificate, state=state)
        assert await order_renewals(world.database, timedelta(days=366)) == 0


# ---- What a connection asks ------------------------------------------------------------------------------------------
async def test_certificates_are_known_by_their_fingerprint(world: World) -> None:
    certificate = await world.delivered_certificate()
    async with world.database.reading() as session:
        found = await certificates.issued_among(session, [certificate.fingerprint, b"another"])
    assert found == {certificate.fingerprint: Issued(certificate.station_id)}
    await world.change(certificate, state=CertificateState.REVOKED)
    async with world.database.reading() as session:
        found = await certificates.issued_among(session, [certificate.fingerprint])
    assert found == {certificate.fingerprint: Issued(certificate.station_id, revoked=True)}
    (leaf, *_) = x509.load_pem_x509_certificates(certificate.chain.encode())
    assert files.pem([leaf]) in certificate.chain


# ---- The worker ------------------------------------------------------------------------------------------------------
@pytest.fixture
async def certifier(world: World) -> AsyncIterator[Certifier]:
    made = Certifier(
        world.database, world.signer, renew_before=timedelta(days=30), wake_outbox=world.outbox_woken.release
    )
    stop = asyncio.Event()
    task = asyncio.create_task(made.run(stop))
    yield made
    stop.set()
    await asyncio.wait_for(task, 20)


async def test_the_worker_signs_and_orders_when_it_is_woken(world: World, certifier: Certifier) -> None:
    await world.ask(csr_pem("SN-1"))
    certifier.wake()
    async with asyncio.timeout(20):
        await world.outbox_woken.acquire()  # the event
        await world.outbox_woken.acquire()  # the order
    (order,) = await world.orders()
    assert order.call_order.action == "CertificateSigned"


async def test_without_an_authority_nothing_is_signed(world: World, records: Records) -> None:
    consumer = AuthConsumer(
        world.database,
        Rules(UnknownStations.REJECT),
        key_codes=KeyCodes(SecretKeys(b"a key")),
        wake_outbox=lambda: None,
    )
    record = records.call("SignCertificate", {"csr": csr_pem("SN-1")}, deadline_ms=0)
    (answer,) = await consumer([Incoming("ocpp.calls.auth", 0, 0, "CS1", record)])
    response = orjson.loads(answer.record.reply.payload)
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Rejected", "NotEnabled")
    certifier = Certifier(world.database, None, renew_before=timedelta(days=30), wake_outbox=lambda: None)
    await certifier.work()
    assert await world.certificates() == []


# ---- OCPP 2.1 --------------------------------------------------------------------------------------------------------
async def test_a_certificate_is_delivered_under_the_number_of_the_last_request(world: World, records: Records) -> None:
    """A02.FR.25: a station knows only the number that it used last."""
    pem = csr_pem("SN-1")

    def call(number: int) -> Record:
        request = {"csr": pem, "requestId": number}
        made: Record = records.call(
            "SignCertificate", request, protocol="ocpp2.1", received_at_ms=world.now_ms, deadline_ms=0
        )
        return made

    await world.handle(call(7))
    await world.handle(call(8))
    assert (await world.request()).request_id == 8
    await world.signer.sign_due()
    await order_due(world.database)
    (order,) = await world.orders()
    forms = {protocol: orjson.loads(form.payload) for form in order.call_order.forms for protocol in form.protocols}
    assert forms["ocpp2.1"]["requestId"] == 8
    assert (await world.certificates())[0].request_id == 8
