"""What a station answers to the CSMS, and what follows: provisioning, availability, resets, lists."""

import asyncio

import pytest
from csms_testing.simulator import Plan, Station, token
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers import HANDLERS
from csms_testing.simulator.scripted_csms import MakeStation, ScriptedCsms
from csms_testing.simulator.versions import VERSIONS, Protocol

PLUGGED = Plan(plug_delay_s=0)
TAG = token("TAG1")


def variable(component: str, name: str, value: str | None = None, **more: str) -> Json:
    found = {"component": {"name": component}, "variable": {"name": name, **more}}
    return found if value is None else {**found, "attributeValue": value}


def test_every_action_for_stations_has_a_handler() -> None:
    from_stations = {
        "Authorize", "BootNotification", "ClearedChargingLimit", "FirmwareStatusNotification", "Get15118EVCertificate",
        "GetCertificateStatus", "Heartbeat", "LogStatusNotification", "MeterValues", "NotifyChargingLimit",
        "NotifyCustomerInformation", "NotifyDisplayMessages", "NotifyEVChargingNeeds", "NotifyEVChargingSchedule",
        "NotifyEvent", "NotifyMonitoringReport", "NotifyReport", "PublishFirmwareStatusNotification",
        "ReportChargingProfiles", "ReservationStatusUpdate", "SecurityEventNotification", "SignCertificate",
        "StatusNotification", "TransactionEvent",
    }  # fmt: skip

    assert set(HANDLERS) == VERSIONS[Protocol.OCPP201].schemas.known_actions - from_stations


async def test_get_variables(csms: ScriptedCsms, station: Station) -> None:
    wanted = [
        variable("ocppcommctrlr", "heartbeatinterval"),
        variable("DeviceDataCtrlr", "ItemsPerMessage", instance="GetVariables"),
        variable("SecurityCtrlr", "BasicAuthPassword"),
        variable("NoCtrlr", "X"),
        variable("TxCtrlr", "X"),
        {**variable("TxCtrlr", "TxStartPoint"), "attributeType": "MaxSet"},
    ]
    results = (await csms.call("GetVariables", {"getVariableData": wanted}))["getVariableResult"]

    assert [result["attributeStatus"] for result in results] == [
        "Accepted",
        "Accepted",
        "Rejected",
        "UnknownComponent",
        "UnknownVariable",
        "NotSupportedAttributeType",
    ]
    assert results[0]["attributeValue"] == "300"
    assert station.model.read("OCPPCommCtrlr", "HeartbeatInterval") == "300"


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        (variable("OCPPCommCtrlr", "HeartbeatInterval", "60"), "Accepted"),
        (variable("OCPPCommCtrlr", "HeartbeatInterval", "often"), "Rejected"),
        (variable("OCPPCommCtrlr", "HeartbeatInterval", "0"), "Rejected"),
        (variable("OCPPCommCtrlr", "FileTransferProtocols", "FTP"), "Rejected"),
        (variable("AuthCtrlr", "Enabled", "perhaps"), "Rejected"),
        (variable("SampledDataCtrlr", "TxUpdatedMeasurands", "SoC,Voltage"), "Accepted"),
        (variable("SampledDataCtrlr", "TxUpdatedMeasurands", "Smell"), "Rejected"),
        (variable("SecurityCtrlr", "BasicAuthPassword", "0123456789abcdef"), "Accepted"),
        (variable("SecurityCtrlr", "BasicAuthPassword", "short"), "Rejected"),
        (variable("NoCtrlr", "X", "1"), "UnknownComponent"),
    ],
)
@pytest.mark.usefixtures("station")
async def test_set_variables(csms: ScriptedCsms, wanted: Json, status: str) -> None:
    answer = await csms.call("SetVariables", {"setVariableData": [wanted]})

    assert answer["setVariableResult"][0]["attributeStatus"] == status


