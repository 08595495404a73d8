"""What could not be taken of a station is told to device-mgmt, once a minute for each kind and action."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from csms.v1.station_pb2 import RefusedMessage
from csms_gateway import message_refusals, upgrades
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from conftest import Start, System


async def told(system: "System", count: int) -> list[RefusedMessage]:
    def found() -> list[RefusedMessage]:
        return [record.refused_message for _, record in system.services.records if record.HasField("refused_message")]

    await system.services.until(lambda: len(found()) >= count)
    return found()


async def test_a_refused_call_is_told_with_its_reason_and_nothing_of_its_content(system: "System") -> None:
    station = await system.connect()
    await station.send('[2,"1","BootNotification",{"reason":"the content"}]')
    assert (await station.receive())[0] == 4
    (refused,) = await told(system, 1)
    assert (refused.kind, refused.action, refused.protocol) == ("call_refused", "BootNotification", "ocpp2.0.1")
    assert refused.code
    assert refused.detail
    assert refused.connection_id
    assert "the content" not in str(refused)


async def test_it_is_told_once_for_each_kind_and_action(system: "System") -> None:
    station = await system.connect()
    for number in range(3):
        await station.send(f'[2,"a{number}","BootNotification",{{}}]')
        await station.receive()
    await station.send("no JSON")
    await station.send('[2,"c","StatusNotification",{}]')
    await station.receive()
    kinds = [(refused.kind, refused.action) for refused in await told(system, 3)]
    assert sorted(kinds) == [
        ("call_refused", "BootNotification"),
        ("call_refused", "StatusNotification"),
        ("invalid_frame", ""),
    ]


async def test_one_station_does_not_hide_what_others_are_told(
    system: "System", monkeypatch: "pytest.MonkeyPatch"
) -> None:
    monkeypatch.setattr(message_refusals, "_MOST_OF_STATION", 3)
    station = await system.connect()
    for action in ("BootNotification", "StatusNotification", "Reset", "Authorize", "ClearCache"):
        assert (await station.call(action, {"nothing": "like it"}, action))[0] == 4
    other = await system.connect("OTHER")
    assert (await other.call("Authorize", {}))[0] == 4
    assert [refused.action for refused in await told(system, 4)] == [
        "BootNotification",
        "StatusNotification",
        "Reset",
        "Authorize",
    ]


FEW = {"message_rate": 20.0, "message_burst": 5}


async def test_a_station_that_sends_more_than_it_may_is_told_once(start: "Start") -> None:
    system = await start(**FEW)
    station = await system.connect()
    for number in range(30):
        await station.send(f'[2,"h{number}","Heartbeat",{{}}]')
    for _ in range(30):
        assert (await station.receive())[0] == 3
    (refused,) = await told(system, 1)
    assert (refused.kind, refused.connection_id != "", "CSMS_MESSAGE_RATE" in refused.detail) == (
        "rate_limited",
        True,
        True,
    )


async def test_a_station_that_owes_too_much_to_be_let_in_is_told(
    start: "Start", monkeypatch: "pytest.MonkeyPatch"
) -> None:
    system = await start(**FEW)
    monkeypatch.setattr(upgrades, "_LONGEST_DEBT_S", 0.0)
    now = asyncio.get_running_loop().time()
    system.gateway._server._context.buckets.of("cs1", now).take(now, 1000)  # identities have no case
    with pytest.raises(InvalidStatus) as refusal:
        await system.connect()
    assert refusal.value.response.status_code == 429
    (refused,) = await told(system, 1)
    assert (refused.kind, refused.connection_id, refused.protocol) == ("rate_limited", "", "ocpp2.0.1")


async def test_a_flood_is_told_whatever_else_a_station_did_wrong(
    start: "Start", monkeypatch: "pytest.MonkeyPatch"
) -> None:
    monkeypatch.setattr(message_refusals, "_MOST_OF_STATION", 0)
    system = await start(**FEW)
    station = await system.connect()
    for number in range(30):
        await station.send(f'[2,"h{number}","Nonsense",{{}}]')
    assert [refused.kind for refused in await told(system, 1)] == ["rate_limited"]
