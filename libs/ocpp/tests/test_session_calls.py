"""Requests that the station begins: their order, and what is refused."""
# ruff: noqa: PLR0917 - fixtures are the harness, and a conftest's classes cannot be imported

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.session import Dispatch, HeartbeatReceived, Notice, NoticeKind, SendText
from csms_ocpp.versions import Protocol

P16, P201, P21 = Protocol
SECURITY_EVENT = {"type": "FirmwareUpdated", "timestamp": "2026-01-01T00:00:00Z"}
STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
STREAM = {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0, "v": "1"}]}


def kinds(effects: list[Any]) -> list[type]:
    return [type(effect) for effect in effects]


def test_a_valid_call_is_dispatched_and_answered_with_its_id(connect: Any, dispatched: Any, sent: Any) -> None:
    line = connect()
    effects = line.session.receive_text(b'[2,"a","StatusNotification", ' + orjson.dumps(STATUS) + b" ]", 0.0)
    dispatch = dispatched(effects)
    assert effects == [dispatch]
    assert (dispatch.action, dispatch.message_id, dispatch.no_reply) == ("StatusNotification", "a", False)
    assert dispatch.payload == orjson.dumps(STATUS)
    assert sent(line.reply(dispatch, {})) == [3, "a", {}]


def test_a_reply_keeps_its_bytes(connect: Any, dispatched: Any) -> None:
    line = connect()
    dispatch = dispatched(line.call("a", "DataTransfer", {"vendorId": "v"}))
    assert line.session.reply(dispatch.correlation, b'{"status":"Accepted", "data":1.10}') == [
        SendText('[3,"a",{"status":"Accepted", "data":1.10}]')
    ]


def test_an_error_reply(connect: Any, dispatched: Any, sent: Any) -> None:
    line = connect(P16)
    dispatch = dispatched(line.call("a", "Authorize", {"idTag": "x"}))
    error = OcppError(ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "x" * 300, {"k": 1})
    assert sent(line.session.reply(dispatch.correlation, error)) == [
        4,
        "a",
        "OccurenceConstraintViolation",
        "x" * 255,
        {},
    ]


def test_one_call_at_a_time_in_order(connect: Any, dispatched: Any, sent: Any) -> None:
    line = connect()
    first = dispatched(line.call("a", "StatusNotification", STATUS))
    assert line.call("b", "SecurityEventNotification", SECURITY_EVENT) == []
    assert line.call("c", "StatusNotification", STATUS) == []
    effects = line.reply(first, {})
    assert sent(effects)[1] == "a"
    assert kinds(effects) == [SendText, Dispatch]
    assert dispatched(effects).message_id == "b"
    assert dispatched(line.reply(dispatched(effects), {})).message_id == "c"


def test_refusals_keep_the_order_too(connect: Any, dispatched: Any) -> None:
    line = connect()
    first = dispatched(line.call("a", "StatusNotification", STATUS))
    assert line.call("b", "Nonsense", {}) == []
    assert line.call("c", "StatusNotification", {}) == []
    line.call("d", "StatusNotification", STATUS)
    effects = line.reply(first, {})
    assert kinds(effects) == [SendText, Notice, SendText, Notice, SendText, Dispatch]
    assert [orjson.loads(effect.text)[1] for effect in effects if isinstance(effect, SendText)] == ["a", "b", "c"]


def test_a_full_queue_stops_the_reading(connect: Any, dispatched: Any, sent: Any, noticed: Any) -> None:
    line = connect(max_queued_calls=2)
    first = dispatched(line.call("a", "StatusNotification", STATUS))
    line.call("b", "StatusNotification", STATUS)
    assert line.session.can_receive
    line.call("c", "StatusNotification", STATUS)
    assert not line.session.can_receive
    overflow = line.call("d", "StatusNotification", STATUS)
    assert sent(overflow)[:3] == [4, "d", "GenericError"]
    assert noticed(overflow).kind is NoticeKind.OVERLOADED
    line.reply(first, {})
    assert line.session.can_receive


