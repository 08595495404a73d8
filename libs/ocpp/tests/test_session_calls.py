"""Requests that the station begins."""
# ruff: noqa: FBT001, PLR0917 - fixtures are the harness, and a conftest's classes cannot be imported

from datetime import UTC, datetime
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


@pytest.mark.parametrize(
    ("action", "payload", "stored", "answer"),
    [
        ("StatusNotification", STATUS, True, [3, "a", {}]),
        ("StatusNotification", STATUS, False, [4, "a", "InternalError"]),
        ("DataTransfer", {"vendorId": "v"}, True, [4, "a", "InternalError"]),
        ("TransactionEvent", EVENT, True, [3, "a", {}]),
        # Nobody decided on the token: an empty answer would be taken for an authorization.
        ("TransactionEvent", EVENT | {"idToken": TOKEN}, True, [4, "a", "InternalError"]),
        ("TransactionEvent", EVENT | {"eventType": "Ended", "idToken": TOKEN}, True, [4, "a", "InternalError"]),
    ],
)
def test_a_silent_service(
    action: str,
    payload: Any,
    stored: bool,
    answer: list[Any],
    connect: Any,
    dispatched: Any,
    sent: Any,
) -> None:
    line = connect()
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


@pytest.mark.parametrize("registration", [Registration.UNKNOWN, Registration.PENDING, Registration.REJECTED])
def test_only_a_boot_before_acceptance(
    registration: Registration, connect: Any, dispatched: Any, sent: Any, boot: Any, booted: Any
) -> None:
    line = connect(registration=registration)
    for action, payload in (("StatusNotification", STATUS), ("Heartbeat", {}), ("TransactionEvent", {})):
        assert sent(line.call("a", action, payload))[:3] == [4, "a", "SecurityError"]
    line.reply(dispatched(line.call("b", "BootNotification", boot)), booted)
    assert line.session.registration is Registration.ACCEPTED
    assert dispatched(line.call("c", "StatusNotification", STATUS))


def test_16_boots_too(connect: Any, dispatched: Any, sent: Any, booted: Any) -> None:
    line = connect(P16, Registration.UNKNOWN)
    assert sent(line.call("a", "Authorize", {"idTag": "x"}))[2] == "SecurityError"
    boot = {"chargePointModel": "M", "chargePointVendor": "V"}
    line.reply(dispatched(line.call("b", "BootNotification", boot)), booted)
    assert dispatched(line.call("c", "Authorize", {"idTag": "x"}))


def test_what_waits_behind_the_boot_is_judged_after_it(connect: Any, dispatched: Any, boot: Any, booted: Any) -> None:
    line = connect(registration=Registration.UNKNOWN)
    dispatch = dispatched(line.call("a", "BootNotification", boot))
    line.call("b", "StatusNotification", STATUS)
    assert dispatched(line.reply(dispatch, booted)).message_id == "b"


