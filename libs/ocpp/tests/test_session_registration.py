"""What a station may send before it is accepted."""
# ruff: noqa: PLR0917 - fixtures are the harness, and a conftest's classes cannot be imported

from typing import Any

import pytest
from csms_ocpp.session import Registration
from csms_ocpp.versions import Protocol

P16 = Protocol.OCPP16
STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


@pytest.mark.parametrize("registration", [Registration.UNKNOWN, Registration.PENDING, Registration.REJECTED])
def test_only_a_boot_before_acceptance(
    registration: Registration, connect: Any, dispatched: Any, sent: Any, boot: Any, booted: Any
) -> None:
    line = connect(registration=registration)
    for action, payload in (("StatusNotification", STATUS), ("Heartbeat", {}), ("TransactionEvent", {})):
        assert sent(line.call("a", action, payload))[:3] == [4, "a", "SecurityError"]
    line.reply(dispatched(line.call("b", "BootNotification", boot)), booted)
    assert line.session.registration is Registration.ACCEPTED
    assert dispatched(line.call("c", "StatusNotification", STATUS))


def test_16_boots_too(connect: Any, dispatched: Any, sent: Any, booted: Any) -> None:
    line = connect(P16, Registration.UNKNOWN)
    assert sent(line.call("a", "Authorize", {"idTag": "x"}))[2] == "SecurityError"
    boot = {"chargePointModel": "M", "chargePointVendor": "V"}
    line.reply(dispatched(line.call("b", "BootNotification", boot)), booted)
    assert dispatched(line.call("c", "Authorize", {"idTag": "x"}))


def test_what_waits_behind_the_boot_is_judged_after_it(connect: Any, dispatched: Any, boot: Any, booted: Any) -> None:
    line = connect(registration=Registration.UNKNOWN)
    dispatch = dispatched(line.call("a", "BootNotification", boot))
    line.call("b", "StatusNotification", STATUS)
    assert dispatched(line.reply(dispatch, booted)).message_id == "b"


def test_what_was_asked_for_may_come_before_acceptance(
    connect: Any, dispatched: Any, sent: Any, notify_report: Any
) -> None:
    line = connect(registration=Registration.PENDING)
    assert sent(line.call("a", "NotifyReport", notify_report))[2] == "SecurityError"
    line.command("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    assert dispatched(line.call("b", "NotifyReport", notify_report))


def test_what_a_waiting_command_asks_for_is_not_yet_asked(connect: Any, sent: Any, notify_report: Any) -> None:
    line = connect(registration=Registration.PENDING)
    line.command()
    line.command("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}, id="c2")
    assert sent(line.call("a", "NotifyReport", notify_report))[2] == "SecurityError"


def test_a_station_sent_back_to_pending(connect: Any, dispatched: Any, sent: Any, boot: Any, booted: Any) -> None:
    line = connect()
    line.reply(dispatched(line.call("a", "BootNotification", boot)), booted | {"status": "Pending"})
    assert sent(line.call("b", "StatusNotification", STATUS))[2] == "SecurityError"
