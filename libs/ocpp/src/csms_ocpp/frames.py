"""OCPP-J frames and their texts (OCPP 2.0.1 and 2.1 Part 4, chapter 4; OCPP-J 1.6, chapter 4).

A frame keeps its payload twice: parsed, and as the bytes that were received. Services get the bytes, so that they lose
nothing of signed data or of a vendor's fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from csms_ocpp.errors import MAX_DESCRIPTION, ErrorCode, OcppError, parse_code

MAX_ID = 36
"""Characters in a message id."""
UNREADABLE_ID = "-1"
"""Stands in a CALLERROR for an id that could not be read."""


CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6
"""Message types: the first element of a frame. `Version.message_types` says which of them a version has."""


@dataclass(slots=True)  # not frozen: one is made for every message, and that would take three times as long
class Call:
    """A request that wants an answer: `[2, id, action, payload]`."""

    message_id: str
    action: str
    payload: object = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(slots=True)  # not frozen: one is made for every message, and that would take three times as long
class CallResult:
    """The answer to a CALL: `[3, id, payload]`."""

    message_id: str
    payload: object = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallError:
    """The refusal of a CALL: `[4, id, code, description, details]`. `code` is as spelled on the wire."""

    message_id: str
    code: str
    description: str
    details: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class CallResultError:
    """The refusal of a CALLRESULT (OCPP 2.1): `[5, id, code, description, details]`."""

    message_id: str
    code: str
    description: str
    details: bytes = b"{}"


@dataclass(slots=True)  # as Call
class Send:
    """A message without an answer (OCPP 2.1): `[6, id, action, payload]`."""

    message_id: str
    action: str
    payload: object = field(repr=False)
    raw: bytes = field(repr=False)


Frame = Call | CallResult | CallError | CallResultError | Send


def is_message_id(value: object) -> bool:
    """Whether a value can be a message id: a string of 1-36 printable characters."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID and value.isprintable()


def encode_call(message_id: str, action: str, payload: bytes) -> str:
    """Return the text of a CALL. `payload` must be one valid JSON value."""
    return f"[2,{_json(message_id)},{_json(action)},{payload.decode()}]"


def encode_result(message_id: str, payload: bytes) -> str:
    """Return the text of a CALLRESULT. `payload` must be one valid JSON value."""
    return f"[3,{_json(message_id)},{payload.decode()}]"


def encode_error(
    message_id: str, error: OcppError, spelling: Mapping[ErrorCode, str], *, of_result: bool = False
) -> str:
    """Return the text of a CALLERROR, or (`of_result`) of a CALLRESULTERROR.

    `spelling` is `Version.spelling`. The description is cut to 255 characters. The details are always `{}`.
    """
    kind = CALLRESULTERROR if of_result else CALLERROR
    description = _json(error.description[:MAX_DESCRIPTION])
    return f'[{kind},{_json(message_id)},"{spelling[error.code]}",{description},{{}}]'


def encode(frame: Frame) -> str:
    """Return the text of a frame, with its `raw` payload, and its code as it is."""
    match frame:
        case Call():
            return encode_call(frame.message_id, frame.action, frame.raw)
        case CallResult():
            return encode_result(frame.message_id, frame.raw)
        case Send():
            return f"[6,{_json(frame.message_id)},{_json(frame.action)},{frame.raw.decode()}]"
    kind = CALLERROR if isinstance(frame, CallError) else CALLRESULTERROR
    fields = f"{_json(frame.message_id)},{_json(frame.code)},{_json(frame.description)}"
    return f"[{kind},{fields},{frame.details.decode()}]"


def canonical_code(frame: CallError | CallResultError) -> str:
    """Return the code in the spelling of OCPP 2.x. One that no version knows is returned as it is."""
    known = parse_code(frame.code)
    return frame.code if known is None else known.value


def _json(text: str) -> str:
    return orjson.dumps(text).decode()
