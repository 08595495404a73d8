import pytest
from csms_device_mgmt.boot.registration import (
    Intervals,
    Registration,
    boot_interval,
    effective,
    refusal,
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
    assert refusal(Registration.REJECTED, "TriggerMessage", trigger) is None
    for action, payload in [
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
        ("TriggerMessage", []),
        ("Reset", {}),
    ]:
        assert "B03.FR.03" in (refusal(Registration.REJECTED, action, payload) or "")


@pytest.mark.parametrize(
    "action", ["RequestStartTransaction", "RequestStopTransaction", "RemoteStartTransaction", "RemoteStopTransaction"]
)
def test_pending_station_neither_starts_nor_stops_transactions(action: str) -> None:
    assert "B02.FR.05" in (refusal(Registration.PENDING, action, {}) or "")
    assert refusal(Registration.ACCEPTED, action, {}) is None


@pytest.mark.parametrize("status", [Registration.ACCEPTED, Registration.PENDING])
def test_others_get_everything_else(status: Registration) -> None:
    assert refusal(status, "Reset", {"type": "Immediate"}) is None
