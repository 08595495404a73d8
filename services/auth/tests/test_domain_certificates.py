"""Which requests are new, which are repeats, and what becomes of certificates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from csms_auth.domain.certificates import (
    Certificate,
    CertificateRequest,
    CertificateState,
    Merged,
    RequestState,
    merge,
    pause,
    put_off,
)
from csms_auth.pki.ports import CertificateType

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def request(state: RequestState = RequestState.PENDING, key: bytes = b"1", at: datetime = NOW) -> CertificateRequest:
    return CertificateRequest(
        "CS1", CertificateType.CHARGING_STATION, f"CSR of {key!r}", at, state, key_sha256=key, due_at=at
    )


def refused(reason: str = "why", at: datetime = LATER) -> CertificateRequest:
    return replace(request(RequestState.REFUSED, b"", at), reason=reason, due_at=None)


def certificate(state: CertificateState = CertificateState.ISSUED, order_id: str | None = None) -> Certificate:
    return Certificate(
        certificate_id="C1",
        station_id="CS1",
        certificate_type=CertificateType.CHARGING_STATION,
        fingerprint=b"f",
        key_sha256=b"1",
        serial_number="ab",
        subject="CN=SN-1",
        issuer="CN=CA",
        not_before=NOW,
        not_after=NOW + timedelta(days=365),
        chain="PEM",
        issued_at=NOW,
        state=state,
        order_id=order_id,
        due_at=NOW + timedelta(hours=1),
    )


SIGNED = replace(request(RequestState.SIGNED), certificate_id="C1", due_at=None)


def test_the_first_request_is_stored() -> None:
    merged = merge(None, None, request())
    assert merged is not None
    assert merged.request == request()


def test_a_repeat_of_what_is_not_signed_yet_changes_nothing() -> None:
    assert merge(request(), None, request(at=LATER)) is None


def test_the_key_makes_it_the_same_request_not_how_the_csr_is_written() -> None:
    again = replace(request(at=LATER), csr="signed anew, with the same key")
    assert merge(request(), None, again) is None


def test_another_key_is_another_request_while_the_first_is_not_signed_yet() -> None:
    other = request(key=b"2", at=LATER)
    assert merge(request(), None, other) == Merged(other)


@pytest.mark.parametrize("state", [CertificateState.ISSUED, CertificateState.ACCEPTED])
def test_a_repeat_of_what_is_signed_brings_the_same_certificate_again_at_once(state: CertificateState) -> None:
    merged = merge(SIGNED, certificate(state), request(at=LATER))
    assert merged is not None
    assert merged.request == SIGNED
    assert merged.certificate == replace(certificate(), due_at=LATER)


def test_while_it_is_under_way_a_repeat_waits_for_its_outcome() -> None:
    assert merge(SIGNED, certificate(order_id="call"), request(at=LATER)) is None


def test_the_same_record_again_is_no_repeat_by_the_station() -> None:
    assert merge(SIGNED, certificate(CertificateState.ACCEPTED), request()) is None


def test_an_older_record_again_changes_nothing() -> None:
    assert merge(request(key=b"2", at=LATER), None, request()) is None


@pytest.mark.parametrize("state", [CertificateState.REJECTED, CertificateState.REVOKED, CertificateState.SUPERSEDED])
def test_when_the_first_led_to_nothing_the_same_key_is_signed_again(state: CertificateState) -> None:
    merged = merge(SIGNED, certificate(state), request(at=LATER))
    assert merged is not None
    assert merged.request == request(at=LATER)
    assert merged.certificate is None


def test_the_same_key_much_later_is_a_renewal() -> None:
    later = NOW + timedelta(days=300)
    merged = merge(SIGNED, certificate(CertificateState.ACCEPTED), request(at=later))
    assert merged is not None
    assert merged.request.state is RequestState.PENDING


@pytest.mark.parametrize(
    ("after", "is_repeat"), [(timedelta(hours=24) - timedelta(milliseconds=1), True), (timedelta(hours=24), False)]
)
@pytest.mark.parametrize(("known", "signed"), [(request(), None), (SIGNED, certificate(CertificateState.ACCEPTED))])
def test_for_a_day_it_is_the_same_request(
    known: CertificateRequest, signed: Certificate | None, after: timedelta, *, is_repeat: bool
) -> None:
    again = request(at=NOW + after)
    merged = merge(known, signed, again)
    assert (merged is not None and merged.request == again) is not is_repeat


def test_another_key_takes_the_place_of_what_was_not_delivered() -> None:
    merged = merge(SIGNED, certificate(order_id="call"), request(key=b"2", at=LATER))
    assert merged is not None
    assert merged.request.key_sha256 == b"2"
    assert merged.certificate is not None
    assert (merged.certificate.state, merged.certificate.due_at) == (CertificateState.SUPERSEDED, None)


def test_another_key_leaves_the_certificate_in_use_alone() -> None:
    merged = merge(SIGNED, certificate(CertificateState.ACCEPTED), request(key=b"2", at=LATER))
    assert merged is not None
    assert merged.certificate is None


@pytest.mark.parametrize(("known", "signed"), [(request(), None), (SIGNED, certificate())])
def test_a_bad_request_does_not_stop_a_good_one(known: CertificateRequest, signed: Certificate | None) -> None:
    assert merge(known, signed, refused()) is None


def test_a_bad_request_is_recorded_once() -> None:
    first = merge(SIGNED, certificate(CertificateState.ACCEPTED), refused())
    assert first is not None
    assert first.request == refused()
    assert merge(refused(), None, refused(at=LATER + timedelta(seconds=1))) is None
    other = merge(refused(), None, refused("another reason", LATER + timedelta(seconds=1)))
    assert other is not None


@pytest.mark.parametrize("reason", ["bad", "another reason"])
@pytest.mark.parametrize(("seconds", "is_news"), [(59, False), (60, True)])
def test_bad_requests_one_after_the_other_are_kept_and_told_once(seconds: int, reason: str, *, is_news: bool) -> None:
    other = replace(refused(reason, at=LATER + timedelta(seconds=seconds)), csr="another")
    merged = merge(refused(), None, other)
    assert merged is not None
    assert (merged.request, merged.is_news) == (other, is_news)


def test_a_good_request_follows_a_bad_one() -> None:
    merged = merge(refused(), None, request(at=LATER))
    assert merged is not None
    assert merged.request.state is RequestState.PENDING


def test_pauses_grow_to_an_hour() -> None:
    pauses = [pause(attempts).total_seconds() for attempts in (0, 1, 2, 3, 9, 10, 10_000)]
    assert pauses == [5, 5, 10, 20, 1280, 2560, 3600]


def test_what_was_put_off_is_due_again_after_the_pause() -> None:
    again = put_off(replace(certificate(order_id="call"), attempts=2), "not connected", NOW)
    assert (again.order_id, again.reason, again.due_at) == (None, "not connected", NOW + timedelta(seconds=10))
    assert again.state is CertificateState.ISSUED