async def test_a_new_password_is_used_on_the_next_connection(csms: ScriptedCsms, station: Station) -> None:
    new = variable("SecurityCtrlr", "BasicAuthPassword", "0123456789abcdef")
    await csms.call("SetVariables", {"setVariableData": [new]})
    csms.drop()
    await station.wait_for(lambda: not station.connected)
    await station.wait_accepted()

    assert csms.requests[1].headers["Authorization"] == "Basic Q1MxOjAxMjM0NTY3ODlhYmNkZWY="


@pytest.mark.usefixtures("station")
async def test_more_variables_than_items_per_message(csms: ScriptedCsms) -> None:
    wanted = [variable("TxCtrlr", f"X{number}") for number in range(21)]

    frame = await csms.call_frame("GetVariables", {"getVariableData": wanted})

    assert frame[2] == "OccurrenceConstraintViolation"


async def test_full_inventory_comes_in_parts(csms: ScriptedCsms, station: Station) -> None:
    answer = await csms.call("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    await csms.until(lambda: any(not part["tbc"] for part in csms.of("NotifyReport")))

    parts = csms.of("NotifyReport")
    assert answer == {"status": "Accepted"}
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert len({part["generatedAt"] for part in parts}) == 1
    assert sum(len(part["reportData"]) for part in parts) == len(station.model.inventory("FullInventory"))
    assert any(
        entry["component"] == {"name": "Connector", "evse": {"id": 2, "connectorId": 1}}
        for part in parts
        for entry in part["reportData"]
    )


@pytest.mark.usefixtures("station")
async def test_custom_report(csms: ScriptedCsms) -> None:
    request = {"requestId": 8, "componentVariable": [{"component": {"name": "TxCtrlr"}}]}
    await csms.call("GetReport", request)
    (part,) = await csms.wait("NotifyReport")

    assert {entry["component"]["name"] for entry in part["reportData"]} == {"TxCtrlr"}
    empty = {"requestId": 9, "componentVariable": [{"component": {"name": "Nothing"}}]}
    assert await csms.call("GetReport", empty) == {"status": "EmptyResultSet"}


async def test_reset_at_once(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1000, time_scale=0.1) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=PLUGGED))
            await csms.wait("TransactionEvent", 2)
            answer = await csms.call("Reset", {"type": "Immediate"})
        await csms.wait("BootNotification", 2)

    assert answer == {"status": "Accepted"}
    ended = csms.of("TransactionEvent")[-1]
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("ResetCommand", "ImmediateReset")
    assert csms.of("BootNotification")[1]["reason"] == "RemoteReset"
    assert station.ledger.resent() == []


async def test_reset_when_idle_waits_for_the_transaction(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1000) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=PLUGGED))
            await csms.wait("TransactionEvent", 2)
            answer = await csms.call("Reset", {"type": "OnIdle"})
            assert len(csms.of("BootNotification")) == 1
            await station.unplug(1)
        await csms.wait("BootNotification", 2)

    assert answer == {"status": "Scheduled"}
    assert csms.of("BootNotification")[1]["reason"] == "ScheduledReset"


async def test_reset_of_one_evse(csms: ScriptedCsms, station: Station) -> None:
    await csms.wait("StatusNotification", 2)
    assert await csms.call("Reset", {"type": "Immediate", "evseId": 2}) == {"status": "Accepted"}
    await csms.wait("StatusNotification", 4)

    changes = [(report["evseId"], report["connectorStatus"]) for report in csms.of("StatusNotification")[2:]]
    assert changes == [(2, "Unavailable"), (2, "Available")]
    assert station.connected
    assert (await csms.call("Reset", {"type": "Immediate", "evseId": 9}))["status"] == "Rejected"


