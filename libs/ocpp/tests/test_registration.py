import pytest
from csms_ocpp.registration import Registration, Standing, asked_for, triggers_boot
from csms_ocpp.versions import VERSIONS, Version

V16, V201, V21 = VERSIONS.values()


@pytest.mark.parametrize(
    ("version", "command", "payload", "asked"),
    [
        (V201, "GetBaseReport", {}, ("NotifyReport",)),
        (V201, "GetReport", {}, ("NotifyReport",)),
        (V201, "GetMonitoringReport", {}, ("NotifyMonitoringReport",)),
        (V201, "CustomerInformation", {}, ("NotifyCustomerInformation",)),
        (V201, "GetDisplayMessages", {}, ("NotifyDisplayMessages",)),
        (V201, "GetChargingProfiles", {}, ("ReportChargingProfiles",)),
        (V201, "UpdateFirmware", {}, ("FirmwareStatusNotification",)),
        (V201, "GetLog", {}, ("LogStatusNotification",)),
        (V16, "GetDiagnostics", {}, ("DiagnosticsStatusNotification",)),
        (V16, "SignedUpdateFirmware", {}, ("SignedFirmwareStatusNotification",)),
        (V201, "TriggerMessage", {"requestedMessage": "StatusNotification"}, ("StatusNotification",)),
        (V201, "TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}, ("SignCertificate",)),
        (V21, "TriggerMessage", {"requestedMessage": "SignV2G20Certificate"}, ("SignCertificate",)),
        (V16, "TriggerMessage", {"requestedMessage": "MeterValues"}, ("MeterValues",)),
        (V16, "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, ("SignCertificate",)),
        (V16, "ExtendedTriggerMessage", {"requestedMessage": "FirmwareStatusNotification"},
         ("FirmwareStatusNotification", "SignedFirmwareStatusNotification")),
        (V201, "TriggerMessage", {"requestedMessage": 5}, ()),
        (V201, "TriggerMessage", [], ()),
        (V201, "SetVariableMonitoring", {}, ("NotifyMonitoringReport",)),
        (V21, "GetDERControl", {}, ("ReportDERControl",)),
        (V21, "RequestBatterySwap", {}, ("BatterySwap",)),
        (V16, "UpdateFirmware", {}, ("FirmwareStatusNotification",)),
        (V21, "TriggerMessage", {"requestedMessage": "CustomTrigger"}, ()),
        (V201, "Reset", {"type": "OnIdle"}, ()),
    ],
)  # fmt: skip
def test_what_a_command_asks_for(version: Version, command: str, payload: object, asked: tuple[str, ...]) -> None:
    assert asked_for(version, command, payload) == asked


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_the_trigger_for_a_boot(version: Version) -> None:
    assert triggers_boot(version, "TriggerMessage", {"requestedMessage": "BootNotification"})
    assert not triggers_boot(version, "TriggerMessage", {"requestedMessage": "Heartbeat"})
    assert not triggers_boot(version, "Reset", {"requestedMessage": "BootNotification"})


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
