"""Optional features: reservations, smart charging, firmware, logs, monitors, messages, certificates."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from csms_testing.simulator import EvseUnavailable, Plan, Station, token
from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.certificates import can_sign
from csms_testing.simulator.handlers.monitoring import alert
from csms_testing.simulator.scripted_csms import MakeStation, ScriptedCsms

TAG = token("TAG1")
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def in_seconds(seconds: float) -> str:
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))


def profile(number: int, purpose: str, limit: float, **more: object) -> Json:
    periods = [{"startPeriod": 0, "limit": limit}, {"startPeriod": 600, "limit": limit / 2}]
    part = {
        "id": 1,
        "startSchedule": in_seconds(-10),
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": periods,
    }
    return {
        "id": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [part],
        **more,
    }


async def test_reservation_is_kept_for_its_token(csms: ScriptedCsms, station: Station) -> None:
    await csms.wait("StatusNotification", 2)
    request = {"id": 5, "expiryDateTime": in_seconds(3600), "idToken": TAG, "evseId": 1}
    assert await csms.call("ReserveNow", request) == {"status": "Accepted"}
    await csms.wait("StatusNotification", 3)
    with pytest.raises(EvseUnavailable):
        await station.charge(1, "OTHER")
    assert (await csms.call("ReserveNow", {**request, "id": 6}))["status"] == "Occupied"
    await station.charge(1, "tag1", duration_s=60, meter_interval_s=0)

    assert csms.of("StatusNotification")[2]["connectorStatus"] == "Reserved"
    assert csms.of("TransactionEvent")[0]["reservationId"] == 5
    assert station.status(1) == "Available"


async def test_reservation_expires(csms: ScriptedCsms, station: Station) -> None:
    request = {"id": 5, "expiryDateTime": in_seconds(0.2), "idToken": TAG}
    await csms.call("ReserveNow", request)
    (update,) = await csms.wait("ReservationStatusUpdate")

    assert update == {"reservationId": 5, "reservationUpdateStatus": "Expired"}
    assert station.status(1) == "Available"


async def test_reservation_cancelled(csms: ScriptedCsms, station: Station) -> None:
    await csms.call("ReserveNow", {"id": 5, "expiryDateTime": in_seconds(3600), "idToken": TAG, "evseId": 1})
    assert await csms.call("CancelReservation", {"reservationId": 5}) == {"status": "Accepted"}
    assert await csms.call("CancelReservation", {"reservationId": 5}) == {"status": "Rejected"}
    assert station.status(1) == "Available"


async def test_charging_profiles_limit_power(csms: ScriptedCsms, station: Station) -> None:
    maximum = profile(1, "ChargingStationMaxProfile", 5000.0)
    default = profile(2, "TxDefaultProfile", 4000.0)
    assert await csms.call("SetChargingProfile", {"evseId": 0, "chargingProfile": maximum}) == {"status": "Accepted"}
    assert await csms.call("SetChargingProfile", {"evseId": 1, "chargingProfile": default}) == {"status": "Accepted"}

    assert (station.power_limit_w(1), station.power_limit_w(2)) == (4000, 5000)
    schedule = (await csms.call("GetCompositeSchedule", {"duration": 900, "evseId": 1}))["schedule"]
    assert [(period["startPeriod"], period["limit"]) for period in schedule["chargingSchedulePeriod"]] == [
        (0, 4000),
        (590, 2000),
    ]
    result = await station.charge(1, "TAG1", duration_s=360, meter_interval_s=0)
    assert result.energy_wh == pytest.approx(400)


@pytest.mark.usefixtures("station")
async def test_charging_profiles_reported_and_cleared(csms: ScriptedCsms) -> None:
    for number, evse in ((1, 0), (2, 1)):
        request = {"evseId": evse, "chargingProfile": profile(number, "TxDefaultProfile", 4000.0)}
        await csms.call("SetChargingProfile", request)
    wanted = {"chargingProfilePurpose": "TxDefaultProfile"}
    answer = await csms.call("GetChargingProfiles", {"requestId": 4, "chargingProfile": wanted})
    reports = await csms.wait("ReportChargingProfiles", 2)

    assert answer == {"status": "Accepted"}
    assert [(report["evseId"], report["tbc"]) for report in reports] == [(0, True), (1, False)]
    assert await csms.call("ClearChargingProfile", {"chargingProfileId": 1}) == {"status": "Accepted"}
    assert await csms.call("ClearChargingProfile", {"chargingProfileId": 1}) == {"status": "Unknown"}
    criteria = {"chargingProfileCriteria": {"stackLevel": 0}}
    assert await csms.call("ClearChargingProfile", criteria) == {"status": "Accepted"}
    request = {"requestId": 5, "chargingProfile": wanted}
    assert await csms.call("GetChargingProfiles", request) == {"status": "NoProfiles"}


@pytest.mark.parametrize(
    ("evse", "bad"),
    [
        (1, profile(1, "ChargingStationExternalConstraints", 1.0)),
        (1, profile(1, "ChargingStationMaxProfile", 1.0)),
        (1, profile(1, "TxProfile", 1.0, transactionId="none")),
        (9, profile(1, "TxDefaultProfile", 1.0)),
        (1, profile(1, "TxDefaultProfile", 1.0, chargingProfileKind="Relative")),
    ],
)
@pytest.mark.usefixtures("station")
async def test_wrong_charging_profiles(csms: ScriptedCsms, evse: int, bad: Json) -> None:
    answer = await csms.call("SetChargingProfile", {"evseId": evse, "chargingProfile": bad})

    assert answer["status"] == "Rejected"


async def test_tx_profile_ends_with_its_transaction(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await csms.wait("TransactionEvent", 2)
            mine = profile(1, "TxProfile", 3000.0, transactionId=station.transactions()[0].id)
            assert (await csms.call("SetChargingProfile", {"evseId": 1, "chargingProfile": mine}))[
                "status"
            ] == "Accepted"
            assert station.power_limit_w(1) == 3000
            await station.unplug(1)

    assert station.features.profiles == {}


def firmware(**more: object) -> Json:
    return {"location": "https://csms.example/fw-2.0.bin", "retrieveDateTime": in_seconds(-1), **more}


async def test_firmware_update(csms: ScriptedCsms, station: Station) -> None:
    request = {"requestId": 3, "firmware": firmware(signingCertificate=PEM, signature="c2ln")}
    assert await csms.call("UpdateFirmware", request) == {"status": "Accepted"}
    reports = await csms.wait("FirmwareStatusNotification", 6)

    assert [report["status"] for report in reports] == [
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "InstallRebooting",
        "Installed",
    ]
    assert {report["requestId"] for report in reports} == {3}
    boot = csms.of("BootNotification")[1]
    assert (boot["reason"], boot["chargingStation"]["firmwareVersion"]) == ("FirmwareUpdate", "fw-2.0.bin")
    assert station.accepted


async def test_firmware_update_that_fails(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(firmware_fails_with="InvalidSignature") as station:
        await station.wait_accepted()
        request = {"requestId": 3, "firmware": firmware(signingCertificate=PEM, signature="c2ln")}
        await csms.call("UpdateFirmware", request)
        reports = await csms.wait("FirmwareStatusNotification", 3)

    assert reports[-1]["status"] == "InvalidSignature"


@pytest.mark.usefixtures("station")
async def test_firmware_with_a_bad_certificate(csms: ScriptedCsms) -> None:
    request = {"requestId": 3, "firmware": firmware(signingCertificate="no")}

    assert (await csms.call("UpdateFirmware", request))["status"] == "InvalidCertificate"


async def test_second_firmware_update_cancels_the_first(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1000, transfer_s=300) as station:
        await station.wait_accepted()
        await csms.call("UpdateFirmware", {"requestId": 3, "firmware": firmware()})
        await csms.wait("FirmwareStatusNotification")
        answer = await csms.call("UpdateFirmware", {"requestId": 4, "firmware": firmware()})
        await csms.until(lambda: csms.of("FirmwareStatusNotification")[-1]["status"] == "Installed")

    assert answer["status"] == "AcceptedCanceled"
    assert [report["requestId"] for report in csms.of("FirmwareStatusNotification")] == [3, 4, 4, 4, 4, 4]


@pytest.mark.usefixtures("station")
async def test_log_upload(csms: ScriptedCsms) -> None:
    log = {"remoteLocation": "https://csms.example/logs"}
    answer = await csms.call("GetLog", {"log": log, "logType": "DiagnosticsLog", "requestId": 8})
    reports = await csms.wait("LogStatusNotification", 2)

    assert answer["filename"] == "CS1-DiagnosticsLog-8.log"
    assert [(report["status"], report["requestId"]) for report in reports] == [("Uploading", 8), ("Uploaded", 8)]


@pytest.mark.usefixtures("station")
async def test_publish_firmware(csms: ScriptedCsms) -> None:
    checksum = "d41d8cd98f00b204e9800998ecf8427e"
    request = {"location": "https://csms.example/fw", "checksum": checksum, "requestId": 1}
    await csms.call("PublishFirmware", request)
    reports = await csms.wait("PublishFirmwareStatusNotification", 4)

    assert reports[-1]["location"]
    assert await csms.call("UnpublishFirmware", {"checksum": checksum}) == {"status": "Unpublished"}
    assert await csms.call("UnpublishFirmware", {"checksum": checksum}) == {"status": "NoFirmware"}


@pytest.mark.usefixtures("station")
async def test_customer_information(csms: ScriptedCsms) -> None:
    request = {"requestId": 2, "report": True, "clear": True, "idToken": TAG}
    assert await csms.call("CustomerInformation", request) == {"status": "Accepted"}
    (part,) = await csms.wait("NotifyCustomerInformation")

    assert (part["seqNo"], part["tbc"], part["requestId"]) == (0, False, 2)
    neither = {"requestId": 2, "report": False, "clear": False, "idToken": TAG}
    assert (await csms.call("CustomerInformation", neither))["status"] == "Rejected"


def monitor(name: str = "Power", kind: str = "UpperThreshold", **more: object) -> Json:
    component = {"name": "EVSE", "evse": {"id": 1}}
    return {"component": component, "variable": {"name": name}, "type": kind, "value": 5, "severity": 4, **more}


async def test_monitors(csms: ScriptedCsms, station: Station) -> None:
    wanted = [monitor(), monitor(), monitor("EvseId"), monitor("Nothing"), monitor(id=99)]
    answer = await csms.call("SetVariableMonitoring", {"setMonitoringData": wanted})
    results = answer["setMonitoringResult"]
    assert [result["status"] for result in results] == [
        "Accepted",
        "Duplicate",
        "UnsupportedMonitorType",
        "UnknownVariable",
        "Rejected",
    ]

    request = {"requestId": 6, "monitoringCriteria": ["ThresholdMonitoring"]}
    assert await csms.call("GetMonitoringReport", request) == {"status": "Accepted"}
    (report,) = await csms.wait("NotifyMonitoringReport")
    assert report["monitor"][0]["variableMonitoring"][0]["id"] == results[0]["id"]

    assert await alert(station, results[0]["id"], "22000")
    (event,) = await csms.wait("NotifyEvent")
    assert event["eventData"][0]["variableMonitoringId"] == results[0]["id"]

    cleared = await csms.call("ClearVariableMonitoring", {"id": [results[0]["id"], 77]})
    assert [result["status"] for result in cleared["clearMonitoringResult"]] == ["Accepted", "NotFound"]
    assert await csms.call("GetMonitoringReport", request) == {"status": "EmptyResultSet"}


@pytest.mark.usefixtures("station")
async def test_monitoring_base_and_level(csms: ScriptedCsms) -> None:
    await csms.call("SetVariableMonitoring", {"setMonitoringData": [monitor()]})
    assert await csms.call("SetMonitoringBase", {"monitoringBase": "HardWiredOnly"}) == {"status": "Accepted"}
    assert await csms.call("GetMonitoringReport", {"requestId": 6}) == {"status": "EmptyResultSet"}
    assert await csms.call("SetMonitoringLevel", {"severity": 5}) == {"status": "Accepted"}
    assert (await csms.call("SetMonitoringLevel", {"severity": 10}))["status"] == "Rejected"


@pytest.mark.usefixtures("station")
async def test_display_messages(csms: ScriptedCsms) -> None:
    text = {"format": "UTF8", "content": "hello"}
    message = {"id": 1, "priority": "InFront", "message": text}
    assert await csms.call("SetDisplayMessage", {"message": message}) == {"status": "Accepted"}
    html = {"message": {**message, "message": {**text, "format": "HTML"}}}
    assert await csms.call("SetDisplayMessage", html) == {"status": "NotSupportedMessageFormat"}
    lost = {"message": {**message, "transactionId": "none"}}
    assert await csms.call("SetDisplayMessage", lost) == {"status": "UnknownTransaction"}
    assert await csms.call("GetDisplayMessages", {"requestId": 3}) == {"status": "Accepted"}
    (report,) = await csms.wait("NotifyDisplayMessages")
    assert report == {"requestId": 3, "tbc": False, "messageInfo": [message]}
    assert await csms.call("GetDisplayMessages", {"requestId": 3, "id": [2]}) == {"status": "Unknown"}
    assert await csms.call("ClearDisplayMessage", {"id": 1}) == {"status": "Accepted"}
    assert await csms.call("ClearDisplayMessage", {"id": 1}) == {"status": "Unknown"}


@pytest.mark.usefixtures("station")
async def test_certificates(csms: ScriptedCsms) -> None:
    assert await csms.call("GetInstalledCertificateIds", {}) == {"status": "NotFound"}
    install = {"certificateType": "CSMSRootCertificate", "certificate": PEM}
    assert await csms.call("InstallCertificate", install) == {"status": "Accepted"}
    assert (await csms.call("InstallCertificate", {**install, "certificate": "no"}))["status"] == "Rejected"
    found = await csms.call("GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]})
    (chain,) = found["certificateHashDataChain"]
    delete = {"certificateHashData": chain["certificateHashData"]}
    assert await csms.call("DeleteCertificate", delete) == {"status": "Accepted"}
    assert await csms.call("DeleteCertificate", delete) == {"status": "NotFound"}
    assert await csms.call("CertificateSigned", {"certificateChain": PEM}) == {"status": "Accepted"}
    assert (await csms.call("CertificateSigned", {"certificateChain": "no"}))["status"] == "Rejected"


@pytest.mark.skipif(not can_sign(), reason="needs the openssl program")
@pytest.mark.usefixtures("station")
async def test_signing_request(csms: ScriptedCsms) -> None:
    await csms.call("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    (request,) = await csms.wait("SignCertificate")

    assert request["certificateType"] == "ChargingStationCertificate"
    assert request["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----")


async def test_cost_and_vendor_data(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await csms.wait("TransactionEvent", 2)
            (transaction,) = station.transactions()
            cost = {"totalCost": 3.5, "transactionId": transaction.id}
            assert await csms.call("CostUpdated", cost) == {}
            await station.unplug(1)

        assert transaction.total_cost == 3.5
        assert await csms.call("DataTransfer", {"vendorId": "x"}) == {"status": "UnknownVendorId"}


async def test_connector_status_by_events(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(status_notifications=False, status_events=True) as station:
        await csms.wait("NotifyEvent", 2)
        await station.plug(1)

    event = csms.of("NotifyEvent")[2]["eventData"][0]
    assert (event["variable"]["name"], event["actualValue"]) == ("AvailabilityState", "Occupied")
    assert csms.of("StatusNotification") == []
