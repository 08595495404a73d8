import asyncio
from typing import TYPE_CHECKING

import pytest
from csms.v1.auth_pb2 import REGISTRATION_STATUS_PENDING, ConnectionDecision
from csms.v1.station_pb2 import RefusedMessage, Replies, Reply
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_runtime import metrics

if TYPE_CHECKING:
    from conftest import Start, System

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
AUTHORIZE = {"idToken": {"idToken": "A1", "type": "ISO14443"}}


def boot_answer(status: str) -> dict[str, object]:
    return {"currentTime": "2026-01-01T00:00:00Z", "interval": 300, "status": status}


def pending(_request: object) -> ConnectionDecision:
    return ConnectionDecision(allowed=True, registration_status=REGISTRATION_STATUS_PENDING)


@pytest.mark.parametrize(
    ("action", "payload", "topic"),
    [
        ("StatusNotification", STATUS, "ocpp.calls.devices"),
        ("Authorize", AUTHORIZE, "ocpp.calls.auth"),
        ("SignCertificate", {"csr": "x"}, "ocpp.calls.auth"),
        ("DataTransfer", {"vendorId": "v"}, "ocpp.calls.devices"),
        (
            "MeterValues",
            {"evseId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1}]}]},
            "ocpp.calls.transactions",
        ),
    ],
)
async def test_each_action_goes_to_its_service(
    system: "System", action: str, payload: dict[str, object], topic: str
) -> None:
    station = await system.connect()
    await station.start_call(action, payload)
    await system.services.call(action)
    assert [name for name, record in system.services.records if record.station_call.action == action] == [topic]


async def test_before_it_is_accepted_a_station_may_only_boot(system: "System") -> None:
    system.services.decide = pending
    system.services.answers = {"BootNotification": boot_answer("Pending"), "StatusNotification": {}}
    station = await system.connect()
    assert (await station.call("StatusNotification", STATUS))[2] == "SecurityError"
    assert (await station.call("Heartbeat", {}))[2] == "SecurityError"
    assert (await station.call("BootNotification", BOOT))[2]["status"] == "Pending"
    assert (await station.call("StatusNotification", STATUS))[2] == "SecurityError"
    system.services.answers["BootNotification"] = boot_answer("Accepted")
    assert (await station.call("BootNotification", BOOT))[2]["status"] == "Accepted"
    assert (await station.call("StatusNotification", STATUS))[2] == {}


async def test_a_station_that_was_accepted_before_need_not_boot(system: "System") -> None:
    system.services.answers["StatusNotification"] = {}
    station = await system.connect()
    assert await station.call("StatusNotification", STATUS, "s1") == [3, "s1", {}]


async def test_heartbeat_is_answered_here(system: "System") -> None:
    station = await system.connect()
    kind, _, payload = await station.call("Heartbeat", {})
    assert kind == 3
    assert payload["currentTime"].endswith("Z")
    assert system.services.calls("Heartbeat") == []


async def test_a_services_error_reaches_the_station(system: "System") -> None:
    system.services.answers["StatusNotification"] = "PropertyConstraintViolation"
    station = await system.connect()
    assert (await station.call("StatusNotification", STATUS))[:3] == [4, "m1", "PropertyConstraintViolation"]


@pytest.mark.parametrize(("code", "outcome"), [("InternalError", "failed"), ("PropertyConstraintViolation", "error")])
async def test_a_service_that_fails_is_told_from_a_call_that_is_wrong(
    system: "System", code: str, outcome: str
) -> None:
    system.services.answers["StatusNotification"] = code
    counted = metrics.GATEWAY_CALLS_IN.labels("StatusNotification", outcome)
    before = counted.value
    await (await system.connect()).call("StatusNotification", STATUS)
    assert counted.value == before + 1


async def test_an_invalid_reply_is_never_sent(system: "System") -> None:
    system.services.answers["StatusNotification"] = {"unknown": 1}
    station = await system.connect()
    assert (await station.call("StatusNotification", STATUS))[2] == "InternalError"


async def test_a_silent_service_is_an_empty_answer_where_ocpp_allows_one(start: "Start") -> None:
    system = await start(service_timeout_s=0.5)
    station = await system.connect()
    assert await station.call("StatusNotification", STATUS) == [3, "m1", {}]


async def test_a_silent_service_is_an_error_while_the_call_is_only_in_memory(start: "Start") -> None:
    """The station keeps what would end with this process, and sends it again."""
    system = await start(service_timeout_s=0.5, durable=False)
    station = await system.connect()
    kind, _, code, *_ = await station.call("StatusNotification", STATUS)
    assert (kind, code) == (4, "InternalError")


@pytest.mark.parametrize(("action", "payload"), [("BootNotification", BOOT), ("Authorize", AUTHORIZE)])
async def test_a_silent_service_is_an_error_where_the_answer_has_content(
    start: "Start", action: str, payload: dict[str, object]
) -> None:
    system = await start(service_timeout_s=0.5)
    station = await system.connect()
    assert (await station.call(action, payload))[2] == "InternalError"


async def test_a_late_reply_is_dropped(start: "Start") -> None:
    system = await start(service_timeout_s=0.5)
    station = await system.connect()
    await station.call("StatusNotification", STATUS)
    (record,) = system.services.calls("StatusNotification")
    await system.services.answer(record, {})
    assert (await station.call("Heartbeat", {}, "h1"))[1] == "h1"


@pytest.mark.parametrize(("action", "payload"), [("StatusNotification", STATUS), ("BootNotification", BOOT)])
async def test_an_unreachable_bus_is_an_error_and_the_station_tries_again(
    system: "System", action: str, payload: dict[str, object]
) -> None:
    system.services.answers = {"StatusNotification": {}, "BootNotification": boot_answer("Accepted")}
    station = await system.connect()
    await system.services.connection("CS1")
    system.bus.broken = frozenset({"ocpp.calls.devices"})
    assert (await station.call(action, payload))[2] == "InternalError"
    system.bus.broken = frozenset()
    assert (await station.call(action, payload))[0] == 3


async def test_a_bus_that_hangs_does_not_hold_up_other_stations(start: "Start") -> None:
    system = await start(publish_timeout_s=0.5)
    first, second = await system.connect("CS1"), await system.connect("CS2")
    system.services.answers["StatusNotification"] = {}
    await system.services.connection("CS2")
    hold = asyncio.Event()
    system.bus.hold = {"CS1": hold}
    await first.start_call("StatusNotification", STATUS)
    async with asyncio.timeout(5):
        await system.bus.holding.wait()
    assert (await second.call("StatusNotification", STATUS))[0] == 3
    assert (await first.receive())[2] == "InternalError"
    hold.set()


async def test_a_second_call_before_the_first_answer_waits_its_turn(system: "System") -> None:
    station = await system.connect()
    await station.start_call("StatusNotification", STATUS, "a")
    await station.start_call("StatusNotification", STATUS, "b")
    await system.services.call("StatusNotification")
    (first,) = system.services.calls("StatusNotification")
    await system.services.answer(first, {})
    assert (await station.receive())[1] == "a"
    await system.services.call("StatusNotification", 2)
    await system.services.answer(system.services.calls("StatusNotification")[1], {})
    assert (await station.receive())[1] == "b"


async def test_many_calls_at_once_are_all_answered_in_order(system: "System") -> None:
    system.services.answers["StatusNotification"] = {}
    station = await system.connect()
    for number in range(50):
        await station.start_call("StatusNotification", STATUS, f"n{number}")
    assert [(await station.receive())[1] for _ in range(50)] == [f"n{number}" for number in range(50)]


async def test_a_repeated_call_gets_the_same_answer_and_is_handled_once(system: "System") -> None:
    system.services.answers["StatusNotification"] = {}
    station = await system.connect()
    first = await station.call("StatusNotification", STATUS, "same")
    assert await station.call("StatusNotification", STATUS, "same") == first
    assert len(system.services.calls("StatusNotification")) == 1


@pytest.mark.parametrize(
    ("frame", "message_id", "code"),
    [
        ("{", "-1", "RpcFrameworkError"),
        ("[]", "-1", "RpcFrameworkError"),
        ('[2,"x"]', "x", "RpcFrameworkError"),
        ('[2,"x","Nonsense",{}]', "x", "NotImplemented"),
        ('[2,"x","Reset",{"type":"Immediate"}]', "x", "NotSupported"),
        ('[2,"x","StatusNotification",{}]', "x", "OccurrenceConstraintViolation"),
        ('[2,"x","Heartbeat",{"extra":1}]', "x", "FormatViolation"),
    ],
)
async def test_what_is_no_valid_call_is_refused(system: "System", frame: str, message_id: str, code: str) -> None:
    station = await system.connect()
    await station.send(frame)
    answer = await station.receive()
    assert answer[:3] == [4, message_id, code]
    assert (await station.call("Heartbeat", {}))[0] == 3


async def test_binary_frames_end_the_connection(system: "System") -> None:
    station = await system.connect()
    await station.socket.send(b'[2,"x","Heartbeat",{}]')
    assert (await station.closed())[0] == 1003


def refused_messages(system: "System") -> list[RefusedMessage]:
    return [record.refused_message for _, record in system.services.records if record.HasField("refused_message")]


async def test_oversized_messages_end_the_connection(start: "Start") -> None:
    system = await start(max_message_bytes=2000)
    station = await system.connect()
    await station.start_call("DataTransfer", {"vendorId": "v", "data": "x" * 3000})
    assert (await station.closed())[0] == 1009
    [refused] = await system.services.until(lambda: refused_messages(system))
    assert refused.kind == "too_large"


async def test_a_compressed_bomb_ends_the_connection(start: "Start") -> None:
    system = await start(max_message_bytes=2000)
    station = await system.connect(compression="deflate")
    await station.start_call("DataTransfer", {"vendorId": "v", "data": "x" * 1_000_000})
    assert (await station.closed())[0] == 1009


async def test_a_message_larger_than_is_carried_gets_an_error_and_is_told_of(start: "Start") -> None:
    system = await start(max_message_bytes=2000)
    system.services.answers["DataTransfer"] = {"status": "Accepted"}
    station = await system.connect()
    answer = await station.call("DataTransfer", {"vendorId": "v", "data": "x" * 2100})
    assert answer[:3] == [4, "m1", "GenericError"]
    [refused] = await system.services.until(lambda: refused_messages(system))
    assert (refused.kind, refused.action) == ("too_large", "DataTransfer")
    assert (await station.call("DataTransfer", {"vendorId": "v", "data": "x" * 1900}))[0] == 3


async def test_while_a_large_message_is_read_others_are_answered(system: "System") -> None:
    value = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1.5, "context": "Sample.Periodic"}] * 8}
    system.services.answers["MeterValues"] = {}
    busy, other = await system.connect("BUSY"), await system.connect("OTHER")
    sent = await busy.start_call("MeterValues", {"evseId": 1, "meterValue": [value] * 6000}, "m1")
    next_one = await busy.start_call("Heartbeat", {}, "m2")
    for _ in range(20):
        assert (await other.call("Heartbeat", {}))[0] == 3
    assert (await busy.receive())[:2] == [3, sent]
    assert (await busy.receive())[:2] == [3, next_one]
    assert len((await system.services.call("MeterValues")).payload) > 2_000_000


