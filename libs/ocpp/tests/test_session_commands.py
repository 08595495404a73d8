"""Requests that the CSMS begins."""

from typing import Any

import orjson
import pytest
from csms_ocpp.session import CommandDone, ErrorInfo, Notice, NoticeKind, Outcome, Registration, SendText
from csms_ocpp.versions import Protocol

P16, P201, P21 = Protocol
ACCEPTED = {"status": "Accepted"}
BOOT_TRIGGER = {"requestedMessage": "BootNotification"}


def kinds(effects: list[Any]) -> list[type]:
    return [type(effect) for effect in effects]


def test_a_command_is_sent_and_its_result_comes_back(connect: Any, sent: Any) -> None:
    line = connect()
    assert sent(line.command(now=5.0)) == [2, "c1", "ClearCache", {}]
    effects = line.session.receive_text('[3,"c1",{"status": "Accepted"}]', 6.0)
    assert effects == [CommandDone("c1", Outcome.RESULT, b'{"status": "Accepted"}', None, 5.0)]


def test_one_open_call_at_a_time(connect: Any, sent: Any, done: Any) -> None:
    line = connect()
    line.command()
    assert line.command(id="c2") == []
    effects = line.text(3, "c1", ACCEPTED, now=7.0)
    assert kinds(effects) == [CommandDone, SendText]
    assert sent(effects)[1] == "c2"
    assert done(line.text(3, "c2", ACCEPTED)).sent_at == 7.0


def test_long_ids_get_a_message_id_of_their_own(connect: Any, sent: Any, done: Any) -> None:
    line = connect()
    message_id = sent(line.command(id="x" * 37))[1]
    assert len(message_id) == 36
    assert sent(connect().command(id="x" * 37))[1] == message_id
    assert sent(connect().command(id="x" * 38))[1] != message_id
    assert done(line.text(3, message_id, ACCEPTED)).id == "x" * 37
    assert sent(connect().command(id="x" * 36))[1] == "x" * 36


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        ("OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        ("FormationViolation", "FormatViolation"),
        ("NotSupported", "NotSupported"),
        ("VendorError", "VendorError"),
    ],
)
def test_a_callerror(code: str, canonical: str, connect: Any, done: Any) -> None:
    line = connect()
    line.command(now=1.0)
    finished = done(line.text(4, "c1", code, "because", {"x": 1}))
    told = ErrorInfo(canonical, "because", b'{"x":1}', by_station=True)
    assert finished == CommandDone("c1", Outcome.ERROR, None, told, 1.0)


@pytest.mark.parametrize("protocol", [P16, P201])
def test_an_invalid_result_is_not_answered(protocol: Protocol, connect: Any, done: Any, noticed: Any) -> None:
    line = connect(protocol)
    line.command(now=1.0)
    effects = line.text(3, "c1", {"status": "Perhaps"})
    assert kinds(effects) == [Notice, CommandDone]
    assert noticed(effects).kind is NoticeKind.INVALID_ANSWER
    finished = done(effects)
    assert (finished.outcome, finished.error.code, finished.sent_at) == ("error", "PropertyConstraintViolation", 1.0)
    assert not finished.error.by_station


def test_an_invalid_result_is_shown_without_secrets(connect: Any, done: Any) -> None:
    line = connect()
    asked = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    line.command(action="GetVariables", payload={"getVariableData": [asked]})
    answer = {"getVariableResult": [{**asked, "attributeStatus": "Perhaps", "attributeValue": "secret"}]}
    shown = done(line.text(3, "c1", answer)).error.details
    assert b"Perhaps" in shown
    assert b"secret" not in shown


def test_a_large_invalid_result_is_not_shown(connect: Any, done: Any) -> None:
    line = connect()
    line.command()
    assert done(line.text(3, "c1", {"status": "x" * 20_000})).error.details == b"{}"


def test_an_invalid_result_of_21_gets_a_callresulterror(connect: Any, sent: Any, done: Any) -> None:
    line = connect(P21)
    line.command()
    effects = line.text(3, "c1", {})
    assert sent(effects)[:3] == [5, "c1", "OccurrenceConstraintViolation"]
    assert done(effects).outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ([], "RpcFrameworkError"),
        ([None], "TypeConstraintViolation"),
        ([[]], "TypeConstraintViolation"),
        ([{}, {}], "RpcFrameworkError"),
    ],
)
def test_results_without_a_proper_payload_end_the_command(
    payload: list[Any], code: str, connect: Any, done: Any
) -> None:
    line = connect()
    line.command()
    assert done(line.text(3, "c1", *payload)).error.code == code


def test_null_is_a_result_without_fields(connect: Any, done: Any) -> None:
    line = connect()
    line.command("CostUpdated", {"totalCost": 1, "transactionId": "T"})
    assert done(line.text(3, "c1", None)).payload == b"{}"


