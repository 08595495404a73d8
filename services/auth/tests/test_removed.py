"""What is left of removed stations and of certificates that ended goes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from csms_auth.domain.certificates import Certificate, CertificateRequest, CertificateState
from csms_auth.domain.stations import Registration, Station
from csms_auth.pki.ports import CertificateType
from csms_auth.store import certificate_requests, certificates, connection_numbers, removed, stations, tables
from csms_db.engine import Database
from csms_runtime.clock import to_ms
from sqlalchemy import select

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(days=90), NOW - timedelta(days=2)
MONTH_AGO = NOW - timedelta(days=30)


async def ids(database: Database, table: Any, column: str = "station_id") -> list[str]:
    async with database.reading() as session:
        return sorted((await session.scalars(select(table.c[column]))).all())


@pytest.fixture
async def remembered(database: Database) -> Database:
    known = {
        "GONE": (Station("GONE", revision=2, deleted=True), LONG_AGO),
        "GONE-LATELY": (Station("GONE-LATELY", revision=2, deleted=True), LATELY),
        "HERE": (Station("HERE", revision=2, registration=Registration.ACCEPTED), LONG_AGO),
    }
    requests = [CertificateRequest(one, CertificateType.CHARGING_STATION, "CSR", LONG_AGO) for one in known]
    async with database.transaction() as session:
        for station, moment in known.values():
            await stations.save(session, [station], moment)
            await connection_numbers.take(session, [station.station_id], to_ms(LONG_AGO))
        await certificate_requests.save(session, requests)
    return database


async def test_all_that_is_left_of_a_removed_station_goes(remembered: Database) -> None:
    async with remembered.transaction() as session:
        assert await removed.forget_stations(session, MONTH_AGO, 10) == 1
        assert await removed.forget_stations(session, MONTH_AGO, 10) == 0
    for table in (tables.stations, tables.connection_numbers, tables.certificate_requests):
        assert await ids(remembered, table) == ["GONE-LATELY", "HERE"], table.name


async def test_no_more_go_at_a_time_than_asked_for_and_the_oldest_first(remembered: Database) -> None:
    async with remembered.transaction() as session:
        assert await removed.forget_stations(session, NOW, 1) == 1
    assert await ids(remembered, tables.stations) == ["GONE-LATELY", "HERE"]


async def test_numbers_of_connections_go_on_growing(remembered: Database) -> None:
    async with remembered.transaction() as session:
        (before,) = await connection_numbers.take(session, ["GONE"], to_ms(LONG_AGO))
        await removed.forget_stations(session, MONTH_AGO, 10)
        (after,) = await connection_numbers.take(session, ["GONE"], to_ms(NOW))
    assert after > before


def certificate(name: str, not_after: datetime, **fields: Any) -> Certificate:
    made = Certificate(
        certificate_id=name,
        station_id="HERE",
        certificate_type=CertificateType.CHARGING_STATION,
        fingerprint=name.encode(),
        key_sha256=name.encode(),
        serial_number="1f",
        subject="CN=HERE",
        issuer="CN=CA",
        not_before=LONG_AGO,
        not_after=not_after,
        chain="PEM",
        issued_at=LONG_AGO,
        state=CertificateState.ACCEPTED,
    )
    return replace(made, **fields)


async def test_certificates_that_ended_go_but_for_stolen_keys(database: Database) -> None:
    revoked = {"state": CertificateState.REVOKED, "revoked_at": LONG_AGO}
    known = [
        certificate("ended", LONG_AGO),
        certificate("superseded", LONG_AGO, reason="superseded", **revoked),
        certificate("stolen", LONG_AGO, reason="keyCompromise", **revoked),
        certificate("lately", LATELY),
        certificate("valid", NOW + timedelta(days=9)),
    ]
    async with database.transaction() as session:
        await certificates.save(session, known)
    async with database.transaction() as session:
        assert await removed.forget_certificates(session, MONTH_AGO, 10) == 2
    assert await ids(database, tables.certificates, "certificate_id") == ["lately", "stolen", "valid"]
