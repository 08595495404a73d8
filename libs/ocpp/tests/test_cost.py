"""What a message costs, and what becomes of one that costs too much."""
# ruff: noqa: PLR0917 - fixtures are the harness, and a conftest's classes cannot be imported

import sys
from collections.abc import Generator
from typing import Any

import orjson
import pytest
from csms_ocpp.cost import MAX_STRUCTURE, cost, is_too_much, structure
from csms_ocpp.session import CommandDone, Dispatch, Effect, Notice, NoticeKind, Outcome, SendText
from csms_ocpp.versions import Protocol

P16, P201, P21 = Protocol
MANY = b",".join([b"{}"] * MAX_STRUCTURE)


def test_values_cost_more_than_bytes() -> None:
    assert structure(b'[2,"1","Heartbeat",{"a":[1]}]') == 7
    assert cost(b'"' + b"a" * 100 + b'"') == 102
    assert cost(b"[[],{}]") == 7 + 8 * 4


def test_what_is_refused_unread_costs_no_more_than_what_is_read() -> None:
    assert cost(b"," * MAX_STRUCTURE) == 9 * MAX_STRUCTURE
    assert cost(b"," * 1_000_000) == 1_000_000 + 8 * MAX_STRUCTURE
    assert cost(b"," * 4_000_000) == 4_000_000 + 4_000_000


@pytest.mark.parametrize("size", [1000, 4095, 4096, 100_000])
def test_counting_does_not_depend_on_the_length(size: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert structure(data) == sum(map(data.count, (b"{", b"[", b",", b":")))


def test_what_is_short_is_never_too_much() -> None:
    assert not is_too_much(b"," * MAX_STRUCTURE)
    assert is_too_much(b"," * (MAX_STRUCTURE + 1))
    assert not is_too_much(b"a" * (MAX_STRUCTURE + 1))


def test_a_long_message_may_have_more() -> None:
    assert not is_too_much(b"aaaaaaa," * 500_000)
    assert is_too_much(b"aaaaaaa," * 500_000 + b",")


SAMPLE = {"value": 230.1, "context": "Sample.Periodic", "measurand": "Voltage", "unitOfMeasure": {"unit": "V"}}
VALUE = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [SAMPLE] * 8}
EVENT = {
    "eventType": "Ended",
    "timestamp": "2026-01-01T00:00:00Z",
    "seqNo": 1,
    "triggerReason": "EVDeparted",
    "transactionInfo": {"transactionId": "tx"},
}


@pytest.mark.parametrize("count", [1800, 3600, 4750])
def test_days_of_meter_values_pass(count: int, connect: Any) -> None:
    event = EVENT | {"meterValue": [VALUE] * count}
    (effect,) = connect().call("1", "TransactionEvent", event)
    assert isinstance(effect, Dispatch)
    assert effect.payload == orjson.dumps(event)
    assert len(effect.payload) > count * 800


def test_a_wrong_value_in_days_of_them_is_named(connect: Any, sent: Any) -> None:
    values = [VALUE] * 4000
    values[3000] = VALUE | {"sampledValue": [SAMPLE | {"value": "230"}]}
    effects = connect().call("1", "TransactionEvent", EVENT | {"meterValue": values})
    text = "/meterValue/3000/sampledValue/0/value: must be of type number"
    assert sent(effects)[2:4] == ["TypeConstraintViolation", text]


def test_as_many_values_that_stand_in_no_list_are_refused_unread(connect: Any, sent: Any) -> None:
    custom = {"vendorId": "v"} | {f"key-{number:09}": 0 for number in range(220_000)}
    effects = connect().call("1", "Heartbeat", {"customData": custom})
    assert sent(effects)[2] == "FormatViolation"


def test_a_long_answer_is_the_result_of_its_command(connect: Any) -> None:
    line = connect()
    asked = [{"component": {"name": "c"}, "variable": {"name": "v"}}]
    line.command("GetVariables", {"getVariableData": asked})
    one = asked[0] | {"attributeStatus": "Accepted", "attributeValue": "x" * 50}
    raw = orjson.dumps({"getVariableResult": [one] * 26_000})
    (done,) = line.session.receive_text(b'[3,"c1",' + raw + b"]", 1.0)
    assert (done.id, done.outcome, done.payload) == ("c1", Outcome.RESULT, raw)


