"""OCPP-J frames of OCPP 2.0.1, independent of the CSMS's own code: a shared mistake would hide itself."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from csms_testing.simulator.errors import BadFrame

Json: TypeAlias = dict[str, Any]

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
_LENGTHS = {CALL: 4, CALL_RESULT: 3, CALL_ERROR: 5}
_UNREADABLE_ID = "-1"


@dataclass(frozen=True, slots=True)
class Call:
    """`[2, id, action, payload]`."""

    message_id: str
    action: str
    payload: Json


@dataclass(frozen=True, slots=True)
class CallResult:
    """`[3, id, payload]`."""

    message_id: str
    payload: Json


@dataclass(frozen=True, slots=True)
class CallError:
    """`[4, id, code, description, details]`."""

    message_id: str
    code: str
    description: str
    details: Json


Frame: TypeAlias = Call | CallResult | CallError


def encode(frame: Frame) -> str:
    """The text of a frame."""
    match frame:
        case Call(message_id, action, payload):
            parts = [CALL, message_id, action, payload]
        case CallResult(message_id, payload):
            parts = [CALL_RESULT, message_id, payload]
        case CallError(message_id, code, description, details):
            parts = [CALL_ERROR, message_id, code, description[:255], details]
    return orjson.dumps(parts).decode()


def parse(text: str | bytes) -> Frame:
    """Read a frame. Raises BadFrame."""
    try:
        parts = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadFrame(_UNREADABLE_ID, f"not JSON: {error}") from error
    if not isinstance(parts, list) or len(parts) <= 1 or not isinstance(parts[1], str):
        raise BadFrame(_UNREADABLE_ID, "not an OCPP-J message")
    return _build(parts)


def _build(parts: list[Any]) -> Frame:
    kind, message_id = parts[0], parts[1]
    if _LENGTHS.get(kind) != len(parts) or not isinstance(parts[-1], dict):
        raise BadFrame(message_id, f"not a message of type {kind}")
    if kind == CALL:
        return Call(message_id, str(parts[2]), parts[3])
    if kind == CALL_RESULT:
        return CallResult(message_id, parts[2])
    return CallError(message_id, str(parts[2]), str(parts[3]), parts[4])
