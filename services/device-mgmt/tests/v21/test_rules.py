"""What is refused before it is sent to a station of OCPP 2.1."""

from typing import Any

import pytest
from csms_device_mgmt import versions
from csms_device_mgmt.commands.checks import violations
from csms_ocpp.versions import VERSIONS, Protocol

V21 = versions.of("ocpp2.1")
MONITOR = {"type": "Periodic", "severity": 5, "value": 1, "component": {"name": "C"}, "variable": {"name": "V"}}
CURVE = {"priority": 0, "yUnit": "PctMaxW", "curveData": [{"x": 1, "y": 2}]}
CONTROL = {"isDefault": True, "controlId": "c-1"}


def pointers(action: str, payload: dict[str, Any]) -> list[str]:
    return [error.pointer for error in violations(V21, action, payload)]


def profile(periods: int = 1, **fields: Any) -> dict[str, Any]:
    found = [{"startPeriod": 60 * number, "limit": 6} for number in range(periods)]
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": found}
    whole = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Dynamic",
        "chargingSchedule": [schedule],
    }
    return {"evseId": 1, "chargingProfile": {**whole, **fields}}


@pytest.mark.parametrize(
    ("action", "payload", "found"),
    [
        ("TriggerMessage", {"requestedMessage": "CustomTrigger", "customTrigger": "Battery"}, []),
        ("TriggerMessage", {"requestedMessage": "CustomTrigger"}, ["/customTrigger"]),
        ("TriggerMessage", {"requestedMessage": "CustomTrigger", "customTrigger": ""}, ["/customTrigger"]),
        ("TriggerMessage", {"requestedMessage": "Heartbeat", "customTrigger": "x"}, ["/customTrigger"]),
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}, ["/evse"]),
        ("TriggerMessage", {"requestedMessage": "SignV2G20Certificate"}, []),
        ("Reset", {"type": "ImmediateAndResume"}, []),
        ("Reset", {"type": "ImmediateAndResume", "evseId": 0}, ["/evseId"]),
        ("AdjustPeriodicEventStream", {"id": 1, "params": {"values": 3}}, []),
        ("AdjustPeriodicEventStream", {"id": 1, "params": {}}, ["/params"]),
        ("SetVariableMonitoring", {"setMonitoringData": [MONITOR | {"periodicEventStream": {"interval": 5}}]}, []),
        (
            "SetVariableMonitoring",
            {"setMonitoringData": [MONITOR | {"periodicEventStream": {}}]},
            ["/setMonitoringData/0/periodicEventStream"],
        ),
        ("SetVariableMonitoring", {"setMonitoringData": [MONITOR, MONITOR]}, ["/setMonitoringData/1"]),
        ("SetChargingProfile", profile(dynUpdateInterval=60), []),
        ("SetChargingProfile", profile(2), ["/chargingProfile/chargingSchedule"]),
        (
            "SetChargingProfile",
            profile(chargingProfileKind="Relative", dynUpdateInterval=60),
            ["/chargingProfile/dynUpdateInterval"],
        ),
        ("SetChargingProfile", profile(chargingProfilePurpose="PriorityCharging"), []),
        ("UpdateDynamicSchedule", {"chargingProfileId": 1, "scheduleUpdate": {"limit": 6}}, []),
        ("UpdateDynamicSchedule", {"chargingProfileId": 1, "scheduleUpdate": {}}, ["/scheduleUpdate"]),
        ("SetDERControl", CONTROL | {"controlType": "VoltWatt", "curve": CURVE}, []),
        ("SetDERControl", CONTROL | {"controlType": "VoltWatt"}, ["/curve"]),
        ("SetDERControl", CONTROL | {"controlType": "Gradients", "curve": CURVE}, ["/gradient", "/curve"]),
        ("GetDERControl", {"requestId": 1}, []),
        ("UsePriorityCharging", {"transactionId": "tx-1", "activate": True}, []),
        ("GetLog", {"logType": "DataCollectorLog", "requestId": 1, "log": {"remoteLocation": "https://x/"}}, []),
    ],
)
def test_rules(action: str, payload: dict[str, Any], found: list[str]) -> None:
    assert pointers(action, payload) == found


def test_rules_are_of_commands_that_there_are() -> None:
    actions = VERSIONS[Protocol.OCPP21].actions
    assert all(actions[action].from_csms for action in V21.rules)
