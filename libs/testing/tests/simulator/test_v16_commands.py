"""OCPP 1.6: what a station answers to the CSMS, and what follows."""

import asyncio

import pytest
from csms_testing.simulator import Plan, Station
from csms_testing.simulator.frames import Json
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.scripted_csms import MakeStation, ScriptedCsms


def statuses(csms: ScriptedCsms) -> list[tuple[int, str]]:
    return [(told["connectorId"], told["status"]) for told in csms.of("StatusNotification")]


async def test_remote_start_and_stop(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(protocol=Protocol.OCPP16, speed=1000) as station:
        await station.wait_accepted()
        start = {"idTag": "TAG1", "connectorId": 2}
        assert await csms.call("RemoteStartTransaction", start) == {"status": "Accepted"}
        values = (await csms.wait("MeterValues"))[0]
        assert values["transactionId"] == 1
        assert await csms.call("RemoteStopTransaction", {"transactionId": 9}) == {"status": "Rejected"}
        assert await csms.call("RemoteStopTransaction", {"transactionId": 1}) == {"status": "Accepted"}
        (stop,) = await csms.wait("StopTransaction")

    assert csms.of("Authorize") == []
    assert csms.of("StartTransaction")[0]["connectorId"] == 2
    assert stop["reason"] == "Remote"


@pytest.mark.usefixtures("station16")
async def test_remote_start_is_refused_where_it_cannot_be(csms: ScriptedCsms) -> None:
    assert await csms.call("RemoteStartTransaction", {"idTag": "TAG1", "connectorId": 9}) == {"status": "Rejected"}


@pytest.mark.parametrize("kind", ["Hard", "Soft"])
async def test_reset(csms: ScriptedCsms, make_station: MakeStation, kind: str) -> None:
    async with make_station(protocol=Protocol.OCPP16, speed=100) as station:
        await station.wait_accepted()
        session = asyncio.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
        await csms.wait("StartTransaction")
        assert await csms.call("Reset", {"type": kind}) == {"status": "Accepted"}
        await csms.wait("BootNotification", 2)
        await session

    assert [stop["reason"] for stop in csms.of("StopTransaction")] == [f"{kind}Reset"]


@pytest.mark.usefixtures("station16")
async def test_availability_of_the_whole_station(csms: ScriptedCsms) -> None:
    await csms.wait("StatusNotification", 3)
    assert await csms.call("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}) == {"status": "Accepted"}
    await csms.wait("StatusNotification", 6)

    assert statuses(csms)[3:] == [(0, "Unavailable"), (1, "Unavailable"), (2, "Unavailable")]


async def test_availability_of_a_connector_in_use_is_scheduled(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(protocol=Protocol.OCPP16, speed=100) as station:
        await station.wait_accepted()
        session = asyncio.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
        await csms.wait("StartTransaction")
        change = {"connectorId": 1, "type": "Inoperative"}
        assert await csms.call("ChangeAvailability", change) == {"status": "Scheduled"}
        assert await csms.call("ChangeAvailability", {**change, "connectorId": 9}) == {"status": "Rejected"}
        station.stop_transaction(1)
        await session

    assert statuses(csms)[-1] == (1, "Unavailable")


@pytest.mark.usefixtures("station16")
async def test_all_configuration_keys(csms: ScriptedCsms) -> None:
    answer = await csms.call("GetConfiguration", {})
    keys = {entry["key"]: entry for entry in answer["configurationKey"]}

    assert keys["NumberOfConnectors"] == {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
    assert keys["HeartbeatInterval"] == {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
    assert keys["AuthorizationKey"] == {"key": "AuthorizationKey", "readonly": False}
    assert "unknownKey" not in answer


@pytest.mark.usefixtures("station16")
async def test_some_configuration_keys(csms: ScriptedCsms) -> None:
    answer = await csms.call("GetConfiguration", {"key": ["heartbeatinterval", "Nonsense"]})

    assert [entry["key"] for entry in answer["configurationKey"]] == ["HeartbeatInterval"]
    assert answer["unknownKey"] == ["Nonsense"]


@pytest.mark.usefixtures("station16")
async def test_more_keys_than_the_station_takes(csms: ScriptedCsms) -> None:
    frame = await csms.call_frame("GetConfiguration", {"key": ["HeartbeatInterval"] * 21})

    assert frame[2] == "OccurenceConstraintViolation"  # as the standard writes it


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "30", "Accepted"),
        ("metervaluesampleinterval", "30", "Accepted"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("SecurityProfile", "2", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
async def test_change_configuration(csms: ScriptedCsms, station16: Station, key: str, value: str, status: str) -> None:
    assert await csms.call("ChangeConfiguration", {"key": key, "value": value}) == {"status": status}
    assert station16.meter_interval_s() == (30 if status == "Accepted" else 60)


@pytest.mark.parametrize(
    ("value", "status", "password"),
    [
        ("00ff" * 8, "Accepted", b"\x00\xff" * 8),
        ("correct-horse-17", "Accepted", "correct-horse-17"),
        ("short", "Rejected", None),
    ],
)
async def test_authorization_key(
    csms: ScriptedCsms, station16: Station, value: str, status: str, password: str | bytes | None
) -> None:
    assert await csms.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": value}) == {"status": status}
    assert station16.link.password == password


@pytest.mark.usefixtures("station16")
@pytest.mark.parametrize(
    ("request_", "action", "payload"),
    [
        ({"requestedMessage": "Heartbeat"}, "Heartbeat", {}),
        ({"requestedMessage": "FirmwareStatusNotification"}, "FirmwareStatusNotification", {"status": "Idle"}),
        ({"requestedMessage": "DiagnosticsStatusNotification"}, "DiagnosticsStatusNotification", {"status": "Idle"}),
    ],
)
async def test_triggers(csms: ScriptedCsms, request_: Json, action: str, payload: Json) -> None:
    assert await csms.call("TriggerMessage", request_) == {"status": "Accepted"}
    assert (await csms.wait(action))[0] == payload


@pytest.mark.usefixtures("station16")
async def test_triggered_boot(csms: ScriptedCsms) -> None:
    assert await csms.call("TriggerMessage", {"requestedMessage": "BootNotification"}) == {"status": "Accepted"}
    first, second = await csms.wait("BootNotification", 2)
    assert first == second


@pytest.mark.usefixtures("station16")
@pytest.mark.parametrize(("place", "reported"), [({}, [0, 1, 2]), ({"connectorId": 0}, [0]), ({"connectorId": 2}, [2])])
async def test_triggered_statuses(csms: ScriptedCsms, place: Json, reported: list[int]) -> None:
    await csms.wait("StatusNotification", 3)
    await csms.call("TriggerMessage", {"requestedMessage": "StatusNotification", **place})
    await csms.wait("StatusNotification", 3 + len(reported))

    assert [connector_id for connector_id, _ in statuses(csms)[3:]] == reported


@pytest.mark.usefixtures("station16")
async def test_triggered_meter_values(csms: ScriptedCsms) -> None:
    answer = await csms.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    (values,) = await csms.wait("MeterValues")

    assert answer == {"status": "Accepted"}
    assert "transactionId" not in values
    assert values["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


@pytest.mark.usefixtures("station16")
async def test_a_trigger_for_a_connector_that_is_not_there(csms: ScriptedCsms) -> None:
    request = {"requestedMessage": "StatusNotification", "connectorId": 9}
    assert await csms.call("TriggerMessage", request) == {"status": "Rejected"}


async def test_unlocking_ends_the_transaction(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(protocol=Protocol.OCPP16, speed=100) as station:
        await station.wait_accepted()
        session = asyncio.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
        await csms.wait("StartTransaction")
        assert await csms.call("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
        await session
        assert await csms.call("UnlockConnector", {"connectorId": 9}) == {"status": "NotSupported"}
        await station.fault(2)
        assert await csms.call("UnlockConnector", {"connectorId": 2}) == {"status": "UnlockFailed"}

    assert csms.of("StopTransaction")[0]["reason"] == "UnlockCommand"
    faulted = next(told for told in csms.of("StatusNotification") if told["status"] == "Faulted")
    assert (faulted["connectorId"], faulted["errorCode"]) == (2, "OtherError")


@pytest.mark.usefixtures("station16")
async def test_local_list(csms: ScriptedCsms) -> None:
    entry = {"idTag": "LISTED", "idTagInfo": {"status": "Accepted", "parentIdTag": "GROUP"}}
    full = {"listVersion": 5, "updateType": "Full", "localAuthorizationList": [entry]}

    assert await csms.call("SendLocalList", full) == {"status": "Accepted"}
    assert await csms.call("GetLocalListVersion", {}) == {"listVersion": 5}
    older = {**full, "listVersion": 4, "updateType": "Differential"}
    assert await csms.call("SendLocalList", older) == {"status": "VersionMismatch"}
    removed = {"listVersion": 6, "updateType": "Differential", "localAuthorizationList": [{"idTag": "LISTED"}]}
    assert await csms.call("SendLocalList", removed) == {"status": "Accepted"}
    assert await csms.call("GetLocalListVersion", {}) == {"listVersion": 0}


async def test_who_is_on_the_list_may_charge_offline(csms: ScriptedCsms, station16: Station) -> None:
    entries = [
        {"idTag": "GOOD", "idTagInfo": {"status": "Accepted"}},
        {"idTag": "BAD", "idTagInfo": {"status": "Blocked"}},
    ]
    await csms.call("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries})
    await station16.go_offline()
    await station16.wait_for(lambda: not station16.connected)

    assert (await station16.authorize("GOOD"))["status"] == "Accepted"
    assert (await station16.authorize("BAD"))["status"] == "Blocked"


async def test_data_transfer_and_cache(csms: ScriptedCsms, station16: Station) -> None:
    await station16.authorize("TAG1")
    assert await csms.call("DataTransfer", {"vendorId": "org.example"}) == {"status": "UnknownVendorId"}
    assert await csms.call("ClearCache", {}) == {"status": "Accepted"}
    assert station16.tokens.cache == {}


@pytest.mark.usefixtures("station16")
@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("GetDiagnostics", {"location": "https://log.example.org/"}, "NotSupported"),
        ("Nonsense", {}, "NotImplemented"),
        ("GetVariables", {}, "NotImplemented"),
        ("Reset", {}, "OccurenceConstraintViolation"),
        ("Reset", {"type": "Hard", "more": 1}, "FormationViolation"),
        ("ChangeAvailability", {"connectorId": "1", "type": "Operative"}, "TypeConstraintViolation"),
    ],
)
async def test_what_is_refused(csms: ScriptedCsms, action: str, payload: Json, code: str) -> None:
    assert (await csms.call_frame(action, payload))[2] == code


@pytest.mark.usefixtures("station16")
async def test_a_text_that_is_no_message(csms: ScriptedCsms) -> None:
    await csms.send("nonsense")
    await csms.until(lambda: csms.replies)

    assert csms.replies[0][:3] == [4, "-1", "FormationViolation"]
