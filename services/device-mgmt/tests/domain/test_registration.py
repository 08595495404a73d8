import pytest
from csms_device_mgmt.domain.registration import (
    Intervals,
    Registration,
    boot_interval,
    effective,
    may_be_sent,
    registration_of_unknown,
)
from csms_runtime.settings import UnknownStations


@pytest.mark.parametrize(
    ("policy", "registration"),
    [
        (UnknownStations.REJECT, None),
        (UnknownStations.PENDING, Registration.PENDING),
        (UnknownStations.ACCEPT, Registration.ACCEPTED),
    ],
)
def test_unknown_stations(policy: UnknownStations, registration: Registration | None) -> None:
    assert registration_of_unknown(policy) is registration


def test_interval_is_the_heartbeat_only_when_accepted() -> None:
    intervals = Intervals(heartbeat_s=300, retry_s=30)
    assert [boot_interval(status, intervals) for status in Registration] == [300, 30, 30]


def test_status_is_what_was_told_else_what_is_configured() -> None:
    assert effective(Registration.PENDING, None) is Registration.PENDING
    assert effective(Registration.PENDING, Registration.ACCEPTED) is Registration.ACCEPTED


def test_rejected_station_gets_only_the_boot_trigger() -> None:
    trigger = {"requestedMessage": "BootNotification"}
    assert may_be_sent(Registration.REJECTED, "TriggerMessage", trigger)
    assert not may_be_sent(Registration.REJECTED, "TriggerMessage", {"requestedMessage": "Heartbeat"})
    assert not may_be_sent(Registration.REJECTED, "Reset", {"type": "Immediate"})


@pytest.mark.parametrize("status", [Registration.ACCEPTED, Registration.PENDING])
def test_others_get_everything(status: Registration) -> None:
    assert may_be_sent(status, "Reset", {"type": "Immediate"})
