"""Remote start and stop, and what is triggered."""

import asyncio

import pytest
from csms_testing.simulator import Plan, Station, token
from csms_testing.simulator.frames import Json
from csms_testing.simulator.scripted_csms import NOW, MakeStation, ScriptedCsms

PLUGGED = Plan(plug_delay_s=0)
TAG = token("TAG1")


async def test_remote_start_and_stop(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1000) as station:
        await station.wait_accepted()
        request = {"idToken": TAG, "remoteStartId": 42, "evseId": 2}
        assert await csms.call("RequestStartTransaction", request) == {"status": "Accepted"}
        await csms.wait("TransactionEvent", 2)
        (transaction,) = station.transactions()
        stop = {"transactionId": transaction.id}
        assert await csms.call("RequestStopTransaction", stop) == {"status": "Accepted"}
        await csms.until(lambda: csms.events()[-1][0] == "Ended")

    events = csms.of("TransactionEvent")
    assert csms.of("Authorize") == []
    assert (events[0]["triggerReason"], events[0]["transactionInfo"]["remoteStartId"]) == ("RemoteStart", 42)
    assert events[0]["idToken"] == TAG
    assert events[0]["evse"]["id"] == 2
    assert events[-1]["triggerReason"] == "RemoteStop"
    assert events[-1]["transactionInfo"]["stoppedReason"] == "Remote"


async def test_remote_start_of_a_waiting_car(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1000) as station:
        await station.wait_accepted()
        station.model.write("TxCtrlr", "TxStartPoint", "EVConnected")
        await station.plug_in(1)
        (transaction,) = station.transactions()
        request = {"idToken": TAG, "remoteStartId": 43, "evseId": 1}
        answer = await csms.call("RequestStartTransaction", request)
        events = await csms.wait("TransactionEvent", 2)

    assert answer == {"status": "Accepted", "transactionId": transaction.id}
    assert (events[1]["triggerReason"], events[1]["transactionInfo"]["remoteStartId"]) == ("RemoteStart", 43)


async def test_remote_start_without_a_car_times_out(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(remote_start_plugs_in=False) as station:
        await station.wait_accepted()
        station.model.write("TxCtrlr", "TxStartPoint", "Authorized")
        await csms.call("RequestStartTransaction", {"idToken": TAG, "remoteStartId": 1})
        await csms.wait("TransactionEvent", 2)

    assert csms.events() == [("Started", "RemoteStart", 0), ("Ended", "EVConnectTimeout", 1)]


async def test_remote_start_is_refused_where_it_cannot_be(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        await station.fault(1)
        request = {"idToken": TAG, "remoteStartId": 1, "evseId": 1}
        answer = await csms.call("RequestStartTransaction", request)

    assert answer["status"] == "Rejected"


@pytest.mark.usefixtures("station")
async def test_stopping_an_unknown_transaction(csms: ScriptedCsms) -> None:
    answer = await csms.call("RequestStopTransaction", {"transactionId": "unknown"})

    assert answer["status"] == "Rejected"


async def test_remote_control_while_pending(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.answers["BootNotification"] = lambda _: {"currentTime": NOW, "interval": 300, "status": "Pending"}
    async with make_station(time_scale=1):
        await csms.wait("BootNotification")
        start = await csms.call("RequestStartTransaction", {"idToken": TAG, "remoteStartId": 1})
        report = await csms.call("GetBaseReport", {"requestId": 7, "reportBase": "SummaryInventory"})
        await csms.wait("NotifyReport")
        csms.answers["BootNotification"] = lambda _: {"currentTime": NOW, "interval": 300, "status": "Accepted"}
        trigger = await csms.call("TriggerMessage", {"requestedMessage": "BootNotification"})
        await csms.wait("StatusNotification", 2)

    assert (start["status"], report["status"], trigger["status"]) == ("Rejected", "Accepted", "Accepted")
    assert [boot["reason"] for boot in csms.of("BootNotification")] == ["PowerUp", "Triggered"]


@pytest.mark.parametrize(
    ("message", "action", "expected"),
    [
        ("Heartbeat", "Heartbeat", {}),
        ("FirmwareStatusNotification", "FirmwareStatusNotification", {"status": "Idle"}),
        ("LogStatusNotification", "LogStatusNotification", {"status": "Idle"}),
        ("PublishFirmwareStatusNotification", "PublishFirmwareStatusNotification", {"status": "Idle"}),
    ],
)
@pytest.mark.usefixtures("station")
async def test_triggers(csms: ScriptedCsms, message: str, action: str, expected: Json) -> None:
    assert await csms.call("TriggerMessage", {"requestedMessage": message}) == {"status": "Accepted"}
    assert await csms.wait(action) == [expected]


async def test_trigger_status_needs_a_connector(csms: ScriptedCsms, station: Station) -> None:
    await csms.wait("StatusNotification", 2)
    request: Json = {"requestedMessage": "StatusNotification"}
    assert (await csms.call("TriggerMessage", request))["status"] == "Rejected"
    evse = {"id": 2, "connectorId": 1}
    assert (await csms.call("TriggerMessage", {**request, "evse": evse}))["status"] == "Accepted"

    reports = await csms.wait("StatusNotification", 3)
    assert (reports[2]["evseId"], reports[2]["connectorStatus"]) == (2, "Available")
    assert station.accepted


@pytest.mark.usefixtures("station")
async def test_trigger_meter_values_of_all_evses(csms: ScriptedCsms) -> None:
    await csms.call("TriggerMessage", {"requestedMessage": "MeterValues"})
    values = await csms.wait("MeterValues", 2)

    assert [value["evseId"] for value in values] == [1, 2]
    assert values[0]["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


async def test_trigger_transaction_event(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=1) as station:
        await station.wait_accepted()
        request = {"requestedMessage": "TransactionEvent"}
        assert (await csms.call("TriggerMessage", request))["status"] == "Rejected"
        async with asyncio.TaskGroup() as group:
            group.create_task(station.charge(1, "TAG1", plan=PLUGGED))
            await csms.wait("TransactionEvent", 2)
            await csms.call("TriggerMessage", request)
            events = await csms.wait("TransactionEvent", 3)
            await station.unplug(1)

    assert events[2]["triggerReason"] == "Trigger"


@pytest.mark.usefixtures("station")
async def test_an_accepted_station_does_not_boot_on_request(csms: ScriptedCsms) -> None:
    answer = await csms.call("TriggerMessage", {"requestedMessage": "BootNotification"})

    assert answer["status"] == "Rejected"