def test_a_callresulterror_of_the_station_is_counted(connect: Any, noticed: Any) -> None:
    line = connect(P21)
    line.command()
    effects = line.text(5, "c1", "FormatViolation", "", {})
    assert kinds(effects) == [Notice]
    assert (noticed(effects).kind, noticed(effects).code) == (NoticeKind.RESULT_REFUSED, "FormatViolation")


def test_no_answer_in_time(connect: Any, sent: Any) -> None:
    line = connect()
    line.command(now=10.0, timeout_s=5.0)
    line.command(id="c2")
    assert line.session.next_deadline() == 15.0
    assert line.session.tick(14.9) == []
    effects = line.session.tick(15.0)
    assert effects[0] == CommandDone("c1", Outcome.TIMEOUT, sent_at=10.0)
    assert sent(effects)[1] == "c2"


def test_late_and_unknown_answers_change_nothing(connect: Any, noticed: Any) -> None:
    line = connect()
    line.command(timeout_s=5.0)
    line.session.tick(5.0)
    line.command(id="c2", now=5.0)
    for frame in ([3, "c1", ACCEPTED], [4, "c1", "GenericError", "", {}]):
        effects = line.text(*frame)
        assert kinds(effects) == [Notice]
        assert noticed(effects).kind is NoticeKind.LATE_ANSWER
    assert noticed(line.text(3, "nobody", ACCEPTED)).kind is NoticeKind.UNKNOWN_ANSWER
    assert kinds(line.text(3, "c2", ACCEPTED)) == [CommandDone]


def test_a_station_that_could_not_read_the_id_ends_the_open_command(connect: Any, sent: Any, noticed: Any) -> None:
    line = connect()
    assert noticed(line.text(4, "-1", "RpcFrameworkError", "", {})).kind is NoticeKind.UNKNOWN_ANSWER
    line.command()
    line.command(id="c2")
    done, following = line.text(4, "-1", "RpcFrameworkError", "not JSON", {})
    assert (done.id, done.outcome, done.error.code) == ("c1", Outcome.ERROR, "RpcFrameworkError")
    assert sent([following])[1] == "c2"
    assert kinds(line.text(3, "c1", ACCEPTED)) == [Notice]


def test_an_answer_counts_once(connect: Any, noticed: Any) -> None:
    line = connect()
    line.command()
    line.text(3, "c1", ACCEPTED)
    assert noticed(line.text(3, "c1", ACCEPTED)).kind is NoticeKind.UNKNOWN_ANSWER


def test_nothing_is_sent_after_its_deadline(connect: Any) -> None:
    line = connect()
    assert line.command(now=5.0, deadline=5.0) == [CommandDone("c1", Outcome.TIMEOUT)]
    line.command(id="c2", now=5.0)
    line.command(id="c3", now=5.0, deadline=6.0)
    line.command(id="c4", now=5.0)
    effects = line.text(3, "c2", ACCEPTED, now=6.0)
    assert [effect.id for effect in effects if isinstance(effect, CommandDone)] == ["c2", "c3"]
    assert isinstance(effects[-1], SendText)


def test_waiting_commands_end_at_their_deadline(connect: Any) -> None:
    line = connect()
    line.command(timeout_s=30.0)
    line.command(id="c2", deadline=6.0)
    line.command(id="c3", deadline=9.0)
    assert line.session.next_deadline() == 6.0
    assert line.session.tick(6.0) == [CommandDone("c2", Outcome.TIMEOUT)]
    assert line.session.next_deadline() == 9.0


def test_no_deadline_without_commands(connect: Any) -> None:
    line = connect()
    assert line.session.next_deadline() is None
    line.command()
    line.text(3, "c1", ACCEPTED)
    assert line.session.next_deadline() is None


def test_the_queue_is_bounded(connect: Any, done: Any) -> None:
    line = connect(max_queued_commands=2)
    for number in range(3):
        line.command(id=f"c{number}")
    finished = done(line.command(id="c3"))
    assert (finished.outcome, finished.error.code, finished.sent_at) == ("error", "GenericError", None)
    assert "not sent" in finished.error.description


def test_the_queue_is_bounded_by_bytes(connect: Any, done: Any) -> None:
    line = connect(max_queued_command_bytes=1000)
    data = {"vendorId": "V", "data": "x" * 800}
    line.command("DataTransfer", data)
    line.command("DataTransfer", data | {"data": "x" * 2000}, id="alone")
    finished = done(line.command("DataTransfer", data, id="more"))
    assert (finished.outcome, finished.error.code, finished.sent_at) == ("error", "GenericError", None)
    assert "not sent" in finished.error.description
    line.text(3, "c1", ACCEPTED)
    line.text(3, "alone", ACCEPTED)
    assert kinds(line.command("DataTransfer", data, id="later")) == [SendText]