def test_what_was_asked_for_may_come_before_acceptance(
    connect: Any, dispatched: Any, sent: Any, notify_report: Any
) -> None:
    line = connect(registration=Registration.PENDING)
    assert sent(line.call("a", "NotifyReport", notify_report))[2] == "SecurityError"
    line.command("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    assert dispatched(line.call("b", "NotifyReport", notify_report))


def test_what_a_waiting_command_asks_for_is_not_yet_asked(connect: Any, sent: Any, notify_report: Any) -> None:
    line = connect(registration=Registration.PENDING)
    line.command()
    line.command("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}, id="c2")
    assert sent(line.call("a", "NotifyReport", notify_report))[2] == "SecurityError"


def test_a_station_sent_back_to_pending(connect: Any, dispatched: Any, sent: Any, boot: Any, booted: Any) -> None:
    line = connect()
    line.reply(dispatched(line.call("a", "BootNotification", boot)), booted | {"status": "Pending"})
    assert sent(line.call("b", "StatusNotification", STATUS))[2] == "SecurityError"


def test_a_send_is_dispatched_and_never_answered(connect: Any, dispatched: Any) -> None:
    line = connect(P21)
    line.call("a", "Heartbeat", {})
    dispatch = dispatched(line.text(6, "s", "NotifyPeriodicEventStream", STREAM))
    assert dispatch.no_reply
    assert kinds(line.reply(dispatch, {})) == [Notice]


@pytest.mark.parametrize(
    ("action", "payload"),
    [("Nonsense", {}), ("Heartbeat", {}), ("NotifyPeriodicEventStream", {}), ("Reset", {"type": "OnIdle"})],
)
def test_a_wrong_send_is_dropped(action: str, payload: Any, connect: Any, noticed: Any) -> None:
    effects = connect(P21).text(6, "s", action, payload)
    assert kinds(effects) == [Notice]
    assert noticed(effects).kind is NoticeKind.SEND_REFUSED


def test_a_send_before_acceptance_is_dropped(connect: Any) -> None:
    line = connect(P21, Registration.PENDING)
    assert kinds(line.text(6, "s", "NotifyPeriodicEventStream", STREAM)) == [Notice]


BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
LATER = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


@pytest.mark.parametrize(
    ("action", "payload", "carried", "told"),
    [
        (
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "serialNumber": "S" * 26}},
            None,
            "/chargingStation/serialNumber: may have at most 25 characters",
        ),
        (
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "modem": None}},
            BOOT,
            "/chargingStation/modem: must be of type object",
        ),
        (
            "StatusNotification",
            LATER | {"connectorStatus": "Charging", "customData": {"vendorId": "v", "kept": None}},
            None,
            "/connectorStatus: must be one of Available, Occupied, Reserved, Unavailable, Faulted",
        ),
    ],
)
def test_lenient_takes_what_can_be_read_and_notes_what_was_wrong(
    action: str, payload: Any, carried: Any, told: str, connect: Any, dispatched: Any, noticed: Any
) -> None:
    effects = connect(lenient=True).call("a", action, payload)
    assert orjson.loads(dispatched(effects).payload) == (payload if carried is None else carried)
    assert (noticed(effects).kind, noticed(effects).action, noticed(effects).detail) == (
        NoticeKind.TOLERATED,
        action,
        told,
    )
    assert noticed(connect().call("a", action, payload)).kind is NoticeKind.CALL_REFUSED


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"reason": "PowerUp", "chargingStation": {"model": None, "vendorName": "V"}}),
        ("BootNotification", {"reason": "PowerUp", "chargingStation": {"model": 1, "vendorName": "V"}}),
        ("StatusNotification", LATER | {"connectorStatus": "x" * 17}),
        ("StatusNotification", LATER | {"connectorStatus": ""}),
        (
            "TransactionEvent",
            {
                "eventType": "Paused",
                "timestamp": "2026-01-01T00:00:00Z",
                "triggerReason": "Trigger",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "t"},
            },
        ),
        (
            "TransactionEvent",
            {
                "eventType": "Started",
                "timestamp": "2026-01-01T00:00:00Z",
                "triggerReason": "Trigger",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "t" * 37},
            },
        ),
    ],
)
def test_lenient_refuses_what_nobody_could_read(action: str, payload: Any, connect: Any, noticed: Any) -> None:
    assert noticed(connect(lenient=True).call("a", action, payload)).kind is NoticeKind.CALL_REFUSED


def test_what_is_tolerated_in_a_queued_call_is_noted_once(connect: Any, noticed: Any) -> None:
    line = connect(lenient=True)
    line.call("a", "StatusNotification", LATER)
    assert noticed(line.call("b", "StatusNotification", LATER | {"connectorStatus": "Charging"})).kind is (
        NoticeKind.TOLERATED
    )
    (effect,) = line.call("c", "StatusNotification", LATER) or [None]
    assert effect is None


def test_lenient_takes_a_long_list_with_unknown_values_but_not_with_null(
    connect: Any, dispatched: Any, noticed: Any
) -> None:
    def values(**more: Any) -> dict[str, Any]:
        sampled = [{"value": 1, "measurand": "Temperature", **more}]
        return {"evseId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": sampled}] * 5000}

    effects = connect(lenient=True).call("a", "MeterValues", values())
    assert orjson.loads(dispatched(effects).payload) == values()
    assert (noticed(effects).kind, noticed(effects).code) == (
        NoticeKind.TOLERATED,
        ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    )
    assert noticed(connect(lenient=True).call("a", "MeterValues", values(phase=None))).kind is NoticeKind.CALL_REFUSED
