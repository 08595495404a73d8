import itertools

import pytest
from csms_auth.domain.stations import Admission, Registration, Station, admit, prove

KNOWN = Station(
    "CS1", revision=5, security_profile=2, serial_number="SN-1", password_digest=b"old", password_revision=5
)


def test_first_admission_makes_the_station() -> None:
    made = admit(
        None,
        Admission(
            "CS1",
            revision=1,
            security_profile=1,
            serial_number="SN-1",
            registration=Registration.PENDING,
            message_timeout_s=20,
            new_password_digest=b"digest",
        ),
    )
    assert made == Station(
        "CS1",
        revision=1,
        security_profile=1,
        serial_number="SN-1",
        registration=Registration.PENDING,
        message_timeout_s=20,
        password_digest=b"digest",
        password_revision=1,
    )


def test_newer_admission_replaces_everything_but_keeps_the_password() -> None:
    made = admit(KNOWN, Admission("CS1", revision=6, registration=Registration.ACCEPTED))
    assert made == Station(
        "CS1", revision=6, registration=Registration.ACCEPTED, password_digest=b"old", password_revision=5
    )


def test_newer_admission_may_bring_a_new_password() -> None:
    made = admit(KNOWN, Admission("CS1", revision=6, new_password_digest=b"new"))
    assert made is not None
    assert made.password_digest == b"new"


@pytest.mark.parametrize("revision", [5, 4, 0])
def test_equal_or_older_admission_changes_nothing(revision: int) -> None:
    assert admit(KNOWN, Admission("CS1", revision=revision, security_profile=1, new_password_digest=b"new")) is None


def test_applying_twice_is_applying_once() -> None:
    admission = Admission("CS1", revision=7, security_profile=1)
    once = admit(KNOWN, admission)
    assert once is not None
    assert admit(once, admission) is None


def test_deletion_leaves_a_tombstone_without_secrets() -> None:
    made = admit(KNOWN, Admission("CS1", revision=6, deleted=True, new_password_digest=b"new"))
    assert made == Station("CS1", revision=6, password_revision=6, deleted=True)


def test_late_admission_does_not_bring_a_deleted_station_back() -> None:
    deleted = admit(KNOWN, Admission("CS1", revision=8, deleted=True))
    assert admit(deleted, Admission("CS1", revision=7)) is None


def test_station_created_again_does_not_inherit_the_old_password() -> None:
    deleted = admit(KNOWN, Admission("CS1", revision=8, deleted=True))
    again = admit(deleted, Admission("CS1", revision=9))
    assert again == Station("CS1", revision=9, password_revision=8)


def test_deletion_of_a_station_never_heard_of_is_remembered() -> None:
    made = admit(None, Admission("CS1", revision=3, deleted=True))
    assert made == Station("CS1", revision=3, password_revision=3, deleted=True)


def test_digest_is_not_in_the_repr() -> None:
    assert "old" not in repr(KNOWN)
    assert "new" not in repr(Admission("CS1", revision=1, new_password_digest=b"new"))


def test_password_that_was_overtaken_by_an_admission_without_one_counts() -> None:
    overtaking = admit(KNOWN, Admission("CS1", revision=7, serial_number="newer"))
    late = admit(overtaking, Admission("CS1", revision=6, serial_number="older", new_password_digest=b"new"))
    assert late is not None
    assert (late.password_digest, late.password_revision) == (b"new", 6)
    assert (late.serial_number, late.revision) == ("newer", 7)


def test_password_that_was_overtaken_by_a_newer_one_does_not_count() -> None:
    newer = admit(KNOWN, Admission("CS1", revision=7, new_password_digest=b"newest"))
    assert admit(newer, Admission("CS1", revision=6, new_password_digest=b"new")) is None


def test_late_password_does_not_come_back_with_a_deleted_station() -> None:
    deleted = admit(KNOWN, Admission("CS1", revision=8, deleted=True))
    assert admit(deleted, Admission("CS1", revision=7, new_password_digest=b"new")) is None


def test_order_of_delivery_does_not_matter() -> None:
    told = [
        Admission("CS1", revision=1, new_password_digest=b"one", serial_number="1"),
        Admission("CS1", revision=2, deleted=True),
        Admission("CS1", revision=3, serial_number="3"),
        Admission("CS1", revision=4, new_password_digest=b"four", serial_number="4"),
        Admission("CS1", revision=5, serial_number="5"),
    ]
    outcomes = set()
    for order in itertools.permutations(told):
        station = None
        for admission in order:
            station = admit(station, admission) or station
        outcomes.add(station)
    assert outcomes == {Station("CS1", revision=5, serial_number="5", password_digest=b"four", password_revision=4)}


def test_the_oldest_pending_password_gives_way() -> None:
    station = None
    for revision in range(1, 7):
        station = admit(station, Admission("CS1", revision, pending_password_digest=bytes([revision]) * 32)) or station
    assert station is not None
    assert [digest[0] for digest in station.pending_digests] == [3, 4, 5, 6]


def test_deleting_a_station_ends_its_pending_passwords() -> None:
    station = admit(None, Admission("CS1", 1, pending_password_digest=b"p" * 32))
    station = admit(station, Admission("CS1", 2, deleted=True))
    assert station is not None
    assert station.pending_digests == ()


class TestRatchet:
    def test_a_proven_profile_outlives_admissions(self) -> None:
        station = prove(admitted(Admission("CS1", revision=1, security_profile=2)), 2)
        lowered = admit(station, Admission("CS1", revision=2, security_profile=1))
        assert lowered is not None
        assert (lowered.security_profile, lowered.least_profile) == (1, 2)

    def test_a_deletion_takes_it_back(self) -> None:
        station = admitted(Admission("CS1", revision=1, security_profile=1))
        for profile in (2, 3):
            station = prove(station, profile)
        again = admitted(
            Admission("CS1", revision=2, deleted=True), Admission("CS1", revision=3, security_profile=1), known=station
        )
        assert again.least_profile == 1
        assert again.proven_revision > station.proven_revision

    def test_pending_profile_and_organization_follow_the_newest_admission(self) -> None:
        pending = Admission("CS1", revision=1, security_profile=1, pending_security_profile=2, organization="Fleet Ltd")
        station = admitted(pending)
        assert (station.pending_security_profile, station.organization) == (2, "Fleet Ltd")
        station = admitted(Admission("CS1", revision=2, security_profile=1), pending, known=station)
        assert (station.pending_security_profile, station.organization) == (0, "")


def admitted(*admissions: Admission, known: Station | None = None) -> Station:
    for admission in admissions:
        known = admit(known, admission) or known
    assert known is not None
    return known
