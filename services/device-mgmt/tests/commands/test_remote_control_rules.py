from typing import Any

import pytest
from csms_device_mgmt.versions.v201.rules import RULES

TOKEN = {"idToken": "AABBCCDD", "type": "ISO14443"}
EMPTY = {"idToken": "", "type": "Central"}
NOBODY = {"idToken": "", "type": "NoAuthorization"}
START = {"remoteStartId": 1, "idToken": TOKEN}


def findings(action: str, payload: dict[str, Any]) -> list[tuple[str, str]]:
    """Pointer and requirement id of each finding."""
    return [(finding.pointer, finding.detail.rpartition("(")[2].rstrip(")")) for finding in RULES[action](payload)]


def status_of(**evse: int) -> dict[str, Any]:
    return {"requestedMessage": "StatusNotification", "evse": evse}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeAvailability", {"operationalStatus": "Operative"}),
        ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}}),
        ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1, "connectorId": 1}}),
        ("GetTransactionStatus", {}),
        ("GetTransactionStatus", {"transactionId": "t"}),
        ("RequestStartTransaction", START),
        ("RequestStartTransaction", {**START, "evseId": 1}),
        ("RequestStartTransaction", {**START, "idToken": NOBODY}),
        ("RequestStopTransaction", {"transactionId": "t"}),
        ("Reset", {"type": "OnIdle"}),
        ("Reset", {"type": "Immediate", "evseId": 1}),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
        ("TriggerMessage", {"requestedMessage": "MeterValues"}),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 0}}),
        ("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}),
        ("TriggerMessage", status_of(id=1, connectorId=1)),
        ("UnlockConnector", {"evseId": 1, "connectorId": 1}),
    ],
)
def test_allowed(action: str, payload: dict[str, Any]) -> None:
    assert findings(action, payload) == []


@pytest.mark.parametrize(
    ("action", "payload", "pointer", "requirement"),
    [
        ("ChangeAvailability", {"evse": {"id": 0}}, "/evse/id", "G04.FR.01"),
        ("ChangeAvailability", {"evse": {"id": 1, "connectorId": 0}}, "/evse/connectorId", "G04.FR.01"),
        ("GetTransactionStatus", {"transactionId": ""}, "/transactionId", "E14.FR.06"),
        ("RequestStartTransaction", {**START, "evseId": 0}, "/evseId", "F02.FR.14"),
        ("RequestStartTransaction", {**START, "idToken": EMPTY}, "/idToken/idToken", "F01.FR.04"),
        ("RequestStartTransaction", {**START, "groupIdToken": EMPTY}, "/groupIdToken/idToken", "C09.FR.02"),
        ("RequestStopTransaction", {"transactionId": ""}, "/transactionId", "F03.FR.01"),
        ("Reset", {"type": "Immediate", "evseId": 0}, "/evseId", "B11.FR.03"),
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}, "/evse", "F06.FR.13"),
        ("TriggerMessage", status_of(id=1), "/evse/connectorId", "F06.FR.13"),
        ("TriggerMessage", status_of(id=0, connectorId=1), "/evse/id", "F06.FR.02"),
        ("TriggerMessage", status_of(id=1, connectorId=0), "/evse/connectorId", "F06.FR.02"),
        ("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 0}}, "/evse/id", "F06.FR.02"),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": -1}}, "/evse/id", "F06.FR.02"),
        ("UnlockConnector", {"evseId": 0, "connectorId": 1}, "/evseId", "F05.FR.01"),
        ("UnlockConnector", {"evseId": 1, "connectorId": 0}, "/connectorId", "F05.FR.01"),
    ],
)
def test_refused(action: str, payload: dict[str, Any], pointer: str, requirement: str) -> None:
    assert findings(action, payload) == [(pointer, requirement)]


@pytest.mark.parametrize(
    ("changes", "pointer", "requirement"),
    [
        ({"chargingProfilePurpose": "TxDefaultProfile"}, "/chargingProfile/chargingProfilePurpose", "F01.FR.09"),
        ({"transactionId": "t"}, "/chargingProfile/transactionId", "F01.FR.11"),
    ],
)
def test_profile_of_a_remote_start(changes: dict[str, Any], pointer: str, requirement: str) -> None:
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]}
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }
    assert findings("RequestStartTransaction", {**START, "chargingProfile": profile}) == []
    found = findings("RequestStartTransaction", {**START, "chargingProfile": {**profile, **changes}})
    assert found == [(pointer, requirement)]
