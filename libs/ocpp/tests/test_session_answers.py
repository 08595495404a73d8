"""Answers to requests of the station: repeats, invalid replies, silent services."""
# ruff: noqa: FBT001, PLR0917 - fixtures are the harness, and a conftest's classes cannot be imported

from typing import Any

import orjson
import pytest
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.session import Dispatch, HeartbeatReceived, Notice, NoticeKind, Registration, SendText
from csms_ocpp.versions import Protocol

P16, P201, P21 = Protocol
SECURITY_EVENT = {"type": "FirmwareUpdated", "timestamp": "2026-01-01T00:00:00Z"}
STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
TOKEN = {"idToken": "TAG", "type": "ISO14443"}
EVENT = {
    "eventType": "Started",
    "timestamp": "2026-01-01T00:00:00Z",
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "tx"},
}


def kinds(effects: list[Any]) -> list[type]:
    return [type(effect) for effect in effects]


@pytest.mark.parametrize(
    ("protocol", "code"), [(P16, "GenericError"), (P201, "RpcFrameworkError"), (P21, "RpcFrameworkError")]
)
def test_an_id_still_in_work_is_an_error(protocol: Protocol, code: str, connect: Any, sent: Any, noticed: Any) -> None:
    line = connect(protocol)
    line.call("a", "Heartbeat", {})
    line.call("b", "Heartbeat", {})
    for message_id in ("a", "b"):
        effects = line.call(message_id, "Heartbeat", {})
        assert sent(effects)[:3] == [4, message_id, code]
        assert noticed(effects).kind is NoticeKind.DUPLICATE_CALL


def test_a_repeated_call_gets_the_same_answer(connect: Any, dispatched: Any, sent: Any, noticed: Any) -> None:
    line = connect()
    dispatch = dispatched(line.call("a", "DataTransfer", {"vendorId": "v"}))
    line.reply(dispatch, {"status": "Accepted", "data": "once"})
    effects = line.call("a", "DataTransfer", {"vendorId": "v"})
    assert sent(effects) == [3, "a", {"status": "Accepted", "data": "once"}]
    assert noticed(effects).kind is NoticeKind.REPEATED_CALL


@pytest.mark.parametrize(
    ("action", "payload"),
    [("SecurityEventNotification", SECURITY_EVENT), ("StatusNotification", STATUS | {"evseId": 2})],
)
def test_a_reused_id_is_another_call(action: str, payload: Any, connect: Any, dispatched: Any) -> None:
    line = connect()
    line.reply(dispatched(line.call("a", "StatusNotification", STATUS)), {})
    assert dispatched(line.call("a", action, payload))


def test_a_refused_call_may_be_repeated(connect: Any, dispatched: Any) -> None:
    line = connect()
    dispatch = dispatched(line.call("a", "StatusNotification", STATUS))
    line.session.reply(dispatch.correlation, OcppError(ErrorCode.INTERNAL_ERROR))
    assert dispatched(line.call("a", "StatusNotification", STATUS))


def test_a_boot_is_never_answered_from_memory(connect: Any, dispatched: Any, boot: Any, booted: Any) -> None:
    line = connect(registration=Registration.PENDING)
    line.reply(dispatched(line.call("a", "BootNotification", boot)), booted | {"status": "Pending"})
    line.reply(dispatched(line.call("a", "BootNotification", boot)), booted)
    assert line.session.registration is Registration.ACCEPTED


def test_only_the_last_answers_are_kept(connect: Any, dispatched: Any) -> None:
    line = connect(answers_kept=2)
    for message_id in "abc":
        line.reply(dispatched(line.call(message_id, "StatusNotification", STATUS)), {})
    assert kinds(line.call("c", "StatusNotification", STATUS)) == [Notice, SendText]
    assert kinds(line.call("b", "StatusNotification", STATUS)) == [Notice, SendText]
    assert kinds(line.call("a", "StatusNotification", STATUS)) == [Dispatch]


def test_long_answers_are_not_kept(connect: Any, dispatched: Any) -> None:
    line = connect(answer_max_bytes=30)
    line.reply(dispatched(line.call("a", "DataTransfer", {"vendorId": "v"})), {"status": "Accepted", "data": "x" * 30})
    assert dispatched(line.call("a", "DataTransfer", {"vendorId": "v"}))


