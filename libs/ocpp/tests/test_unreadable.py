"""Messages that no JSON parser takes: whoever can be told is told at once, by what their head says."""

from typing import Any

import orjson
import pytest
from csms_ocpp.effects import Effect
from csms_ocpp.session import Command, CommandDone, Notice, NoticeKind, Outcome, Registration, SendText, Session
from csms_ocpp.versions import Protocol
from hypothesis import given
from hypothesis import strategies as st

P16, P201, P21 = Protocol

VALUES = [
    rb'"\ud800"',
    rb'"\udfff and more"',
    b"1e400",
    b"-1e400",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b'"\0"',
    b'"\x1f"',
    b'"line\nbreak"',
    b"[" * 3000 + b"]" * 3000,
    b"01",
    b"+1",
    b".5",
    b"0x10",
    b"'a'",
    b"undefined",
    b"[1,]",
    b'"never ends',
    b'{"a":1',
    b"\0",
    b'"\xff"',
    b'"\\x"',
]


def payloads(value: bytes) -> list[bytes]:
    return [b'{"status":%b}' % value, b'{"a":[{"customData":%b}]}' % value, value]


FRAMES = [payload for value in VALUES for payload in payloads(value)]


def of(kind: type, effects: list[Effect]) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kind)]


@pytest.mark.parametrize("payload", FRAMES, ids=lambda payload: repr(payload[:40]))
@pytest.mark.parametrize("protocol", Protocol)
def test_a_call_is_refused_under_its_own_id(protocol: Protocol, payload: bytes, connect: Any, sent: Any) -> None:
    line = connect(protocol)
    effects = line.session.receive_text(b'[2,"a\\u0062c","StatusNotification",%b]' % payload, 0.0)
    code = "FormationViolation" if protocol is P16 else "FormatViolation"
    kind, message_id, told, why, details = sent(effects)
    assert (kind, message_id, told, details) == (4, "abc", code, {})
    assert why.startswith("not valid JSON: ")
    (notice,) = of(Notice, effects)
    assert (notice.kind, notice.action, notice.detail) == (NoticeKind.INVALID_FRAME, "StatusNotification", why)
    assert len(line.call("next", "Heartbeat", {})) == 1


@pytest.mark.parametrize("payload", FRAMES, ids=lambda payload: repr(payload[:40]))
@pytest.mark.parametrize(
    "head", [b'[3,"c1",', b'[4,"c1","InternalError","",', b' [ 4 , "c1",', b'\xef\xbb\xbf[3,"c1",']
)
@pytest.mark.parametrize("protocol", Protocol)
def test_a_command_ends_at_once(protocol: Protocol, head: bytes, payload: bytes, connect: Any, noticed: Any) -> None:
    line = connect(protocol)
    line.command()
    line.command(id="c2")
    effects = line.session.receive_text(head + payload + b"]", 1.0)
    (done,) = of(CommandDone, effects)
    assert (done.id, done.outcome, done.error.code) == ("c1", Outcome.ERROR, "FormatViolation")
    assert done.error.description.startswith("not valid JSON: ")
    assert noticed(effects).kind is NoticeKind.INVALID_FRAME
    texts = [orjson.loads(effect.text)[:2] for effect in of(SendText, effects)]
    assert texts == [*([[5, "c1"]] if protocol is P21 and b"3" in head else []), [2, "c2"]]


@pytest.mark.parametrize("payload", VALUES, ids=repr)
@pytest.mark.parametrize("head", [b'[3,"other",', b'[3,"\\ud800",', b"[3,", b"[4,", b'[4,"x', b'[3,{"a":'])
@pytest.mark.parametrize("protocol", Protocol)
def test_an_answer_is_never_answered(protocol: Protocol, head: bytes, payload: bytes, connect: Any) -> None:
    line = connect(protocol)
    line.command()
    effects = line.session.receive_text(head + payload, 1.0)
    assert [type(effect) for effect in effects] == [Notice]


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b'[2,"a","Heartb', ["a", "RpcFrameworkError"]),
        (b'[2,"a",', ["a", "RpcFrameworkError"]),
        (b'[2,"a"', ["a", "RpcFrameworkError"]),
        (b'[2,"a","\\ud800",{}]', ["a", "RpcFrameworkError"]),
        (b'[2,"a","No such action",{"a":}]', ["a", "FormatViolation"]),
        (b'[2,"a","Heartbeat",{}]\0', ["a", "FormatViolation"]),
        (b'[2,"a","Heartbeat",{}', ["a", "FormatViolation"]),
        (b'\xef\xbb\xbf[2,"a","Heartbeat",{}]', ["a", "FormatViolation"]),
        (b'[2,"\\ud800","Heartbeat",{}]', ["-1", "RpcFrameworkError"]),
        (b'[2,"a\nb","Heartbeat",{}]', ["-1", "RpcFrameworkError"]),
        (b'[2,"' + b"x" * 37 + b'","Heartbeat",{]', ["-1", "RpcFrameworkError"]),
        (b'[2,"' + b"x" * 5000 + b'","Heartbeat",{]', ["-1", "RpcFrameworkError"]),
        (b"[2,", ["-1", "RpcFrameworkError"]),
        (b"[2", ["-1", "RpcFrameworkError"]),
        (b'[7,"a",{]', ["a", "RpcFrameworkError"]),
    ],
    ids=repr,
)
def test_as_much_of_the_head_counts_as_can_be_read(data: bytes, answer: list[str], connect: Any, sent: Any) -> None:
    assert sent(connect().session.receive_text(data, 0.0))[1:3] == answer


def test_an_unknown_action_is_no_label(connect: Any, noticed: Any) -> None:
    assert noticed(connect().session.receive_text(b'[2,"a","Whatever",{]', 0.0)).action == ""


def test_a_send_is_dropped(connect: Any) -> None:
    effects = connect(P21).session.receive_text(b'[6,"a","NotifyPeriodicEventStream",{"a":NaN}]', 0.0)
    assert [type(effect) for effect in effects] == [Notice]


IDS = st.text(min_size=1, max_size=36).filter(str.isprintable)
SPOILT = st.sampled_from(VALUES) | st.binary(max_size=30)


@given(st.sampled_from(Protocol), IDS, st.booleans(), SPOILT, st.sampled_from([b"]", b"", b"]]", b"]\0"]))
def test_a_command_ends_whatever_its_answer_holds(
    protocol: Protocol,
    command_id: str,
    is_error: bool,  # noqa: FBT001 - hypothesis names it
    payload: bytes,
    end: bytes,
) -> None:
    session = Session(protocol, registration=Registration.ACCEPTED)
    session.command(Command(command_id, "ClearCache", b"{}", 30.0, 100.0), 0.0)
    head = b"[4," if is_error else b"[3,"
    effects = session.receive_text(head + orjson.dumps(command_id) + b"," + payload + end, 1.0)
    assert [done.id for done in of(CommandDone, effects)] == [command_id]


@given(st.sampled_from(Protocol), IDS, SPOILT)
def test_a_call_is_answered_under_its_id_whatever_it_holds(protocol: Protocol, call_id: str, payload: bytes) -> None:
    session = Session(protocol, registration=Registration.ACCEPTED)
    effects = session.receive_text(b"[2," + orjson.dumps(call_id) + b',"ClearCache",' + payload + b"]", 1.0)
    assert [orjson.loads(text.text)[:2] for text in of(SendText, effects)] == [[4, call_id]]
