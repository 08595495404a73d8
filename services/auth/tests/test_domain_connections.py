from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from csms_auth.domain.client_certificates import ClientCertificate, Issued
from csms_auth.domain.connections import Allowed, Attempt, Kind, Refused, Rules, decide
from csms_auth.domain.stations import Registration, Station
from csms_runtime.settings import UnknownStations

DIGEST = b"d" * 32
OTHER = b"o" * 32
STATION = Station("CS1", revision=1, registration=Registration.ACCEPTED, message_timeout_s=30, password_digest=DIGEST)
ATTEMPT = Attempt("CS1", security_profile=1, password_digests=[DIGEST])
NOW = datetime(2026, 6, 1, tzinfo=UTC)
REJECT, PENDING, ACCEPT = (
    Rules(policy, NOW, "CSMS") for policy in (UnknownStations.REJECT, UnknownStations.PENDING, UnknownStations.ACCEPT)
)
CERTIFICATE = ClientCertificate("SN-1", ["CSMS"], NOW - timedelta(days=1), NOW + timedelta(days=1), b"f" * 32)
SHOWN = Attempt("CS1", security_profile=3, certificate=CERTIFICATE)
SECURED = replace(STATION, security_profile=3, serial_number="SN-1", password_digest=None)
CREATED = replace(STATION, password_digest=None)
CLAIMED = replace(CREATED, claimed_digest=DIGEST)
WITHOUT = Attempt("CS1", security_profile=1)
WELCOME = Allowed(Registration.ACCEPTED, 30, security_profile=1)


KINDS = {
    "no password given": Kind.NO_PASSWORD,
    "wrong password": Kind.WRONG_PASSWORD,
    "no password is set for this station": Kind.NO_PASSWORD_SET,
}
UNKNOWN = Refused(404, "unknown station", Kind.UNKNOWN_STATION)


def refused(status: int, reason: str, security_event: str = "FailedToAuthenticateAtCsms") -> Refused:
    return Refused(status, reason, KINDS.get(reason, Kind.BAD_CERTIFICATE), security_event)


def refusal_of(decision: Allowed | Refused) -> str:
    assert isinstance(decision, Refused)
    assert (decision.http_status, decision.security_event) == (401, "FailedToAuthenticateAtCsms")
    return decision.reason


def test_right_password_is_let_in() -> None:
    assert decide(ATTEMPT, STATION, REJECT) == WELCOME