@pytest.mark.parametrize(
    ("evse", "changed"),
    [
        ({}, [(1, 1), (1, 2), (2, 1), (2, 2)]),
        ({"evse": {"id": 1}}, [(1, 1), (1, 2)]),
        ({"evse": {"id": 2, "connectorId": 2}}, [(2, 2)]),
    ],
)
async def test_change_availability(
    csms: ScriptedCsms, make_station: MakeStation, evse: Json, changed: list[tuple[int, int]]
) -> None:
    async with make_station(connectors=2) as station:
        await csms.wait("StatusNotification", 4)
        assert await csms.call("ChangeAvailability", {"operationalStatus": "Inoperative", **evse}) == {
            "status": "Accepted"
        }
        await csms.wait("StatusNotification", 4 + len(changed))
        await csms.call("ChangeAvailability", {"operationalStatus": "Operative", **evse})
        await csms.wait("StatusNotification", 4 + 2 * len(changed))
        assert station.accepted

    reports = [(r["evseId"], r["connectorId"], r["connectorStatus"]) for r in csms.of("StatusNotification")[4:]]
    assert reports == [(*place, state) for state in ("Unavailable", "Available") for place in changed]


async def test_change_availability_waits_for_the_transaction(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=100) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=PLUGGED))
            await csms.wait("TransactionEvent", 2)
            request = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
            assert await csms.call("ChangeAvailability", request) == {"status": "Scheduled"}
            assert station.status(1) == "Occupied"
            await station.unplug(1)
        await station.wait_for(lambda: station.status(1) == "Unavailable")
        await station.reboot()
        await csms.wait("BootNotification", 2)

    assert not station.evses[1].operative


async def test_unlock(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        request = {"evseId": 1, "connectorId": 1}
        assert await csms.call("UnlockConnector", request) == {"status": "Unlocked"}
        assert await csms.call("UnlockConnector", {**request, "evseId": 7}) == {"status": "UnknownConnector"}
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=PLUGGED))
            await csms.wait("TransactionEvent", 2)
            assert await csms.call("UnlockConnector", request) == {"status": "OngoingAuthorizedTransaction"}
            await station.unplug(1)


async def test_transaction_status(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        assert await csms.call("GetTransactionStatus", {}) == {"messagesInQueue": False}
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=PLUGGED))
            await csms.wait("TransactionEvent", 2)
            request = {"transactionId": station.transactions()[0].id}
            answer = await csms.call("GetTransactionStatus", request)
            await station.unplug(1)

    assert answer["ongoingIndicator"] is True


async def test_local_list(csms: ScriptedCsms, station: Station) -> None:
    assert await csms.call("GetLocalListVersion", {}) == {"versionNumber": 0}
    full = {
        "versionNumber": 3,
        "updateType": "Full",
        "localAuthorizationList": [{"idToken": TAG, "idTokenInfo": {"status": "Blocked"}}],
    }
    assert await csms.call("SendLocalList", full) == {"status": "Accepted"}
    assert await csms.call("GetLocalListVersion", {}) == {"versionNumber": 3}
    assert await csms.call("SendLocalList", {"versionNumber": 3, "updateType": "Differential"}) == {
        "status": "VersionMismatch"
    }
    station.drop_connection()
    await station.wait_for(lambda: not station.connected)
    assert (await station.authorize("tag1"))["status"] == "Blocked"


async def test_cache_is_used_offline_until_cleared(csms: ScriptedCsms, station: Station) -> None:
    csms.answers["Authorize"] = lambda _: {"idTokenInfo": {"status": "Blocked"}}
    await station.authorize("TAG1")
    await station.go_offline()
    await station.wait_for(lambda: not station.connected)
    assert (await station.authorize("TAG1"))["status"] == "Blocked"

    station.go_online()
    await station.wait_accepted()
    assert await csms.call("ClearCache", {}) == {"status": "Accepted"}
    await station.go_offline()
    await station.wait_for(lambda: not station.connected)
    assert (await station.authorize("TAG1"))["status"] == "Accepted"


async def test_network_profile(csms: ScriptedCsms, station: Station) -> None:
    connection = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://csms.example/ocpp",
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wired0",
    }
    request = {"configurationSlot": 2, "connectionData": connection}
    assert await csms.call("SetNetworkProfile", request) == {"status": "Accepted"}
    assert station.features.network_profiles[2]["securityProfile"] == 2
    worse = {**request, "connectionData": {**connection, "securityProfile": 0}}
    assert (await csms.call("SetNetworkProfile", worse))["status"] == "Rejected"
