"""What a message costs, and what becomes of one that costs too much."""
# ruff: noqa: PLR0917 - fixtures are the harness, and a conftest's classes cannot be imported

from typing import Any

import orjson
import pytest
from csms_ocpp.cost import MAX_STRUCTURE, cost, is_too_much, structure
from csms_ocpp.session import CommandDone, Dispatch, Notice, NoticeKind, Outcome, SendText
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


def test_what_is_short_is_never_too_much() -> None:
    assert not is_too_much(b"," * MAX_STRUCTURE)
    assert is_too_much(b"," * (MAX_STRUCTURE + 1))
    assert not is_too_much(b"a" * (MAX_STRUCTURE + 1))


def test_a_day_of_meter_values_pass(connect: Any) -> None:
    sample = {"value": 230.1, "context": "Sample.Periodic", "measurand": "Voltage", "unitOfMeasure": {"unit": "V"}}
    value = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [sample] * 8}
    event = {
        "eventType": "Ended",
        "timestamp": "2026-01-01T00:00:00Z",
        "seqNo": 1,
        "triggerReason": "EVDeparted",
        "transactionInfo": {"transactionId": "tx"},
        "meterValue": [value] * 1800,
    }
    (effect,) = connect().call("1", "TransactionEvent", event)
    assert isinstance(effect, Dispatch)
    assert len(effect.payload) > 1_400_000


@pytest.mark.parametrize(
    ("protocol", "head", "answer"),
    [
        (P201, b'[2,"a","NotifyEvent",[', [4, "a", "FormatViolation"]),
        (P16, b' [ 2 , "a" , "MeterValues",[', [4, "a", "FormationViolation"]),
        (P201, b'[2,"\\u0061\\"","X",[', [4, 'a"', "FormatViolation"]),
        (P201, b'[2,"' + b"a" * 37 + b'","X",[', [4, "-1", "FormatViolation"]),
        (P201, b"[", [4, "-1", "FormatViolation"]),
        (P201, b'[2,"\\x","X",[', [4, "-1", "FormatViolation"]),
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