@pytest.mark.parametrize(
    ("offered", "allowed", "spoken"),
    [
        (["ocpp2.1", "ocpp2.0.1"], (), ""),
        (["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], ("ocpp1.6", "ocpp2.0.1"), "ocpp2.0.1"),
        ([], ("ocpp1.6",), ""),  # an earlier version of the gateway
    ],
)
def test_a_station_speaks_what_it_may_in_the_order_of_its_gateway(
    offered: list[str], allowed: tuple[str, ...], spoken: str
) -> None:
    decision = decide(replace(ATTEMPT, protocols=offered), replace(STATION, protocols=allowed), REJECT)
    assert decision == replace(WELCOME, protocol=spoken)


def test_a_station_that_offers_only_what_it_may_not_speak_is_refused() -> None:
    station = replace(STATION, protocols=("ocpp2.0.1",))
    assert decide(replace(ATTEMPT, protocols=["ocpp2.1", "ocpp1.6"]), station, REJECT) == Refused(
        400, "offers ocpp2.1, ocpp1.6; the station may speak ocpp2.0.1", Kind.WRONG_VERSION
    )
    wrong = replace(ATTEMPT, protocols=["ocpp2.1"], password_digests=[OTHER])
    assert decide(wrong, station, REJECT) == refused(401, "wrong password")


def test_any_reading_of_the_password_will_do() -> None:
    assert isinstance(decide(replace(ATTEMPT, password_digests=[OTHER, DIGEST]), STATION, REJECT), Allowed)


@pytest.mark.parametrize("policy", [REJECT, PENDING, ACCEPT])
@pytest.mark.parametrize(
    ("digests", "reason"), [([], "no password given"), ([OTHER], "wrong password"), ([b""], "wrong password")]
)
def test_wrong_or_no_password_is_refused_whatever_the_policy(policy: Rules, digests: list[bytes], reason: str) -> None:
    assert decide(replace(ATTEMPT, password_digests=digests), STATION, policy) == refused(401, reason)


@pytest.mark.parametrize("station", [None, Station("CS1", revision=9, deleted=True)])
@pytest.mark.parametrize(
    ("policy", "decision"),
    [
        (REJECT, UNKNOWN),
        (PENDING, Allowed(Registration.PENDING)),
        (ACCEPT, Allowed(Registration.ACCEPTED)),
    ],
)
def test_unknown_station_is_handled_by_the_policy(
    station: Station | None, policy: Rules, decision: Allowed | Refused
) -> None:
    assert decide(WITHOUT, station, policy) == decision


def test_what_an_unknown_station_came_with_is_to_be_demanded_of_it() -> None:
    assert decide(ATTEMPT, None, ACCEPT) == Allowed(Registration.ACCEPTED, claimed_digest=DIGEST)
    assert decide(ATTEMPT, None, REJECT) == UNKNOWN


@pytest.mark.parametrize("policy", [REJECT, PENDING, ACCEPT])
@pytest.mark.parametrize(
    ("digests", "reason"), [([], "no password given"), ([OTHER], "wrong password"), ([DIGEST], None)]
)
def test_one_that_came_with_a_password_is_not_let_in_with_less(
    policy: Rules, digests: list[bytes], reason: str | None
) -> None:
    decision = decide(replace(ATTEMPT, password_digests=digests), CLAIMED, policy)
    assert decision == (refused(401, reason) if reason else WELCOME)


def test_what_an_operator_set_counts_instead_of_what_a_station_came_with() -> None:
    assert decide(ATTEMPT, replace(CLAIMED, password_digest=OTHER), ACCEPT) == refused(401, "wrong password")
    registered = replace(CLAIMED, security_profile=1)
    assert "no password is set" in refusal_of(decide(ATTEMPT, registered, ACCEPT))


@pytest.mark.parametrize("attempt", [ATTEMPT, WITHOUT])
def test_one_that_came_without_a_password_connects_where_unknown_ones_may(attempt: Attempt) -> None:
    assert decide(attempt, CREATED, ACCEPT) == WELCOME
    held = replace(CREATED, registration=Registration.PENDING)
    assert decide(attempt, held, PENDING) == replace(WELCOME, registration=Registration.PENDING)


@pytest.mark.parametrize("attempt", [ATTEMPT, WITHOUT])
def test_one_that_was_accepted_is_not_let_in_without_a_password_where_unknown_ones_are_held(attempt: Attempt) -> None:
    assert "accepted while unknown stations are held" in refusal_of(decide(attempt, CREATED, PENDING))


@pytest.mark.parametrize("policy", [REJECT, PENDING, ACCEPT])
@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize("digests", [[], [DIGEST]])
def test_one_registered_for_passwords_is_not_let_in_without(policy: Rules, profile: int, digests: list[bytes]) -> None:
    attempt = Attempt("CS1", security_profile=profile, password_digests=digests)
    reason = refusal_of(decide(attempt, replace(CREATED, security_profile=profile), policy))
    assert reason == f"no password is set for this station, which security profile {profile} demands"


def test_known_station_without_password_is_refused_otherwise() -> None:
    decision = decide(ATTEMPT, replace(STATION, password_digest=None), REJECT)
    assert decision == refused(401, "no password is set for this station")


@pytest.mark.parametrize(
    ("demanded", "used", "allowed"),
    [(0, 1, True), (0, 2, True), (1, 1, True), (2, 2, True), (1, 2, False), (2, 1, False), (3, 2, False)],
)
def test_demanded_security_profile_must_be_used(demanded: int, used: int, *, allowed: bool) -> None:
    decision = decide(replace(ATTEMPT, security_profile=used), replace(STATION, security_profile=demanded), REJECT)
    assert isinstance(decision, Allowed) is allowed
    if isinstance(decision, Refused):
        assert (decision.http_status, decision.kind) == (403, Kind.WRONG_PROFILE)


def test_lower_profile_than_demanded_is_refused_without_password_too() -> None:
    station = replace(STATION, password_digest=None, security_profile=3)
    decision = decide(ATTEMPT, station, ACCEPT)
    assert isinstance(decision, Refused)


def test_wrong_password_is_told_before_the_wrong_profile() -> None:
    decision = decide(replace(ATTEMPT, password_digests=[OTHER]), replace(STATION, security_profile=2), REJECT)
    assert decision == refused(401, "wrong password")


class TestClientCertificates:
    """A00.FR.403 to .407."""

    def test_the_stations_own_one_is_let_in_and_named(self) -> None:
        assert decide(SHOWN, SECURED, REJECT) == Allowed(
            Registration.ACCEPTED, 30, security_profile=3, common_name="SN-1", proven_profile=3
        )

    @pytest.mark.parametrize("common_name", ["SN-1", "SN-1.example.com", "CS SN-1", "urn:SN-1"])
    def test_the_serial_number_may_be_a_word_of_the_common_name(self, common_name: str) -> None:
        attempt = replace(SHOWN, certificate=replace(CERTIFICATE, common_name=common_name))
        assert isinstance(decide(attempt, SECURED, REJECT), Allowed)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"common_name": "SN-2"}, "CN does not name"),
            ({"common_name": "SN-10"}, "CN does not name"),
            ({"common_name": "XSN-1"}, "CN does not name"),
            ({"common_name": "A-SN-1"}, "CN does not name"),
            ({"common_name": "CS1"}, "CN does not name"),
            ({"common_name": ""}, "CN does not name"),
            ({"organizations": ["Somebody else"]}, "O does not name"),
            ({"organizations": ["csms"]}, "O does not name"),
            ({"organizations": ["NotCSMS-Evil", "CSMS-Evil", "CSMS2"]}, "O does not name"),
            ({"organizations": []}, "O does not name"),
            ({"not_after": NOW - timedelta(seconds=1)}, "not valid at this time"),
            ({"not_before": NOW + timedelta(seconds=1)}, "not valid at this time"),
        ],
    )
    def test_any_other_is_refused(self, change: dict[str, Any], reason: str) -> None:
        decision = decide(replace(SHOWN, certificate=replace(CERTIFICATE, **change)), SECURED, ACCEPT)
        assert isinstance(decision, Refused)
        assert reason in decision.reason
        assert (decision.http_status, decision.security_event) == (403, "InvalidChargingStationCertificate")

    def test_one_that_cannot_be_read_is_refused(self) -> None:
        decision = decide(replace(SHOWN, certificate=None), SECURED, ACCEPT)
        assert decision == refused(403, "the client certificate cannot be read", "InvalidChargingStationCertificate")

    def test_a_revoked_one_is_refused(self) -> None:
        revoked = Issued("CS1", revoked=True)
        assert isinstance(decide(SHOWN, SECURED, replace(REJECT, issued={b"g" * 32: revoked})), Allowed)
        decision = decide(SHOWN, SECURED, replace(REJECT, issued={b"f" * 32: revoked}))
        assert decision == refused(403, "the client certificate is revoked", "InvalidChargingStationCertificate")

    @pytest.mark.parametrize("common_name", ["SN-1", "SN-1.2"])
    def test_one_that_was_issued_to_another_station_is_refused(self, common_name: str) -> None:
        attempt = replace(SHOWN, certificate=replace(CERTIFICATE, common_name=common_name))
        assert isinstance(decide(attempt, SECURED, replace(REJECT, issued={b"f" * 32: Issued("CS1")})), Allowed)
        decision = decide(attempt, SECURED, replace(REJECT, issued={b"f" * 32: Issued("CS2")}))
        reason = "the client certificate was issued to another station"
        assert decision == refused(403, reason, "InvalidChargingStationCertificate")

    def test_a_foreign_one_whose_common_name_is_another_stations_serial_number_is_refused(self) -> None:
        attempt = replace(SHOWN, certificate=replace(CERTIFICATE, common_name="SN-1.2"))
        assert isinstance(decide(attempt, SECURED, replace(REJECT, named={"SN-1.2": {"CS1"}})), Allowed)
        decision = decide(attempt, SECURED, replace(REJECT, named={"SN-1.2": {"CS1", "CS2"}}))
        reason = "the client certificate's CN is another station's serial number"
        assert decision == refused(403, reason, "InvalidChargingStationCertificate")

    def test_another_station_with_the_same_serial_number_locks_nobody_out(self) -> None:
        assert isinstance(decide(SHOWN, SECURED, replace(REJECT, named={"SN-1": {"CS1", "CS2"}})), Allowed)

    @pytest.mark.parametrize("serial_number", ["", " "])
    def test_without_a_registered_serial_number_nobody_can_tell(self, serial_number: str) -> None:
        decision = decide(SHOWN, replace(SECURED, serial_number=serial_number), ACCEPT)
        assert isinstance(decision, Refused)
        assert decision.reason == "no serial number is registered for this station"

    @pytest.mark.parametrize("organizations", [["The CSMS company"], ["Other", "CSMS"]])
    def test_the_organization_may_be_part_of_one(self, organizations: list[str]) -> None:
        attempt = replace(SHOWN, certificate=replace(CERTIFICATE, organizations=organizations))
        assert isinstance(decide(attempt, SECURED, REJECT), Allowed)

    def test_the_stations_own_organization_counts_in_place_of_the_deployments(self) -> None:
        station = replace(SECURED, organization="Fleet Ltd")
        assert isinstance(decide(SHOWN, station, REJECT), Refused)
        attempt = replace(SHOWN, certificate=replace(CERTIFICATE, organizations=["Fleet Ltd"]))
        assert isinstance(decide(attempt, station, REJECT), Allowed)

    @pytest.mark.parametrize(("policy", "status"), [(REJECT, 404), (PENDING, 403), (ACCEPT, 403)])
    @pytest.mark.parametrize("station", [None, Station("CS1", deleted=True)])
    def test_an_unknown_station_has_none(self, policy: Rules, status: int, station: Station | None) -> None:
        decision = decide(SHOWN, station, policy)
        assert isinstance(decision, Refused)
        assert decision.http_status == status

    def test_the_password_does_not_matter(self) -> None:
        station = replace(SECURED, password_digest=DIGEST)
        for digests in ([], [OTHER], [DIGEST]):
            assert isinstance(decide(replace(SHOWN, password_digests=digests), station, REJECT), Allowed)


