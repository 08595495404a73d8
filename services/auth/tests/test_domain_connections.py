from dataclasses import replace

import pytest
from csms_auth.domain.connections import Allowed, Attempt, Refused, decide
from csms_auth.domain.stations import Registration, Station
from csms_runtime.settings import UnknownStations

DIGEST = b"d" * 32
OTHER = b"o" * 32
STATION = Station("CS1", revision=1, registration=Registration.ACCEPTED, message_timeout_s=30, password_digest=DIGEST)
ATTEMPT = Attempt("CS1", security_profile=1, password_digests=[DIGEST])
REJECT, PENDING, ACCEPT = UnknownStations.REJECT, UnknownStations.PENDING, UnknownStations.ACCEPT


def test_right_password_is_let_in() -> None:
    assert decide(ATTEMPT, STATION, REJECT) == Allowed(Registration.ACCEPTED, 30)


def test_any_reading_of_the_password_will_do() -> None:
    assert isinstance(decide(replace(ATTEMPT, password_digests=[OTHER, DIGEST]), STATION, REJECT), Allowed)


@pytest.mark.parametrize("policy", list(UnknownStations))
@pytest.mark.parametrize(
    ("digests", "reason"), [([], "no password given"), ([OTHER], "wrong password"), ([b""], "wrong password")]
)
def test_wrong_or_no_password_is_refused_whatever_the_policy(
    policy: UnknownStations, digests: list[bytes], reason: str
) -> None:
    assert decide(replace(ATTEMPT, password_digests=digests), STATION, policy) == Refused(401, reason)


@pytest.mark.parametrize("station", [None, Station("CS1", revision=9, deleted=True)])
@pytest.mark.parametrize(
    ("policy", "decision"),
    [
        (REJECT, Refused(404, "unknown station")),
        (PENDING, Allowed(Registration.PENDING)),
        (ACCEPT, Allowed(Registration.ACCEPTED)),
    ],
)
def test_unknown_station_is_handled_by_the_policy(
    station: Station | None, policy: UnknownStations, decision: Allowed | Refused
) -> None:
    assert decide(ATTEMPT, station, policy) == decision


@pytest.mark.parametrize("policy", [PENDING, ACCEPT])
def test_known_station_without_password_connects_where_unknown_ones_may(policy: UnknownStations) -> None:
    station = replace(STATION, password_digest=None)
    assert decide(ATTEMPT, station, policy) == Allowed(Registration.ACCEPTED, 30)


def test_known_station_without_password_is_refused_otherwise() -> None:
    refused = decide(ATTEMPT, replace(STATION, password_digest=None), REJECT)
    assert refused == Refused(401, "no password is set for this station")


@pytest.mark.parametrize(
    ("demanded", "used", "allowed"),
    [(0, 1, True), (0, 2, True), (1, 1, True), (2, 2, True), (1, 2, False), (2, 1, False), (3, 2, False)],
)
def test_demanded_security_profile_must_be_used(demanded: int, used: int, *, allowed: bool) -> None:
    decision = decide(replace(ATTEMPT, security_profile=used), replace(STATION, security_profile=demanded), REJECT)
    assert isinstance(decision, Allowed) is allowed
    if isinstance(decision, Refused):
        assert decision.http_status == 403


def test_lower_profile_than_demanded_is_refused_without_password_too() -> None:
    station = replace(STATION, password_digest=None, security_profile=3)
    decision = decide(ATTEMPT, station, ACCEPT)
    assert isinstance(decision, Refused)


def test_wrong_password_is_told_before_the_wrong_profile() -> None:
    decision = decide(replace(ATTEMPT, password_digests=[OTHER]), replace(STATION, security_profile=2), REJECT)
    assert decision == Refused(401, "wrong password")


@pytest.mark.parametrize("station", [None, STATION, replace(STATION, security_profile=3)])
def test_client_certificates_let_nobody_in_until_they_are_checked(station: Station | None) -> None:
    decision = decide(Attempt("CS1", security_profile=3), station, ACCEPT)
    assert isinstance(decision, Refused)
    assert decision.http_status == 403


@pytest.mark.parametrize("registration", list(Registration))
def test_registration_status_is_passed_on(registration: Registration) -> None:
    assert decide(ATTEMPT, replace(STATION, registration=registration), REJECT) == Allowed(registration, 30)


def test_station_whose_registration_was_never_said_is_pending() -> None:
    assert decide(ATTEMPT, replace(STATION, registration=None), REJECT) == Allowed(Registration.PENDING, 30)


def test_digests_are_not_in_the_repr() -> None:
    assert "dddd" not in repr(ATTEMPT)
    assert "dddd" not in repr(STATION)