@pytest.mark.parametrize("reply", [b"{}", b"{", b"null", b'{"status":"Perhaps"}', b'{"status":"Accepted"},{}', b"\xff"])
def test_an_invalid_reply_is_never_sent(reply: bytes, connect: Any, dispatched: Any, sent: Any, noticed: Any) -> None:
    line = connect()
    effects = line.session.reply(dispatched(line.call("a", "DataTransfer", {"vendorId": "v"})).correlation, reply)
    assert sent(effects)[:3] == [4, "a", "InternalError"]
    assert noticed(effects).kind is NoticeKind.INVALID_REPLY


def test_replies_must_have_exact_times(connect: Any, dispatched: Any, sent: Any, boot: Any, booted: Any) -> None:
    line = connect(registration=Registration.UNKNOWN)
    dispatch = dispatched(line.call("a", "BootNotification", boot))
    assert sent(line.reply(dispatch, booted | {"currentTime": "2026-01-01T00:00:00"}))[2] == "InternalError"
    assert line.session.registration is Registration.UNKNOWN


def test_only_the_call_in_work_can_be_answered(connect: Any, dispatched: Any, noticed: Any) -> None:
    line = connect()
    dispatch = dispatched(line.call("a", "StatusNotification", STATUS))
    assert noticed(line.session.reply(99, b"{}")).kind is NoticeKind.LATE_REPLY
    assert kinds(line.reply(dispatch, {})) == [SendText]
    assert noticed(line.reply(dispatch, {})).kind is NoticeKind.LATE_REPLY


START = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
STOP = {"transactionId": 1, "meterStop": 1, "timestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("protocol", "action", "payload", "stored", "answer"),
    [
        (P201, "StatusNotification", STATUS, True, [3, "a", {}]),
        (P201, "StatusNotification", STATUS, False, [4, "a", "InternalError"]),
        (P201, "DataTransfer", {"vendorId": "v"}, True, [4, "a", "InternalError"]),
        (P201, "TransactionEvent", EVENT, True, [3, "a", {}]),
        # Nobody decided on the token: an empty answer would be taken for an authorization.
        (P201, "TransactionEvent", EVENT | {"idToken": TOKEN}, True, [4, "a", "InternalError"]),
        (P201, "TransactionEvent", EVENT | {"eventType": "Ended", "idToken": TOKEN}, True, [4, "a", "InternalError"]),
        (P21, "TransactionEvent", EVENT | {"idToken": TOKEN}, True, [4, "a", "InternalError"]),
        # 1.6: a stop with a card lets nobody charge; a start is never answered with nothing.
        (P16, "StopTransaction", STOP | {"idTag": "x"}, True, [3, "a", {}]),
        (P16, "StartTransaction", START, True, [4, "a", "InternalError"]),
    ],
)
def test_a_silent_service(
    protocol: Protocol,
    action: str,
    payload: Any,
    stored: bool,
    answer: list[Any],
    connect: Any,
    dispatched: Any,
    sent: Any,
) -> None:
    line = connect(protocol)
    dispatch = dispatched(line.call("a", action, payload))
    effects = line.session.replied_late(dispatch.correlation, stored=stored)
    assert kinds(effects) == [Notice, SendText]
    assert sent(effects)[:3] == answer
    assert line.session.replied_late(dispatch.correlation, stored=stored) == []
    assert kinds(line.call("b", "Heartbeat", {})) == [HeartbeatReceived]


def test_a_token_whose_name_is_escaped_is_not_authorized_by_silence(connect: Any, dispatched: Any, sent: Any) -> None:
    line = connect()
    text = orjson.dumps([2, "a", "TransactionEvent", EVENT | {"idToken": TOKEN}])
    dispatch = dispatched(line.session.receive_text(text.replace(b"idToken", b"idTok\\u0065n"), 0.0))
    assert sent(line.session.replied_late(dispatch.correlation, stored=True))[:3] == [4, "a", "InternalError"]


def test_a_token_in_a_call_that_had_to_wait_is_not_authorized_by_silence(
    connect: Any, dispatched: Any, sent: Any
) -> None:
    line = connect()
    first = dispatched(line.call("a", "StatusNotification", STATUS))
    line.call("b", "TransactionEvent", EVENT | {"idToken": TOKEN})
    second = dispatched(line.reply(first, {}))
    assert sent(line.session.replied_late(second.correlation, stored=True))[:3] == [4, "b", "InternalError"]