class TestCertificateAndPassword:
    """As it was asked it is profile 2; what counts depends on the station."""

    BOTH = Attempt("CS1", security_profile=2, password_digests=[DIGEST], certificate=CERTIFICATE)

    @pytest.mark.parametrize(
        ("registered", "pending", "counts"), [(2, 0, 2), (2, 3, 3), (3, 0, 3), (0, 0, 3), (0, 3, 3), (1, 3, 3)]
    )
    def test_what_it_counts_as(self, registered: int, pending: int, counts: int) -> None:
        station = replace(STATION, security_profile=registered, pending_security_profile=pending, serial_number="SN-1")
        decision = decide(self.BOTH, station, REJECT)
        assert isinstance(decision, Allowed)
        assert decision.security_profile == counts
        assert decision.common_name == ("SN-1" if counts == 3 else "")

    def test_a_bad_certificate_is_not_made_good_by_the_password(self) -> None:
        attempt = replace(self.BOTH, certificate=replace(CERTIFICATE, common_name="SN-2"))
        decision = decide(attempt, replace(SECURED, password_digest=DIGEST), REJECT)
        assert isinstance(decision, Refused)
        assert decision.http_status == 403

    def test_a_foreign_certificate_does_no_harm_to_a_station_of_profile_2(self) -> None:
        attempt = replace(self.BOTH, certificate=replace(CERTIFICATE, common_name="made by the vendor"))
        assert isinstance(decide(attempt, replace(STATION, security_profile=2), REJECT), Allowed)

    @pytest.mark.parametrize("pending", [0, 3])
    def test_a_foreign_certificate_does_no_harm_to_a_station_without_a_profile(self, pending: int) -> None:
        attempt = replace(self.BOTH, certificate=replace(CERTIFICATE, common_name="made by the vendor"))
        station = replace(STATION, pending_security_profile=pending)
        decision = decide(attempt, station, REJECT)
        assert isinstance(decision, Allowed)
        assert (decision.security_profile, decision.common_name, decision.proven_profile) == (2, "", 0)
        assert decide(replace(attempt, password_digests=[OTHER]), station, REJECT) == refused(401, "wrong password")

    def test_an_unknown_station_is_let_in_by_the_policy(self) -> None:
        assert decide(self.BOTH, None, ACCEPT) == Allowed(Registration.ACCEPTED, claimed_digest=DIGEST)


