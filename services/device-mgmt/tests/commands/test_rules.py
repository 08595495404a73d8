from typing import Any

import pytest
from csms_device_mgmt.versions.v201.rules import RULES


def pointers(action: str, payload: dict[str, Any]) -> list[str]:
    return [finding.pointer for finding in RULES[action](payload)]


def profile(**changes: object) -> dict[str, Any]:
    schedule = {
        "id": 1,
        "chargingRateUnit": "A",
        "startSchedule": "2026-01-01T00:00:00Z",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}, {"startPeriod": 60, "limit": 16}],
    }
    whole = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    return {**whole, **changes}


def with_periods(*periods: dict[str, Any]) -> dict[str, Any]:
    whole = profile()
    whole["chargingSchedule"][0]["chargingSchedulePeriod"] = list(periods)
    return whole


def test_set_variables_duplicates() -> None:
    element = {"component": {"name": "C"}, "variable": {"name": "V"}, "attributeValue": "1"}
    assert pointers("SetVariables", {"setVariableData": [element]}) == []
    assert pointers("SetVariables", {"setVariableData": [element, element]}) == ["/setVariableData/1"]


def test_customer_information() -> None:
    base = {"requestId": 1, "report": True, "clear": False, "customerIdentifier": "x"}
    assert pointers("CustomerInformation", base) == []
    assert pointers("CustomerInformation", {**base, "idToken": {}}) == [""]
    assert pointers("CustomerInformation", {**base, "report": False}) == ["/report"]


def test_send_local_list() -> None:
    entry = {"idToken": {"idToken": "AA", "type": "Central"}, "idTokenInfo": {"status": "Accepted"}}
    same = {"idToken": {"idToken": "aa", "type": "Central"}}
    good = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    assert pointers("SendLocalList", good) == []
    bad = {"versionNumber": 0, "updateType": "Differential", "localAuthorizationList": [entry, same]}
    assert pointers("SendLocalList", bad) == ["/versionNumber", "/localAuthorizationList/1/idToken"]
    removal = {"versionNumber": 1, "localAuthorizationList": [{"idToken": entry["idToken"]}]}
    assert pointers("SendLocalList", {**removal, "updateType": "Differential"}) == []
    assert pointers("SendLocalList", {**removal, "updateType": "Full"}) == ["/localAuthorizationList/0/idTokenInfo"]


@pytest.mark.parametrize(
    ("evse_id", "changed", "found"),
    [
        (0, profile(), []),
        (0, profile(chargingProfilePurpose="TxProfile", transactionId="t"), ["/evseId"]),
        (1, profile(chargingProfilePurpose="TxProfile"), ["/chargingProfile/transactionId"]),
        (1, profile(chargingProfilePurpose="ChargingStationMaxProfile"), ["/evseId"]),
        (
            0,
            profile(chargingProfilePurpose="ChargingStationExternalConstraints"),
            ["/chargingProfile/chargingProfilePurpose"],
        ),
        (0, profile(chargingProfileKind="Relative"), ["/chargingProfile/chargingSchedule/0/startSchedule"]),
    ],
)
def test_set_charging_profile(evse_id: int, changed: dict[str, Any], found: list[str]) -> None:
    assert pointers("SetChargingProfile", {"evseId": evse_id, "chargingProfile": changed}) == found


@pytest.mark.parametrize(
    ("periods", "end"),
    [
        ([{"startPeriod": 1}], "0/startPeriod"),
        ([{"startPeriod": 0}, {"startPeriod": 0}], "1/startPeriod"),
        ([{"startPeriod": 0, "phaseToUse": 1}], "0/phaseToUse"),
        ([{"startPeriod": 0, "phaseToUse": 1, "numberPhases": 3}], "0/phaseToUse"),
    ],
)
def test_periods(periods: list[dict[str, Any]], end: str) -> None:
    payload = {"evseId": 0, "chargingProfile": with_periods(*periods)}
    base = "/chargingProfile/chargingSchedule/0/chargingSchedulePeriod/"
    assert pointers("SetChargingProfile", payload) == [base + end]


def test_absolute_needs_a_start() -> None:
    whole = profile()
    del whole["chargingSchedule"][0]["startSchedule"]
    found = pointers("SetChargingProfile", {"evseId": 0, "chargingProfile": whole})
    assert found == ["/chargingProfile/chargingSchedule/0/startSchedule"]


def test_get_charging_profiles() -> None:
    assert pointers("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}}) == ["/chargingProfile"]
    assert pointers("GetChargingProfiles", {"requestId": 1, "chargingProfile": {"stackLevel": 1}}) == []
    both = {"requestId": 1, "chargingProfile": {"stackLevel": 1, "chargingProfileId": [1]}}
    assert pointers("GetChargingProfiles", both) == ["/chargingProfile/chargingProfileId"]


def test_clear_charging_profile() -> None:
    assert pointers("ClearChargingProfile", {"chargingProfileId": 1}) == []
    assert pointers("ClearChargingProfile", {"chargingProfileCriteria": {"stackLevel": 0}}) == []
    assert pointers("ClearChargingProfile", {}) == ["/chargingProfileCriteria"]
    external = {"chargingProfileCriteria": {"chargingProfilePurpose": "ChargingStationExternalConstraints"}}
    assert pointers("ClearChargingProfile", external) == ["/chargingProfileCriteria/chargingProfilePurpose"]
