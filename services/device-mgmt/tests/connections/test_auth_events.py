"""What auth tells of stations: refused connections, passwords set or deleted at /credentials."""

import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import ConnectionRefused, DomainEvent, IdTokenChanged, PasswordChanged
from csms_bus.records import new_record
from csms_device_mgmt.connections.auth_events import AuthEventRecords
from csms_device_mgmt.tables import OUTBOX
from csms_runtime.clock import from_ms
from sqlalchemy import select

WRONG = ConnectionRefused(http_status=401, reason="wrong password", remote_address="192.0.2.17")
FORBIDDEN = ConnectionRefused(
    http_status=403, reason="the certificate was revoked", security_event="InvalidChargingStationCertificate"
)


def event(at_ms=1_000, station_id="CS1", **body):
    told = DomainEvent(event_id="e", occurred_at_ms=at_ms, station_id=station_id, **body)
    return new_record(station_id, event=told)


def password(*, is_set, revision):
    return event(password_changed=PasswordChanged(password_set=is_set, revision=revision))


@pytest.fixture
def tell(units, incoming):
    async def do(*records, topic="events.auth"):
        handler = AuthEventRecords(units)
        return await handler([incoming(record, topic=topic) for record in records])

    return do


async def test_a_refusal_is_shown_with_the_station(tell, with_station, station_row):
    await with_station()
    assert await tell(event(connection_refused=WRONG)) == []
    assert (await station_row()).last_refusal == {
        "refused_at": from_ms(1_000).isoformat(),
        "http_status": 401,
        "reason": "wrong password",
        "remote_address": "192.0.2.17",
        "security_event": None,
    }


async def test_the_newest_refusal_counts_in_any_order_and_twice(tell, with_station, station_row):
    await with_station()
    newer, older = event(2_000, connection_refused=FORBIDDEN), event(1_000, connection_refused=WRONG)
    await tell(older, newer)
    await tell(older)
    await tell(newer, older)
    assert (await station_row()).last_refusal["reason"] == "the certificate was revoked"


async def test_a_password_that_somebody_set_or_deleted_at_auth(tell, with_station, station_row):
    await with_station(password_revision=7)
    await tell(password(is_set=True, revision=7))
    assert (await station_row()).password_set
    await tell(password(is_set=False, revision=7), password(is_set=False, revision=7))
    assert not (await station_row()).password_set


async def test_an_older_event_that_comes_again_does_not_bring_the_old_state_back(tell, with_station, station_row):
    await with_station()
    await tell(password(is_set=True, revision=7), password(is_set=False, revision=9))
    await tell(password(is_set=True, revision=7))
    assert not (await station_row()).password_set


async def test_auth_is_told_that_it_is_shown(tell, with_station, station_row, units):
    """By a revision above the one it knows."""
    await with_station()
    await tell(password(is_set=True, revision=7))
    async with units.reading() as session:
        (row,) = (await session.execute(select(OUTBOX))).all()
    admission = Record.FromString(row.record).station_admission
    assert (row.topic, admission.revision > 7, admission.password_digest) == ("auth.admissions", True, b"")
    assert admission.revision == (await station_row()).revision


async def test_what_a_gateway_says_of_passwords_is_nothing(tell, with_station, station_row):
    await with_station()
    await tell(password(is_set=True, revision=7), topic="events.gateway")
    assert not (await station_row()).password_set


async def test_a_password_set_here_since_then_is_newer(tell, with_station, station_row):
    await with_station(password_set=True, password_revision=8)
    await tell(password(is_set=False, revision=7))
    assert (await station_row()).password_set


async def test_others_change_nothing(tell, with_station, station_row):
    await with_station()
    token = DomainEvent(event_id="t", occurred_at_ms=1, id_token_changed=IdTokenChanged(id_token="T"))
    await tell(
        event(station_id="NOBODY", connection_refused=WRONG),
        new_record("", event=token),
        new_record("CS1", event=DomainEvent(event_id="unknown", station_id="CS1")),
    )
    assert (await station_row()).last_refusal is None