def test_the_same_command_twice_is_one(connect: Any, noticed: Any) -> None:
    line = connect()
    line.command()
    assert noticed(line.command()).kind is NoticeKind.DUPLICATE_COMMAND
    line.command(id="c2")
    assert kinds(line.command(id="c2")) == [Notice]


@pytest.mark.parametrize(
    ("protocol", "action", "payload", "code"),
    [
        (P16, "GetVariables", b"{}", "NotImplemented"),
        (P201, "Authorize", b"{}", "NotSupported"),
        (P201, "Reset", b"{}", "OccurrenceConstraintViolation"),
        (P201, "Reset", b'{"type":"OnIdle"}]', "FormatViolation"),
        (P201, "DataTransfer", b'{"vendorId":"\\u0000"}', "FormatViolation"),
        (P201, "UpdateFirmware",
         b'{"requestId":1,"firmware":{"location":"x","retrieveDateTime":"2026-01-01T00:00:00"}}',
         "PropertyConstraintViolation"),
    ],
)  # fmt: skip
def test_wrong_commands_are_not_sent(protocol: Protocol, action: str, payload: bytes, code: str, connect: Any) -> None:
    line = connect(protocol)
    (finished,) = line.raw_command(action, payload)
    assert (finished.outcome, finished.error.code, finished.sent_at) == ("error", code, None)
    assert kinds(line.command()) == [SendText]


def test_a_rejected_station_gets_only_the_trigger_for_a_boot(connect: Any, done: Any, sent: Any) -> None:
    line = connect(registration=Registration.REJECTED)
    finished = done(line.command())
    assert (finished.error.code, finished.sent_at) == ("SecurityError", None)
    assert done(line.command("TriggerMessage", {"requestedMessage": "Heartbeat"})).error.code == "SecurityError"
    assert sent(line.command("TriggerMessage", BOOT_TRIGGER))[2] == "TriggerMessage"


@pytest.mark.parametrize("registration", [Registration.PENDING, Registration.UNKNOWN])
def test_others_get_commands(registration: Registration, connect: Any, sent: Any) -> None:
    assert sent(connect(registration=registration).command())[2] == "ClearCache"


def test_commands_that_wait_when_the_station_is_rejected(connect: Any, dispatched: Any, boot: Any, booted: Any) -> None:
    line = connect()
    line.command()
    line.command(id="c2")
    line.reply(dispatched(line.call("a", "BootNotification", boot)), booted | {"status": "Rejected"})
    effects = line.text(3, "c1", ACCEPTED)
    assert [(effect.id, effect.outcome) for effect in effects] == [("c1", "result"), ("c2", "error")]


def test_the_directions_are_independent(connect: Any, sent: Any) -> None:
    line = connect()
    (beat,) = line.call("c1", "Heartbeat", {})
    assert sent(line.command())[:2] == [2, "c1"]
    assert sent(line.reply(beat, {"currentTime": "2026-01-01T00:00:00Z"}))[:2] == [3, "c1"]
    assert kinds(line.text(3, "c1", ACCEPTED)) == [CommandDone]


def test_the_end_of_the_connection_ends_all_commands(connect: Any) -> None:
    line = connect()
    line.command(now=3.0)
    line.command(id="c2")
    assert line.session.close(4.0) == [
        CommandDone("c1", Outcome.UNKNOWN, sent_at=3.0),
        CommandDone("c2", Outcome.NOT_CONNECTED),
    ]


def test_payloads_do_not_show_in_logs(connect: Any) -> None:
    line = connect()
    line.command("SetVariables", {"setVariableData": [
        {"component": {"name": "C"}, "variable": {"name": "V"}, "attributeValue": "hunter2"}]}, id="s")  # fmt: skip
    effects = line.session.close(0.0) + line.call("a", "DataTransfer", {"vendorId": "v", "data": "hunter2"})
    assert "hunter2" not in repr(effects)


@pytest.mark.parametrize("protocol", Protocol)
def test_a_result_that_nobody_could_store(protocol: Protocol, connect: Any, done: Any) -> None:
    line = connect(protocol)
    line.command("DataTransfer", {"vendorId": "v"})
    finished = done(line.text(3, "c1", {"status": "Accepted", "data": "\x00"}))
    assert finished.error.code == "FormatViolation"


def test_lenient_takes_an_answer_with_null_and_not_one_with_an_unknown_status(connect: Any, noticed: Any) -> None:
    line = connect(lenient=True)
    line.command()
    notice, done = line.text(3, "c1", {**ACCEPTED, "statusInfo": None})
    assert (notice.kind, notice.detail) == (NoticeKind.TOLERATED, "/statusInfo: must be of type object")
    assert (done.outcome, orjson.loads(done.payload)) == (Outcome.RESULT, ACCEPTED)
    line.command(id="c2")
    effects = line.text(3, "c2", {"status": "Sure"})
    assert noticed(effects).kind is NoticeKind.INVALID_ANSWER
