"""OCPP 1.6, commands whose answer is all there is to see: each is sent as the operator says it, each answer shown."""

import pytest
from csms_testing.conformance.v16 import booted, status

LATER = "2099-01-01T00:00:00Z"


async def _reset(operator, connect, station, station_id, kind):
    async with operator.calling(station_id, "Reset", {"type": kind}) as pending:
        assert await station.reply("Reset", {"status": "Accepted"}) == {"type": kind}
    assert pending.response == {"status": "Accepted"}
    assert (await operator.station(station_id))["pending_reset"]["type"] == kind
    await station.socket.close()
    async with connect() as again:
        await booted(again, connectors=(1, 2))
    assert (await operator.station(station_id))["pending_reset"] is None


async def test_tc_013_csms(operator, connect, station, station_id):
    await _reset(operator, connect, station, station_id, "Hard")


async def test_tc_017_1_csms(sends):
    await sends("UnlockConnector", {"connectorId": 1}, answer={"status": "Unlocked"})


async def test_tc_017_2_csms(sends):
    await sends("UnlockConnector", {"connectorId": 1}, answer={"status": "NotSupported"})


async def test_tc_030_csms(sends):
    await sends("UnlockConnector", {"connectorId": 1}, answer={"status": "UnlockFailed"})


async def test_tc_031_csms(sends, refused):
    await sends("UnlockConnector", {"connectorId": 9}, answer={"status": "NotSupported"})
    assert await refused("UnlockConnector", {"connectorId": 0}) == ["/connectorId"]


async def test_tc_061_csms(sends):
    await sends("ClearCache")


async def test_tc_042_1_csms(sends):
    await sends("GetLocalListVersion", answer={"listVersion": -1})


async def test_tc_042_2_csms(sends):
    await sends("GetLocalListVersion", answer={"listVersion": 0})


def _local_list(version=1, kind="Full"):
    entry = {"idTag": "A1B2C3", "idTagInfo": {"status": "Accepted", "expiryDate": LATER, "parentIdTag": "PARENT"}}
    return {"listVersion": version, "updateType": kind, "localAuthorizationList": [entry]}


async def test_tc_043_1_csms(sends):
    await sends("SendLocalList", _local_list(), answer={"status": "NotSupported"})


async def test_tc_043_3_csms(sends):
    await sends("SendLocalList", _local_list(), answer={"status": "Failed"})


async def test_tc_043_4_csms(sends, refused):
    await sends("SendLocalList", _local_list())
    wrong = {"listVersion": 2, "updateType": "Full", "localAuthorizationList": [{"idTag": "A"}]}
    assert await refused("SendLocalList", wrong) == ["/localAuthorizationList/0/idTagInfo"]


async def test_tc_043_5_csms(sends):
    await sends("SendLocalList", _local_list())
    await sends("SendLocalList", _local_list(2, "Differential"))
    removal = {"listVersion": 3, "updateType": "Differential", "localAuthorizationList": [{"idTag": "A1B2C3"}]}
    await sends("SendLocalList", removal, answer={"status": "VersionMismatch"})


def _reservation(connector_id=1, **more):
    return {"connectorId": connector_id, "expiryDate": LATER, "idTag": "A1B2C3", "reservationId": 7, **more}


async def test_tc_047_csms(sends, station, operator, station_id):
    """It expires on the station: its connector is Available again."""
    await sends("ReserveNow", _reservation())
    await status(station, "Reserved", 1)
    assert (await operator.station(station_id))["evses"][0]["status"] == "Reserved"
    await status(station, "Available", 1)
    assert (await operator.station(station_id))["evses"][0]["status"] == "Available"


async def test_tc_048_1_csms(sends):
    await sends("ReserveNow", _reservation(), answer={"status": "Faulted"})


async def test_tc_048_2_csms(sends):
    await sends("ReserveNow", _reservation(), answer={"status": "Occupied"})


async def test_tc_048_3_csms(sends):
    await sends("ReserveNow", _reservation(), answer={"status": "Unavailable"})


async def test_tc_048_4_csms(sends):
    await sends("ReserveNow", _reservation(), answer={"status": "Rejected"})


async def test_tc_049_csms(sends):
    await sends("ReserveNow", _reservation(0))


async def test_tc_051_csms(sends):
    await sends("ReserveNow", _reservation())
    await sends("CancelReservation", {"reservationId": 7})


async def test_tc_052_csms(sends):
    await sends("CancelReservation", {"reservationId": 8}, answer={"status": "Rejected"})


TRIGGERED = {
    "MeterValues": {"connectorId": 1},
    "Heartbeat": {},
    "StatusNotification": {"connectorId": 1},
    "DiagnosticsStatusNotification": {},
    "FirmwareStatusNotification": {},
}
SAID = {
    "Heartbeat": {},
    "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
}


@pytest.mark.parametrize("message", TRIGGERED)
async def test_tc_054_csms(sends, station, message):
    await sends("TriggerMessage", {"requestedMessage": message, **TRIGGERED[message]})
    if message in SAID:
        await station.call(message, SAID[message])
    await station.expect_nothing()


async def test_tc_055_csms(sends, refused):
    payload = {"requestedMessage": "MeterValues", "connectorId": 9}
    await sends("TriggerMessage", payload, answer={"status": "Rejected"})
    assert await refused("TriggerMessage", {"requestedMessage": "Heartbeat", "connectorId": 0}) == ["/connectorId"]


def _profile(**more):
    periods = [{"startPeriod": 0, "limit": 8.1}, {"startPeriod": 60, "limit": 0.3, "numberPhases": 1}]
    schedule = {"chargingRateUnit": "A", "startSchedule": "2026-01-01T00:00:00Z", "chargingSchedulePeriod": periods}
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **more,
    }


async def test_tc_056_csms(sends, refused):
    await sends("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": _profile()})
    await sends("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": _profile()})
    whole = _profile(chargingProfilePurpose="ChargePointMaxProfile")
    assert await refused("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": whole}) == ["/connectorId"]


async def test_tc_066_csms(sends):
    await sends("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": _profile()})
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}]}
    answer = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-01-01T00:00:00Z",
        "chargingSchedule": schedule,
    }
    await sends("GetCompositeSchedule", {"connectorId": 1, "duration": 300, "chargingRateUnit": "A"}, answer=answer)


async def test_tc_067_csms(sends, refused):
    await sends("ClearChargingProfile", {"id": 1})
    criteria = {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}
    await sends("ClearChargingProfile", criteria, answer={"status": "Unknown"})
    assert await refused("ClearChargingProfile", {"id": 1, **criteria}) == ["/id"]