class TestRatchet:
    """A05.FR.07: once a station has connected with a profile it never comes with a lower one again."""

    def attempt(self, profile: int) -> Attempt:
        if profile == 3:
            return SHOWN
        return replace(ATTEMPT, security_profile=profile)

    def allowed(self, profile: int, **station: int) -> Allowed | None:
        decision = decide(self.attempt(profile), replace(STATION, serial_number="SN-1", **station), REJECT)
        return decision if isinstance(decision, Allowed) else None

    @pytest.mark.parametrize(
        ("registered", "pending", "proven", "good"),
        [
            (1, 2, 0, {1, 2}),
            (1, 3, 0, {1, 3}),
            (2, 3, 2, {2, 3}),
            (2, 3, 3, {3}),
            (1, 2, 2, {2}),
            (1, 0, 2, {2}),
            (2, 0, 3, {3}),
            (2, 1, 0, {2}),
            (2, 1, 2, {2}),
            (0, 0, 2, {2}),
            (0, 2, 0, {1, 2, 3}),
        ],
    )
    def test_which_profiles_are_let_in(self, registered: int, pending: int, proven: int, good: set[int]) -> None:
        station = {"security_profile": registered, "pending_security_profile": pending, "proven_profile": proven}
        assert {profile for profile in (1, 2, 3) if self.allowed(profile, **station)} == good

    @pytest.mark.parametrize(
        ("registered", "pending", "proven", "used", "proves"),
        [
            (1, 0, 0, 1, 0),
            (2, 0, 0, 2, 2),
            (2, 0, 2, 2, 0),
            (3, 0, 2, 3, 3),
            (1, 2, 0, 1, 0),
            (1, 2, 0, 2, 2),
            (2, 3, 2, 3, 3),
            (0, 0, 0, 2, 0),
            (0, 2, 0, 2, 2),
        ],
    )
    def test_what_a_connection_proves(self, registered: int, pending: int, proven: int, used: int, proves: int) -> None:
        station = {"security_profile": registered, "pending_security_profile": pending, "proven_profile": proven}
        decision = self.allowed(used, **station)
        assert decision is not None
        assert decision.proven_profile == proves


@pytest.mark.parametrize("registration", list(Registration))
def test_registration_status_is_passed_on(registration: Registration) -> None:
    assert decide(ATTEMPT, replace(STATION, registration=registration), REJECT) == replace(
        WELCOME, registration=registration
    )


def test_station_whose_registration_was_never_said_is_pending() -> None:
    assert decide(ATTEMPT, replace(STATION, registration=None), REJECT) == replace(
        WELCOME, registration=Registration.PENDING
    )


def test_digests_are_not_in_the_repr() -> None:
    assert "dddd" not in repr(ATTEMPT)
    assert "dddd" not in repr(STATION)
