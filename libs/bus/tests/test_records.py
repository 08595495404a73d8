import pytest
from csms.v1.station_pb2 import Reply, ReplyTo, StationCall
from csms_bus.ports import Incoming
from csms_bus.records import dead_letter, error_to, new_record, reply_to
from csms_runtime.clock import now_ms

CALL = StationCall(reply_to=ReplyTo(topic="gateway.inbox", partition=7), correlation_id="c1", action="Heartbeat")


def test_new_record_fills_the_envelope() -> None:
    before = now_ms()
    one, other = (new_record("CS1", traceparent="t", reply=Reply(correlation_id="a")) for _ in range(2))
    assert (one.station_id, one.traceparent, one.reply.correlation_id) == ("CS1", "t", "a")
    assert before <= one.produced_at_ms <= now_ms()
    assert one.record_id != other.record_id


@pytest.mark.parametrize("bodies", [{}, {"reply": Reply(), "station_call": CALL}])
def test_record_has_exactly_one_body(bodies: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        new_record("CS1", **bodies)


def test_unknown_body_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        new_record("CS1", nonsense=Reply())


def test_reply_goes_to_the_partition_of_the_gateway_that_asked() -> None:
    answer = reply_to(CALL, payload=b'{"currentTime":""}', station_id="CS1")
    assert (answer.topic, answer.partition, answer.record.station_id) == ("gateway.inbox", 7, "CS1")
    assert answer.record.reply == Reply(correlation_id="c1", payload=b'{"currentTime":""}')


def test_error_carries_code_and_details() -> None:
    answer = error_to(CALL, "CS1", "InternalError", "sorry", details=b'{"why":1}')
    error = answer.record.reply.error
    assert (error.code, error.description, error.details) == ("InternalError", "sorry", b'{"why":1}')
    assert error_to(CALL, "CS1", "InternalError").record.reply.error.details == b"{}"


def test_send_cannot_be_answered() -> None:
    send = StationCall(action="NotifyPeriodicEventStream", no_reply=True)
    with pytest.raises(ValueError, match="SEND"):
        reply_to(send, payload=b"{}")


def test_dead_letter_keeps_the_record() -> None:
    record = new_record("CS1", station_call=CALL)
    letter = dead_letter(Incoming("log", 2, 99, "CS1", record, b"as it was"), group="g", reason="because")
    body = letter.record.dead_letter
    assert (letter.topic, letter.key, letter.record.station_id) == ("dead-letters", "CS1", "CS1")
    assert (body.topic, body.partition, body.offset, body.group, body.reason) == ("log", 2, 99, "g", "because")
    assert body.value == b"as it was"


def test_dead_letter_keeps_undecodable_bytes() -> None:
    letter = dead_letter(Incoming("log", 2, 99, "CS1", None, b"\xff\xff"), group="g", reason="because")
    assert letter.record.dead_letter.value == b"\xff\xff"