async def test_a_station_that_goes_while_its_large_message_is_read_leaves_nothing(system: "System") -> None:
    value = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1.5, "context": "Sample.Periodic"}] * 8}
    station = await system.connect()
    await station.start_call("MeterValues", {"evseId": 1, "meterValue": [value] * 6000})
    station.socket.transport.abort()
    await system.services.connection("CS1", 2)
    again = await system.connect()
    assert (await again.call("Heartbeat", {}))[0] == 3


async def test_messages_of_megabytes_are_carried(system: "System") -> None:
    system.services.answers["DataTransfer"] = {"status": "Accepted"}
    station = await system.connect()
    assert (await station.call("DataTransfer", {"vendorId": "v", "data": "x" * 4_000_000}))[0] == 3


async def test_invalid_utf8_ends_the_connection(system: "System") -> None:
    station = await system.connect(compression=None)
    await station.socket.send(b'[2,"\xff","Heartbeat",{}]', text=True)
    assert (await station.closed())[0] == 1007


async def test_a_fast_station_is_read_slowly_and_loses_nothing(start: "Start") -> None:
    system = await start(message_rate=50, message_burst=2)
    station = await system.connect()
    began = asyncio.get_running_loop().time()
    for number in range(8):
        await station.start_call("Heartbeat", {}, f"h{number}")
    answers = [(await station.receive())[1] for _ in range(8)]
    assert answers == [f"h{number}" for number in range(8)]
    # The last answer comes before the pause that its message costs.
    assert asyncio.get_running_loop().time() - began >= 0.09


