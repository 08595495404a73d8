import pytest
from csms_ocpp.registration import Registration, Standing, asked_for, triggers_boot
from csms_ocpp.versions import Protocol

P16, P201, P21 = Protocol


@pytest.mark.parametrize(
    ("protocol", "command", "payload", "asked"),
    [
        (P201, "GetBaseReport", {}, ("NotifyReport",)),
        (P201, "GetReport", {}, ("NotifyReport",)),
        (P201, "GetMonitoringReport", {}, ("NotifyMonitoringReport",)),
        (P201, "CustomerInformation", {}, ("NotifyCustomerInformation",)),
        (P201, "GetDisplayMessages", {}, ("NotifyDisplayMessages",)),
        (P201, "GetChargingProfiles", {}, ("ReportChargingProfiles",)),
        (P201, "UpdateFirmware", {}, ("FirmwareStatusNotification",)),
        (P201, "GetLog", {}, ("LogStatusNotification",)),
        (P16, "GetDiagnostics", {}, ("DiagnosticsStatusNotification",)),
        (P16, "SignedUpdateFirmware", {}, ("SignedFirmwareStatusNotification",)),
        (P201, "TriggerMessage", {"requestedMessage": "StatusNotification"}, ("StatusNotification",)),
        (P201, "TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}, ("SignCertificate",)),
        (P21, "TriggerMessage", {"requestedMessage": "SignV2G20Certificate"}, ("SignCertificate",)),
        (P16, "TriggerMessage", {"requestedMessage": "MeterValues"}, ("MeterValues",)),
        (P16, "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, ("SignCertificate",)),
        (P16, "ExtendedTriggerMessage", {"requestedMessage": "FirmwareStatusNotification"},
         ("FirmwareStatusNotification", "SignedFirmwareStatusNotification")),
        (P201, "TriggerMessage", {"requestedMessage": 5}, ()),
        (P201, "TriggerMessage", [], ()),
        (P201, "Reset", {"type": "OnIdle"}, ()),
    ],
)  # fmt: skip
def test_what_a_command_asks_for(protocol: Protocol, command: str, payload: object, asked: tuple[str, ...]) -> None:
    assert asked_for(protocol, command, payload) == asked


def test_the_trigger_for_a_boot() -> None:
    assert triggers_boot("TriggerMessage", {"requestedMessage": "BootNotification"})
    assert not triggers_boot("TriggerMessage", {"requestedMessage": "Heartbeat"})
    assert not triggers_boot("Reset", {"requestedMessage": "BootNotification"})


@pytest.mark.parametrize("registration", [Registration.UNKNOWN, Registration.PENDING, Registration.REJECTED])
def test_before_acceptance_only_what_was_asked_for(registration: Registration) -> None:
    standing = Standing(registration)
    assert standing.may_call("BootNotification")
    assert not standing.may_call("NotifyReport")
    standing.asked(("NotifyReport",))
    standing.asked(())
    standing.asked(("Heartbeat",))
    assert standing.may_call("NotifyReport")
    assert standing.may_call("Heartbeat")
    assert not standing.may_call("TransactionEvent")


def test_accepted_stations_may_send_anything() -> None:
    assert Standing(Registration.ACCEPTED).may_call("TransactionEvent")


def test_a_rejected_station_gets_the_trigger_only() -> None:
    assert not Standing(Registration.REJECTED).may_command(boot_trigger=False)
    assert Standing(Registration.REJECTED).may_command(boot_trigger=True)
    assert Standing(Registration.PENDING).may_command(boot_trigger=False)
