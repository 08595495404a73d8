"""What a session keeps, and for how long; what a Heartbeat takes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from csms_ocpp import station_calls
from csms_ocpp.session import Dispatch, HeartbeatReceived, Notice, NoticeKind, SendText
from csms_ocpp.versions import Protocol

TOKEN = {"idToken": {"idToken": "DEADBEEF", "type": "ISO14443"}}
ACCEPTED = {"idTokenInfo": {"status": "Accepted"}}
DATA = {"vendorId": "v", "data": "x" * 600}
P201 = Protocol.OCPP201


def authorize(line: Any, now: float) -> list[Any]:
    return line.text(2, "1", "Authorize", TOKEN, now=now)  # type: ignore[no-any-return]


def test_a_repeat_soon_is_answered_from_memory_later_it_is_asked_again(connect: Any, dispatched: Any) -> None:
    line = connect(answer_max_age_s=300)
    line.reply(dispatched(authorize(line, 1000.0)), ACCEPTED)
    assert [type(effect) for effect in authorize(line, 1300.0)] == [Notice, SendText]
    again = dispatched(authorize(line, 1300.5))
    line.reply(again, ACCEPTED)
    assert [type(effect) for effect in authorize(line, 1600.0)] == [Notice, SendText]


def test_what_waited_ages_from_when_it_came(connect: Any, dispatched: Any) -> None:
    line = connect(answer_max_age_s=300)
    first = dispatched(line.call("0", "DataTransfer", DATA))
    assert authorize(line, 50.0) == []
    waited = next(effect for effect in line.reply(first, {"status": "Accepted"}) if isinstance(effect, Dispatch))
    line.reply(waited, ACCEPTED)
    assert [type(effect) for effect in authorize(line, 350.0)] == [Notice, SendText]
    assert dispatched(authorize(line, 351.0))


def test_what_waits_is_bounded_by_bytes(connect: Any, dispatched: Any, sent: Any, noticed: Any) -> None:
    line = connect(max_queued_bytes=1000)
    first = dispatched(line.call("0", "DataTransfer", DATA))
    assert line.call("1", "DataTransfer", DATA) == []
    assert line.session.can_receive
    assert line.call("2", "DataTransfer", DATA) == []
    assert not line.session.can_receive
    refused = line.call("3", "Heartbeat", {})
    assert noticed(refused).kind is NoticeKind.OVERLOADED
    assert sent(refused)[:3] == [4, "3", "GenericError"]
    line.reply(first, {"status": "Accepted"})
    assert line.session.can_receive


def test_what_waits_is_kept_as_its_bytes_alone(connect: Any) -> None:
    line = connect()
    line.call("0", "DataTransfer", DATA)
    line.call("1", "DataTransfer", DATA)
    (queued,) = line.session._calls._queue
    assert queued.call.payload is None
    assert DATA["data"].encode() in queued.call.raw


@pytest.mark.parametrize("text", ['[2,"a","Heartbeat",null]', '[2,"a","Heartbeat",{}]'])
def test_null_is_a_request_without_fields(text: str, connect: Any) -> None:
    assert connect().session.receive_text(text, 0.0) == [HeartbeatReceived(1, "a")]


def test_null_is_dispatched_as_an_object(connect: Any, dispatched: Any) -> None:
    send = dispatched(connect(Protocol.OCPP21).call("a", "DataTransfer", {"vendorId": "v", "data": None}))
    assert send.payload == b'{"vendorId":"v","data":null}'
    effects = connect(P201).session.receive_text('[2,"a","DataTransfer",null]', 0.0)
    assert effects[0].code == "OccurrenceConstraintViolation"  # taken as empty, and a field is missing


def test_the_answer_to_a_heartbeat_takes_no_place_among_the_checked_ones(connect: Any, sent: Any) -> None:
    line = connect()
    before = station_calls._checked_before.cache_info()
    for second in range(10):
        (beat,) = line.call(str(second), "Heartbeat", {})
        answer = line.session.answer_heartbeat(beat.correlation, datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC))
        assert sent(answer) == [3, str(second), {"currentTime": f"2026-01-01T00:00:0{second}.000Z"}]
    assert station_calls._checked_before.cache_info() == before
    assert line.session.answer_heartbeat(99, datetime.now(UTC))[0].kind is NoticeKind.LATE_REPLY


def test_a_heartbeat_answered_lets_the_next_call_begin(connect: Any) -> None:
    line = connect()
    (beat,) = line.call("a", "Heartbeat", {})
    line.call("b", "DataTransfer", DATA)
    effects = line.session.answer_heartbeat(beat.correlation, datetime.now(UTC))
    assert [type(effect) for effect in effects] == [SendText, Dispatch]
