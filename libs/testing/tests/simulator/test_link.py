"""Connecting, booting, heartbeats, reconnecting."""

import asyncio
from collections.abc import Callable

import pytest
from csms_testing.simulator import CallRefused, CallTimeout, NotConnected, Registration, SchemaViolation, Station
from csms_testing.simulator.frames import Json
from csms_testing.simulator.scripted_csms import NOW, SILENCE, MakeStation, Refusal, ScriptedCsms


def boots(*statuses: str) -> Callable[[Json], Json]:
    left = list(statuses)

    def answer(_: Json) -> Json:
        status = left.pop(0) if len(left) > 1 else left[0]
        return {"currentTime": NOW, "interval": 0 if status != "Accepted" else 300, "status": status}

    return answer


async def test_handshake(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station("a station/1", password="secret:word") as station:
        await station.wait_accepted()

    headers = csms.requests[0].headers
    assert csms.requests[0].path == "/ocpp/a%20station%2F1"
    assert headers["Sec-WebSocket-Protocol"] == "ocpp2.0.1"
    assert "permessage-deflate" in headers["Sec-WebSocket-Extensions"]
    assert headers["Authorization"] == "Basic YSBzdGF0aW9uLzE6c2VjcmV0OndvcmQ="


async def test_boot_comes_first_then_every_connector(csms: ScriptedCsms, station: Station) -> None:
    await csms.wait("StatusNotification", 2)

    assert csms.received[0].action == "BootNotification"
    assert csms.of("BootNotification")[0]["reason"] == "PowerUp"
    assert csms.of("BootNotification")[0]["chargingStation"]["serialNumber"] == "CS1"
    assert station.registration is Registration.ACCEPTED


async def test_boot_is_repeated_while_pending_and_rejected(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.answers["BootNotification"] = boots("Pending", "Rejected", "Accepted")

    async with make_station() as station:
        await station.wait_accepted()

    assert [entry.action for entry in csms.received[:3]] == ["BootNotification"] * 3


async def test_boot_is_repeated_after_an_error(csms: ScriptedCsms, make_station: MakeStation) -> None:
    answers = [Refusal("InternalError"), {"currentTime": NOW, "interval": 9, "status": "Accepted"}]
    csms.answers["BootNotification"] = lambda _: answers.pop(0)

    async with make_station() as station:
        await station.wait_accepted()

    assert len(csms.of("BootNotification")) == 2


async def test_the_interval_becomes_the_heartbeat_interval(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.answers["BootNotification"] = lambda _: {"currentTime": NOW, "interval": 20, "status": "Accepted"}

    async with make_station() as station:
        await csms.wait("Heartbeat", 3)
        assert station.model.read("OCPPCommCtrlr", "HeartbeatInterval") == "20"


async def test_nothing_is_sent_while_pending(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.answers["BootNotification"] = boots("Pending")

    async with make_station() as station:
        await csms.wait("BootNotification", 3)
        assert not station.accepted

    assert {entry.action for entry in csms.received} == {"BootNotification"}


async def test_a_reconnect_needs_no_boot(csms: ScriptedCsms, station: Station) -> None:
    csms.drop()
    await station.wait_for(lambda: not station.connected)
    await station.wait_accepted()
    await station.plug(1)

    assert len(csms.of("BootNotification")) == 1
    assert csms.received[-1].connection == 1
    assert station.stats.losses == 1


async def test_status_changes_while_offline_are_reported_afterwards(csms: ScriptedCsms, station: Station) -> None:
    await csms.wait("StatusNotification", 2)
    await station.go_offline()
    await station.wait_for(lambda: not station.connected)
    await station.plug(2)
    station.go_online()
    await csms.wait("StatusNotification", 3)

    assert csms.of("StatusNotification")[2]["evseId"] == 2
    assert csms.of("StatusNotification")[2]["connectorStatus"] == "Occupied"


async def test_a_reboot_boots_with_its_reason(csms: ScriptedCsms, station: Station) -> None:
    await station.reboot("LocalReset")
    await csms.wait("BootNotification", 2)
    await csms.wait("StatusNotification", 4)

    assert csms.of("BootNotification")[1]["reason"] == "LocalReset"


async def test_refused_handshakes_are_tried_again(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.refuse_with = 503

    async with make_station() as station:
        await station.wait_for(lambda: station.stats.refusals >= 2)
        csms.refuse_with = None
        await station.wait_accepted()

    assert station.link.last_error is None


async def test_why_a_station_does_not_connect(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.refuse_with = 401

    async with make_station() as station:
        with pytest.raises(TimeoutError) as failure:
            await station.wait_accepted(0.05)

    assert "401" in str(failure.value.__cause__)


async def test_a_wrong_password_may_be_final(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.refuse_with = 401

    async with make_station(wrong_password_is_fatal=True) as station:
        await station.wait_for(lambda: station.stats.refusals == 1)
        await asyncio.wait_for(station.finished(), 5)

    assert len(csms.requests) == 1


async def test_a_callerror_is_raised(csms: ScriptedCsms, station: Station) -> None:
    csms.answers["DataTransfer"] = lambda _: Refusal("NotSupported", "no such vendor")

    with pytest.raises(CallRefused) as failure:
        await station.call("DataTransfer", {"vendorId": "x"})

    assert (failure.value.code, failure.value.description) == ("NotSupported", "no such vendor")


async def test_silence_times_out_and_a_late_answer_is_ignored(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.answers["DataTransfer"] = lambda _: SILENCE

    async with make_station(call_timeout_s=0.05) as station:
        await station.wait_accepted()
        with pytest.raises(CallTimeout):
            await station.call("DataTransfer", {"vendorId": "x"})
        late = csms.received[-1].message_id
        await csms.send(f'[3,"{late}",{{"status":"Accepted"}}]')
        await station.call("Heartbeat", {})

    assert station.ledger.violations == []


async def test_losing_the_connection_fails_the_open_call(csms: ScriptedCsms, station: Station) -> None:
    csms.answers["DataTransfer"] = lambda _: SILENCE

    async with asyncio.TaskGroup() as group:
        call = group.create_task(expect_not_connected(station))
        await csms.wait("DataTransfer")
        csms.drop()

    assert call.done()


async def expect_not_connected(station: Station) -> None:
    with pytest.raises(NotConnected):
        await station.call("DataTransfer", {"vendorId": "x"})


async def test_a_wrong_answer_is_a_violation(csms: ScriptedCsms, station: Station) -> None:
    csms.answers["Heartbeat"] = lambda _: {"currentTime": 5}

    with pytest.raises(SchemaViolation):
        await station.call("Heartbeat", {})

    assert "HeartbeatResponse" in station.ledger.violations[0]


async def test_a_wrong_request_never_leaves(csms: ScriptedCsms, station: Station) -> None:
    with pytest.raises(SchemaViolation) as failure:
        await station.call("Heartbeat", {"extra": 1})

    assert failure.value.code == "FormatViolation"
    assert csms.of("Heartbeat") == []


async def test_one_call_at_a_time(csms: ScriptedCsms, station: Station) -> None:
    await asyncio.gather(*(station.call("DataTransfer", {"vendorId": str(number)}) for number in range(5)))

    assert [payload["vendorId"] for payload in csms.of("DataTransfer")] == list("01234")


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("NoSuchThing", {}, "NotImplemented"),
        ("Heartbeat", {}, "NotSupported"),
        ("Reset", {"type": "Sometimes"}, "PropertyConstraintViolation"),
        ("Reset", {}, "OccurrenceConstraintViolation"),
        ("Reset", {"type": 5}, "TypeConstraintViolation"),
        ("Reset", {"type": "OnIdle", "more": 1}, "FormatViolation"),
    ],
)
@pytest.mark.usefixtures("station")
async def test_calls_a_station_refuses(csms: ScriptedCsms, action: str, payload: Json, code: str) -> None:
    frame = await csms.call_frame(action, payload)

    assert (frame[0], frame[2]) == (4, code)


async def test_text_that_is_no_frame(csms: ScriptedCsms, station: Station) -> None:
    await csms.send("[2")
    await csms.until(lambda: csms.replies)

    assert csms.replies[0][:3] == [4, "-1", "RpcFrameworkError"]
    assert station.ledger.violations


async def test_failing_background_work_is_not_lost(make_station: MakeStation) -> None:
    async def fail() -> None:
        raise ValueError("a mistake")

    station = make_station()
    await station.start()
    await asyncio.wait([station.tasks.start(fail(), "mistake")])

    with pytest.raises(ExceptionGroup, match="background work"):
        await station.stop()