def test_answers_do_not_wait_behind_queued_calls(connect: Any, done: Any) -> None:
    line = connect(max_queued_calls=1)
    line.command()
    line.call("a", "StatusNotification", STATUS)
    line.call("b", "StatusNotification", STATUS)
    assert not line.session.can_receive
    assert done(line.text(3, "c1", {"status": "Accepted"})).outcome == "result"


@pytest.mark.parametrize(
    ("protocol", "action", "payload", "code"),
    [
        (P201, "Nonsense", {}, "NotImplemented"),
        (P201, "StartTransaction", {}, "NotImplemented"),
        (P16, "TransactionEvent", {}, "NotImplemented"),
        (P201, "Reset", {"type": "OnIdle"}, "NotSupported"),
        (P16, "RemoteStartTransaction", {"idTag": "x"}, "NotSupported"),
        (P21, "NotifyPeriodicEventStream", STREAM, "NotSupported"),
        (P201, "StatusNotification", {}, "OccurrenceConstraintViolation"),
        (P16, "StatusNotification", {}, "OccurenceConstraintViolation"),
        (P201, "StatusNotification", STATUS | {"x": 1}, "FormatViolation"),
        (P16, "Heartbeat", {"x": 1}, "FormationViolation"),
        (P201, "StatusNotification", STATUS | {"evseId": "1"}, "TypeConstraintViolation"),
        (P201, "StatusNotification", STATUS | {"connectorStatus": "Odd"}, "PropertyConstraintViolation"),
        (P201, "BootNotification", None, "OccurrenceConstraintViolation"),
        (P201, "Heartbeat", [], "TypeConstraintViolation"),
        (P201, "DataTransfer", {"vendorId": "v", "data": "\x00"}, "FormatViolation"),
    ],
)
def test_refusals(
    protocol: Protocol, action: str, payload: Any, code: str, connect: Any, sent: Any, noticed: Any
) -> None:
    line = connect(protocol)
    effects = line.call("a", action, payload)
    kind, message_id, sent_code, description, details = sent(effects)
    assert (kind, message_id, sent_code, details) == (4, "a", code, {})
    assert len(description) <= 255
    assert noticed(effects).kind is NoticeKind.CALL_REFUSED
    assert kinds(line.call("b", "Heartbeat", {})) == [HeartbeatReceived]


@pytest.mark.parametrize(
    ("name", "shown"), [("RebootNow", "'RebootNow'"), ("a\x1b[2J", "'a\\x1b[2J'"), ("x" * 65, f"'{'x' * 64}'")]
)
def test_an_unknown_action_is_named(name: str, shown: str, connect: Any, sent: Any, noticed: Any) -> None:
    effects = connect().call("a", name, {})
    assert noticed(effects).detail == sent(effects)[3] == f"unknown action {shown}"


def test_unknown_names_do_not_become_labels(connect: Any, noticed: Any) -> None:
    assert noticed(connect().call("a", "Nonsense", {})).action == ""
    assert noticed(connect().call("a", "Reset", {})).action == "Reset"


def test_lenient_takes_vendor_fields(connect: Any, dispatched: Any) -> None:
    assert dispatched(connect(lenient=True).call("a", "StatusNotification", STATUS | {"x": 1}))


def test_heartbeat_is_answered_with_the_time(connect: Any, sent: Any) -> None:
    line = connect()
    (beat,) = line.call("a", "Heartbeat", {})
    assert beat == HeartbeatReceived(1, "a")
    answer = line.session.answer_heartbeat(beat.correlation, datetime(2026, 1, 1, tzinfo=UTC))
    assert sent(answer) == [3, "a", {"currentTime": "2026-01-01T00:00:00.000Z"}]


def test_a_queued_heartbeat_waits_its_turn(connect: Any, dispatched: Any) -> None:
    line = connect()
    first = dispatched(line.call("a", "StatusNotification", STATUS))
    assert line.call("b", "Heartbeat", {}) == []
    assert kinds(line.reply(first, {})) == [SendText, HeartbeatReceived]