async def test_a_send_of_21_is_published_and_never_answered(start: "Start") -> None:
    system = await start(ocpp_protocols=["ocpp2.1"])
    station = await system.connect(protocols=("ocpp2.1",))
    payload = {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0, "v": "1"}]}
    await station.send([6, "s1", "NotifyPeriodicEventStream", payload])
    call = await system.services.call("NotifyPeriodicEventStream")
    assert call.no_reply
    assert not call.HasField("reply_to")
    assert (await station.call("Heartbeat", {}))[0] == 3


async def test_answers_that_come_in_one_record_reach_their_stations(system: "System") -> None:
    stations = [await system.connect(f"CS{number}") for number in (1, 2, 3)]
    for one in stations:
        await one.start_call("StatusNotification", STATUS, "s1")
    await system.services.call("StatusNotification", 3)
    calls = {record.station_id: record.station_call for record in system.services.calls("StatusNotification")}
    assert all(call.reply_to.takes_several for call in calls.values())
    answers = Replies(replies=[Reply(correlation_id="nobody's", payload=b"{}")])
    answers.replies.add(correlation_id=calls["CS1"].correlation_id, payload=b"{}")
    answers.replies.add(correlation_id=calls["CS2"].correlation_id, payload=b"no JSON")
    answers.replies.add(correlation_id=calls["CS3"].correlation_id, payload=b"{}")
    to = calls["CS1"].reply_to
    await system.bus.publish([Outgoing(to.topic, new_record("", replies=answers), partition=to.partition)])
    assert await stations[0].receive() == [3, "s1", {}]
    assert (await stations[1].receive())[:3] == [4, "s1", "InternalError"]
    assert await stations[2].receive() == [3, "s1", {}]
