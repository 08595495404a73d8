"""Another service asks whether tokens may be used: one request carries the questions of a whole batch."""

from csms.v1.auth_pb2 import AuthorizationDecision
from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_bus.records import new_record

from csms_auth import bus_messages
from csms_auth.handlers.turn import SKIP, Step, Turn, expired


def step(record: Record, now_ms: int) -> Step:
    """Return how to answer, in the order of the questions. A request past its deadline is skipped."""
    request = record.authorization_request
    if expired(request.deadline_ms, now_ms):
        return SKIP
    questions = bus_messages.questions(request)

    def run(turn: Turn) -> None:
        infos = [
            bus_messages.id_token_info(turn.decide_token(question), turn.key_codes.hidden(question.token).key)
            for question in questions
        ]
        answer = AuthorizationDecision(correlation_id=request.correlation_id, answers=infos)
        reply = new_record(record.station_id, authorization_decision=answer)
        turn.outgoing.append(Outgoing(request.reply_to.topic, reply, partition=request.reply_to.partition))

    asking = {question.station_id for question in questions}
    return Step(run, tokens=[question.token for question in questions], asking=asking)
