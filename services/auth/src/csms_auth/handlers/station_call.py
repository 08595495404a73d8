"""A station's CALL: looked up in the table of actions, answered, replied to."""

from typing import Any

import orjson
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import StationCall
from csms_bus.records import error_to, reply_to
from csms_ocpp.errors import ErrorCode
from csms_runtime.clock import from_ms

from csms_auth.domain.tokens import Answer, Question, TokenRef
from csms_auth.handlers.action import Action, Call
from csms_auth.handlers.actions import ACTIONS
from csms_auth.handlers.turn import SKIP, Step, Turn, expired


def step(record: Record, now_ms: int) -> Step:
    """Return how to answer. An action that is not served gets CALLERROR NotSupported.

    A CALL past its deadline is skipped unless it leaves something to store. Raises ValueError or KeyError for a payload
    that the gateway should not have let through.
    """
    call = record.station_call
    action = ACTIONS.get((call.protocol, call.action))
    if action is None:
        return _not_supported(record.station_id, call)
    if expired(call.deadline_ms, now_ms) and not action.stores:
        return SKIP
    return _answered(action, call, record.station_id, orjson.loads(call.payload))


def _answered(action: Action, call: StationCall, station_id: str, request: dict[str, Any]) -> Step:
    def run(turn: Turn) -> None:
        def decide(ref: TokenRef) -> Answer:
            return turn.decide_token(Question(ref))

        outcome = action.answer(Call(station_id, request, from_ms(call.received_at_ms)), decide)
        if outcome.certificate_request is not None:
            turn.certificate_requests.append(outcome.certificate_request)
        if not call.no_reply:
            turn.outgoing.append(reply_to(call, payload=orjson.dumps(outcome.response)))

    return Step(run, tokens=action.tokens(request), stores=action.stores)


def _not_supported(station_id: str, call: StationCall) -> Step:
    def run(turn: Turn) -> None:
        if not call.no_reply:
            text = f"{call.action} is not supported for {call.protocol}"
            turn.outgoing.append(error_to(call, station_id, ErrorCode.NOT_SUPPORTED, text))

    return Step(run)
