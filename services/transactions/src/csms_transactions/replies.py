"""Makes answers to stations. There is none when the gateway does not wait for it any more."""

from collections.abc import Mapping
from typing import Any

import orjson
from csms.v1.station_pb2 import StationCall
from csms_bus.ports import Outgoing
from csms_bus.records import error_to, reply_to
from csms_bus.several_answers import SeveralAnswers
from csms_ocpp.errors import ErrorCode
from csms_runtime.clock import now_ms
from csms_runtime.metrics import TRANSACTION_REPLIES_DROPPED

EMPTY: Mapping[str, Any] = {}


def wanted(call: StationCall) -> bool:
    """Whether the gateway still waits for the answer."""
    if call.no_reply:
        return False
    if call.deadline_ms > now_ms():
        return True
    TRANSACTION_REPLIES_DROPPED.labels("late").inc()
    return False


def response(station_id: str, call: StationCall, payload: Mapping[str, Any]) -> list[Outgoing]:
    """Return a CALLRESULT; empty when the gateway does not wait."""
    return [reply_to(call, payload=orjson.dumps(payload), station_id=station_id)] if wanted(call) else []


def add(answers: SeveralAnswers, station_id: str, call: StationCall, payload: Mapping[str, Any]) -> None:
    """Add a CALLRESULT, unless the gateway does not wait."""
    if wanted(call):
        answers.add(call, station_id, orjson.dumps(payload) if payload else b"{}")


def error(station_id: str, call: StationCall, code: ErrorCode, description: str) -> list[Outgoing]:
    """Return a CALLERROR; empty when nobody waits. Never for business reasons: the station would resend (E13)."""
    return [error_to(call, station_id, code, description)] if wanted(call) else []
