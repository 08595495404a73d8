"""What comes in that is no proper frame, and the end of a session."""
# ruff: noqa: PLR0917 - fixtures are the harness, and a conftest's classes cannot be imported

from typing import Any

import pytest
from csms_ocpp.session import Close, CloseCode, CommandDone, Notice, NoticeKind, Outcome, SendText, State
from csms_ocpp.versions import Protocol

P16, P201, P21 = Protocol


def kinds(effects: list[Any]) -> list[type]:
    return [type(effect) for effect in effects]


@pytest.mark.parametrize(
    ("protocol", "data", "answer"),
    [
        (P201, "{", [4, "-1", "RpcFrameworkError"]),
        (P16, "{", [4, "-1", "FormationViolation"]),
        (P201, b"\xff", [4, "-1", "RpcFrameworkError"]),
        (P201, '"text"', [4, "-1", "RpcFrameworkError"]),
        (P201, '[2,"a","Heartbeat"]', [4, "a", "RpcFrameworkError"]),
        (P16, '[2,"a","Heartbeat"]', [4, "a", "ProtocolError"]),
        (P201, '[7,"a",{}]', [4, "a", "MessageTypeNotSupported"]),
    ],
)
def test_malformed_frames_are_answered(
    protocol: Protocol, data: str | bytes, answer: list[Any], connect: Any, sent: Any, noticed: Any
) -> None:
    line = connect(protocol)
    effects = line.session.receive_text(data, 0.0)
    assert sent(effects)[:3] == answer
    assert sent(effects)[4] == {}
    assert noticed(effects).kind is NoticeKind.INVALID_FRAME
    assert line.session.state is State.OPEN
    assert len(line.call("next", "Heartbeat", {})) == 1


@pytest.mark.parametrize(
    ("protocol", "data"),
    [
        (P16, '[7,"a",{}]'),
        (P21, '[7,"a",{}]'),
        (P201, "[7]"),
        (P201, "[3]"),
        (P21, "[4,[]]"),
        (P21, "[5]"),
        (P21, "[6,1]"),
    ],
)
def test_others_are_only_counted(protocol: Protocol, data: str, connect: Any, noticed: Any) -> None:
    effects = connect(protocol).session.receive_text(data, 0.0)
    assert kinds(effects) == [Notice]
    assert noticed(effects).kind is NoticeKind.INVALID_FRAME


def test_a_binary_frame_ends_the_connection(connect: Any) -> None:
    line = connect()
    line.command()
    effects = line.session.receive_binary(0.0)
    assert kinds(effects) == [Notice, Close]
    assert effects[1].code is CloseCode.UNSUPPORTED_DATA
    assert line.session.state is State.CLOSING
    assert line.session.receive_binary(0.0) == []
    assert kinds(line.session.close(0.0)) == [CommandDone]


def test_nothing_happens_while_closing(connect: Any) -> None:
    line = connect()
    (beat,) = line.call("a", "Heartbeat", {})
    line.session.receive_binary(0.0)
    assert line.call("b", "Heartbeat", {}) == []
    assert line.reply(beat, {}) == []
    assert line.session.replied_late(beat.correlation, stored=True) == []
    assert line.session.tick(1e9) == []
    assert line.session.next_deadline() is None


def test_nothing_happens_after_the_end(connect: Any) -> None:
    line = connect()
    (beat,) = line.call("a", "Heartbeat", {})
    assert line.session.close(0.0) == []
    assert line.session.state is State.CLOSED
    assert line.session.close(0.0) == []
    assert line.call("b", "Heartbeat", {}) == []
    assert line.reply(beat, {}) == []
    assert line.session.receive_binary(0.0) == []
    assert line.session.tick(0.0) == []


def test_a_command_after_the_end_still_gets_its_outcome(connect: Any) -> None:
    line = connect()
    line.session.close(0.0)
    assert line.command() == [CommandDone("c1", Outcome.NOT_CONNECTED)]


def test_a_session_knows_its_version(connect: Any) -> None:
    assert connect(P21).session.protocol is P21


def test_an_unanswerable_flood_grows_nothing(connect: Any) -> None:
    line = connect()
    for _ in range(1000):
        effects = line.session.receive_text("[", 0.0)
        assert kinds(effects) == [Notice, SendText]
    assert line.session.can_receive