def test_a_wrong_long_answer_is_an_error(connect: Any) -> None:
    line = connect()
    line.command()
    raw = orjson.dumps({"getVariableResult": [{"attributeStatus": "Accepted"}] * 26_000})
    (_, done) = line.session.receive_text(b'[3,"c1",' + raw + b"]", 1.0)
    assert (done.id, done.outcome) == ("c1", Outcome.ERROR)


def rest(reading: Generator[None, None, list[Effect]]) -> list[Effect]:
    while True:
        try:
            next(reading)
        except StopIteration as done:
            effects: list[Effect] = done.value
            return effects


def test_between_the_steps_of_a_long_message_other_inputs_are_taken(connect: Any) -> None:
    line = connect()
    raw = orjson.dumps([2, "1", "TransactionEvent", EVENT | {"meterValue": [VALUE] * 1000}])
    reading = line.session.reading(raw, 0.0)
    next(reading)
    (asked,) = line.command()
    assert isinstance(asked, SendText)
    (effect,) = rest(reading)
    assert isinstance(effect, Dispatch)


def test_of_a_long_message_that_is_being_read_only_its_payload_is_kept(connect: Any) -> None:
    raw = orjson.dumps([2, "1", "TransactionEvent", EVENT | {"meterValue": [VALUE] * 1000}])
    held = sys.getrefcount(raw)
    reading = connect().session.reading(raw, 0.0)
    next(reading)
    assert sys.getrefcount(raw) == held


def test_a_long_message_that_is_being_read_when_the_connection_ends_comes_to_nothing(connect: Any) -> None:
    session = connect().session
    raw = orjson.dumps([2, "1", "TransactionEvent", EVENT | {"meterValue": [VALUE] * 1000}])
    reading = session.reading(raw, 0.0)
    next(reading)
    session.close(1.0)
    assert rest(reading) == []


@pytest.mark.parametrize(
    ("protocol", "head", "answer"),
    [
        (P201, b'[2,"a","NotifyEvent",[', [4, "a", "FormatViolation"]),
        (P16, b' [ 2 , "a" , "MeterValues",[', [4, "a", "FormationViolation"]),
        (P201, b'[2,"\\u0061\\"","X",[', [4, 'a"', "FormatViolation"]),
        (P201, b'[2,"' + b"a" * 37 + b'","X",[', [4, "-1", "RpcFrameworkError"]),
        (P201, b"[", [4, "-1", "RpcFrameworkError"]),
        (P201, b'[2,"\\x","X",[', [4, "-1", "RpcFrameworkError"]),
    ],
)
def test_too_many_values_are_refused_unread(
    protocol: Protocol, head: bytes, answer: list[Any], connect: Any, sent: Any, noticed: Any
) -> None:
    effects = connect(protocol).session.receive_text(head + MANY, 0.0)  # not even JSON
    assert sent(effects)[:3] == answer
    assert noticed(effects).kind is NoticeKind.INVALID_FRAME


@pytest.mark.parametrize("head", [b'[6,"a","NotifyPeriodicEventStream",[', b'[5,"a",[', b'[3,"a",['])
def test_what_is_never_answered_is_dropped(head: bytes, connect: Any) -> None:
    effects = connect(P21).session.receive_text(head + MANY, 0.0)
    assert [type(effect) for effect in effects] == [Notice]


@pytest.mark.parametrize("head", [b'[3,"c1",[', b'[4,"c1","InternalError","",['])
@pytest.mark.parametrize("protocol", Protocol)
def test_a_command_fails_by_an_answer_with_too_many_values(protocol: Protocol, head: bytes, connect: Any) -> None:
    line = connect(protocol)
    line.command()
    line.command(id="c2")
    effects = line.session.receive_text(head + MANY, 1.0)
    (done,) = [effect for effect in effects if isinstance(effect, CommandDone)]
    assert (done.id, done.outcome, done.sent_at) == ("c1", Outcome.ERROR, 0.0)
    assert done.error is not None
    assert done.error.code == "FormatViolation"
    texts = [orjson.loads(effect.text)[:2] for effect in effects if isinstance(effect, SendText)]
    refused = [[5, "c1"]] if protocol is P21 and head[1:2] == b"3" else []
    assert texts == [*refused, [2, "c2"]]
