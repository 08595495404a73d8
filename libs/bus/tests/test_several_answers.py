"""Small answers for one gateway travel in one record, if that gateway takes several."""

from csms.v1.station_pb2 import ReplyTo, StationCall
from csms_bus.kafka_records import decode
from csms_bus.last_words import refused
from csms_bus.ports import Outgoing
from csms_bus.sealed import sealed
from csms_bus.several_answers import MOST_ANSWERS, MOST_BYTES, SeveralAnswers
from csms_runtime.sealing import Sealer
from csms_runtime.secret_keys import SecretKeys

INBOX = "gateway.inbox"


def call(number: int, slot: int = 0, *, several: bool = True) -> StationCall:
    to = ReplyTo(topic=INBOX, partition=slot, takes_several=several)
    return StationCall(reply_to=to, correlation_id=f"c{number}", action="TransactionEvent")


def told(records: list[Outgoing]) -> list[tuple[int | None, list[tuple[str, bytes]]]]:
    """The partition of each record, and its answers."""
    return [
        (
            outgoing.partition,
            [
                (reply.correlation_id, reply.payload)
                for reply in outgoing.record.replies.replies or [outgoing.record.reply]
            ],
        )
        for outgoing in records
    ]


def test_answers_for_one_gateway_are_one_record_in_their_order() -> None:
    answers = SeveralAnswers()
    for number, slot in ((1, 0), (2, 1), (3, 0)):
        answers.add(call(number, slot), "CS1", b"{}")
    assert told(answers.records) == [(0, [("c1", b"{}"), ("c3", b"{}")]), (1, [("c2", b"{}")])]
    assert [outgoing.topic for outgoing in answers.records] == [INBOX, INBOX]


def test_a_gateway_of_an_older_version_gets_one_in_each_record() -> None:
    answers = SeveralAnswers()
    for number in (1, 2):
        answers.add(call(number, several=False), "CS1", b"{}")
    assert [outgoing.record.reply.correlation_id for outgoing in answers.records] == ["c1", "c2"]
    assert [outgoing.record.station_id for outgoing in answers.records] == ["CS1", "CS1"]


def test_a_long_answer_is_alone_and_a_record_is_bounded() -> None:
    answers = SeveralAnswers()
    answers.add(call(0), "CS1", b'"' + b"a" * MOST_BYTES + b'"')
    for number in range(1, MOST_ANSWERS + 2):
        answers.add(call(number), "CS1", b"{}")
    assert [outgoing.record.WhichOneof("body") for outgoing in answers.records] == ["reply", "replies", "replies"]
    assert [len(outgoing.record.replies.replies) for outgoing in answers.records] == [0, MOST_ANSWERS, 1]


def test_such_a_record_may_stand_in_the_inbox_and_nowhere_else() -> None:
    answers = SeveralAnswers()
    answers.add(call(1), "CS1", b"{}")
    value = answers.records[0].record.SerializeToString()
    assert refused(decode(INBOX, 0, 0, "", value)) == ""
    assert refused(decode("ocpp.results", 0, 0, "", value)) == "ocpp.results carries no replies"


def test_one_secret_among_the_answers_seals_them() -> None:
    answers = SeveralAnswers()
    answers.add(call(1), "CS1", b"{}")
    answers.add(call(2), "CS2", b'{"variable":{"name":"BasicAuthPassword"},"attributeValue":"secret"}')
    closed = sealed(Sealer(SecretKeys(b"a key for tests only")), answers.records[0])
    assert closed.record.WhichOneof("body") == "sealed"
