"""Answers a station's CALL as its version of OCPP says."""

from collections.abc import Sequence
from typing import Any

import orjson
from csms.v1.bus_pb2 import Record
from csms_bus.records import error_to, reply_to
from csms_ocpp.errors import ErrorCode
from csms_runtime.clock import from_ms

from csms_auth import domain_events, versions
from csms_auth.domain.tokens import Answer, Question, TokenRef
from csms_auth.handlers.action import Action, StationMessage
from csms_auth.handlers.turn import SKIP, ContractAsked, StatusAsked, Step, Turn, expired


def step(record: Record, now_ms: int) -> Step:
    """Return how to answer. An action that is not served gets CALLERROR NotSupported.

    A CALL past its deadline is skipped unless it leaves something to store; others are told that nobody decided on its
    tokens. Raises ValueError or KeyError for a payload that the gateway should not have let through.
    """
    call = record.station_call
    version = versions.of(call.protocol)
    action = None if version is None else version.actions.get(call.action)
    if action is None:
        return _not_supported(record)
    if expired(call.deadline_ms, now_ms) and not action.stores:
        return _too_late(record, action.tokens(orjson.loads(call.payload)))
    return _answered(record, action, orjson.loads(call.payload))


def _answered(record: Record, action: Action, request: dict[str, Any]) -> Step:
    call = record.station_call

    def run(turn: Turn) -> None:
        def decide(ref: TokenRef) -> Answer:
            return turn.decide_token(Question(ref, station_id=record.station_id))

        station = turn.stations.get(record.station_id) if action.wants_station else None
        received_at = from_ms(call.received_at_ms)
        outcome = action.answer(StationMessage(record.station_id, request, received_at, turn.rules, station), decide)
        if outcome.certificate_request is not None:
            turn.certificate_requests.append(outcome.certificate_request)
        if call.no_reply:
            return
        if outcome.status is not None:
            turn.status_questions.append(StatusAsked(record, outcome.response, *outcome.status))
        elif outcome.contract is not None:
            turn.contract_questions.append(ContractAsked(record, outcome.response, *outcome.contract))
        else:
            payload = orjson.dumps(outcome.response)
            reply = reply_to(call, payload=payload, station_id=record.station_id)
            turn.outgoing.append(reply)
        if outcome.decided is not None:
            turn.decided.append(domain_events.authorization_decided(record, *outcome.decided))

    station_id = record.station_id if action.wants_station else None
    tokens = action.tokens(request)
    return Step(run, station_id=station_id, tokens=tokens, asking=[record.station_id], stores=action.stores)


def _too_late(record: Record, tokens: Sequence[TokenRef]) -> Step:
    if not tokens:
        return SKIP

    def run(turn: Turn) -> None:
        turn.decided.extend(domain_events.authorization_decided(record, token, None) for token in tokens)

    return Step(run)


def _not_supported(record: Record) -> Step:
    call = record.station_call

    def run(turn: Turn) -> None:
        if not call.no_reply:
            text = f"{call.action} is not supported for {call.protocol}"
            turn.outgoing.append(error_to(call, record.station_id, ErrorCode.NOT_SUPPORTED, text))

    return Step(run)
