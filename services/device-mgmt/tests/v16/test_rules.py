"""Rules of OCPP 1.6 beyond its schemas."""

import pytest
from csms_device_mgmt import versions
from csms_device_mgmt.commands.checks import violations
from csms_ocpp.versions import VERSIONS, Protocol
from csms_testing.conformance.requests16 import MINIMAL

V16 = versions.of("ocpp1.6")
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}]},
}


def found(action, payload):
    return [error.pointer for error in violations(V16, action, payload)]


def profile(**changes):
    return {**PROFILE, **changes}


def schedule(*starts, **more):
    periods = [{"startPeriod": start, "limit": 16} for start in starts]
    return {"chargingRateUnit": "A", "chargingSchedulePeriod": periods, **more}


def setting(connector_id, **changes):
    return {"connectorId": connector_id, "csChargingProfiles": profile(**changes)}


def test_every_command_has_a_valid_example():
    assert set(MINIMAL) == {name for name, action in VERSIONS[Protocol.OCPP16].actions.items() if action.from_csms}
    for action, payload in MINIMAL.items():
        assert found(action, payload) == [], action


@pytest.mark.parametrize("limit", [0.1, 0.3, 6, 8.1, 16.7, 32.0, 100.9, 400.1])
def test_limits_have_one_decimal(limit):
    periods = [{"startPeriod": 0, "limit": limit}]
    assert (
        found("SetChargingProfile", setting(0, chargingSchedule={**schedule(0), "chargingSchedulePeriod": periods}))
        == []
    )


@pytest.mark.parametrize("limit", [8.15, 0.01])
def test_limits_have_no_more_than_one(limit):
    periods = [{"startPeriod": 0, "limit": limit}]
    where = "/csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0/limit"
    wrong = setting(0, chargingSchedule={**schedule(0), "chargingSchedulePeriod": periods})
    assert found("SetChargingProfile", wrong) == [where]


@pytest.mark.parametrize(
    ("payload", "pointers"),
    [
        (setting(1), []),
        (setting(0, chargingProfilePurpose="ChargePointMaxProfile"), []),
        (setting(1, chargingProfilePurpose="ChargePointMaxProfile"), ["/connectorId"]),
        (setting(1, chargingProfilePurpose="TxProfile", transactionId=5), []),
        (setting(1, chargingProfilePurpose="TxProfile"), []),
        (setting(0, chargingProfilePurpose="TxProfile", transactionId=5), ["/connectorId"]),
        (setting(-1), ["/connectorId"]),
        (setting(1, transactionId=5), ["/csChargingProfiles/transactionId"]),
        (setting(1, stackLevel=-1), ["/csChargingProfiles/stackLevel"]),
        (setting(1, chargingProfileKind="Absolute"), ["/csChargingProfiles/chargingSchedule/startSchedule"]),
        (
            setting(
                1, chargingProfileKind="Recurring", chargingSchedule=schedule(0, startSchedule="2026-01-01T00:00:00Z")
            ),
            ["/csChargingProfiles/recurrencyKind"],
        ),
        (
            setting(1, validFrom="2026-01-02T00:00:00Z", validTo="2026-01-01T00:00:00Z"),
            ["/csChargingProfiles/validFrom"],
        ),
        (setting(1, chargingSchedule=schedule()), ["/csChargingProfiles/chargingSchedule/chargingSchedulePeriod"]),
        (
            setting(1, chargingSchedule=schedule(5)),
            ["/csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0/startPeriod"],
        ),
        (
            setting(1, chargingSchedule=schedule(0, 60, 60)),
            ["/csChargingProfiles/chargingSchedule/chargingSchedulePeriod/2/startPeriod"],
        ),
    ],
)
def test_charging_profiles(payload, pointers):
    assert found("SetChargingProfile", payload) == pointers


@pytest.mark.parametrize(
    ("action", "payload", "pointers"),
    [
        ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}, []),
        ("ChangeAvailability", {"connectorId": -1, "type": "Operative"}, ["/connectorId"]),
        ("ChangeConfiguration", {"key": "K", "value": "x" * 500}, []),
        ("ChangeConfiguration", {"key": "K", "value": "x" * 501}, ["/value"]),
        ("ChangeConfiguration", {"key": " ", "value": ""}, ["/key"]),
        ("ChangeConfiguration", {"key": "authorizationkey", "value": "short"}, ["/value"]),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "sixteen_letters_"}, []),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "0" * 41}, ["/value"]),
        ("ChangeConfiguration", {"key": "SecurityProfile", "value": "4"}, ["/value"]),
        ("ClearChargingProfile", {}, []),
        ("ClearChargingProfile", {"id": 1}, []),
        ("ClearChargingProfile", {"id": 1, "connectorId": 1}, ["/id"]),
        ("ClearChargingProfile", {"connectorId": 0, "stackLevel": 0}, []),
        ("RemoteStartTransaction", {"idTag": "T", "connectorId": 0}, ["/connectorId"]),
        ("RemoteStartTransaction", {"idTag": ""}, ["/idTag"]),
        ("RemoteStartTransaction", {"idTag": "T", "chargingProfile": profile(chargingProfilePurpose="TxProfile")}, []),
        (
            "RemoteStartTransaction",
            {"idTag": "T", "chargingProfile": PROFILE},
            ["/chargingProfile/chargingProfilePurpose"],
        ),
        (
            "RemoteStartTransaction",
            {"idTag": "T", "chargingProfile": profile(chargingProfilePurpose="TxProfile", transactionId=1)},
            ["/chargingProfile/transactionId"],
        ),
        ("ReserveNow", {**MINIMAL["ReserveNow"], "connectorId": 0}, []),
        ("ReserveNow", {**MINIMAL["ReserveNow"], "connectorId": -1}, ["/connectorId"]),
        ("UnlockConnector", {"connectorId": 0}, ["/connectorId"]),
        ("GetCompositeSchedule", {"connectorId": 0, "duration": 0}, ["/duration"]),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 0}, []),
        ("TriggerMessage", {"requestedMessage": "Heartbeat", "connectorId": 0}, ["/connectorId"]),
        ("SendLocalList", {"listVersion": 0, "updateType": "Full"}, ["/listVersion"]),
        (
            "SendLocalList",
            {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [{"idTag": "A"}]},
            ["/localAuthorizationList/0/idTagInfo"],
        ),
        (
            "SendLocalList",
            {
                "listVersion": 1,
                "updateType": "Differential",
                "localAuthorizationList": [{"idTag": "A"}, {"idTag": "a"}],
            },
            ["/localAuthorizationList/1/idTag"],
        ),
        (
            "GetDiagnostics",
            {"location": "ftp://x/", "startTime": "2026-01-02T00:00:00Z", "stopTime": "2026-01-01T00:00:00Z"},
            ["/startTime"],
        ),
        (
            "InstallCertificate",
            {"certificateType": "ManufacturerRootCertificate", "certificate": "x"},
            ["/certificate"],
        ),
    ],
)
def test_rules(action, payload, pointers):
    assert found(action, payload) == pointers
