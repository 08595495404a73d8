"""Reads OCPP-J frames from what a station sends (OCPP 2.0.1 and 2.1 Part 4, chapter 4; OCPP-J 1.6, chapter 4)."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from csms_ocpp.cost import MAX_STRUCTURE, most_structure, structure
from csms_ocpp.errors import MAX_DESCRIPTION, ErrorCode, OcppError
from csms_ocpp.frames import (
    CALL,
    CALLERROR,
    CALLRESULT,
    CALLRESULTERROR,
    SEND,
    UNREADABLE_ID,
    Call,
    CallError,
    CallResult,
    CallResultError,
    Frame,
    Send,
    is_message_id,
)
from csms_ocpp.long_list import LongList
from csms_ocpp.versions import Version

MAX_ACTION = 64
"""Characters in an action. A longer one is cut to one character more, and has no payload. Known ones are shorter."""
MAX_DETAILS_BYTES = 16_384
"""A CALLERROR that is longer is taken without its details."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class FrameError(OcppError):
    """A message that is no frame.

    `answer`: whether it is answered with a CALLERROR, whose id is `message_id`. `meant`: set when the message was meant
    as the answer to the CALL of that id. `action`: the action that the message names, known or not.
    """

    def __init__(
        self,
        code: ErrorCode,
        message_id: str,
        description: str,
        *,
        answer: bool = True,
        meant: type[CallResult | CallError] | None = None,
        action: str = "",
    ) -> None:
        super().__init__(code, description)
        self.message_id = message_id
        self.answer = answer
        self.meant = meant
        self.action = action


def parse(data: str | bytes, version: Version) -> Frame:
    """Read one frame. Raises FrameError, whose text never repeats what came in.

    The payload of a long CALL, CALLRESULT or SEND is a `LongList`, if it can be read in pieces. Then nobody knows yet
    whether it is valid JSON.
    """
    try:
        raw = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise FrameError(ErrorCode.RPC_FRAMEWORK_ERROR, UNREADABLE_ID, "not UTF-8") from None
    items = _array(raw, version)
    kind = items[0] if items else None
    if type(kind) is not int:
        raise FrameError(ErrorCode.RPC_FRAMEWORK_ERROR, _id_or_unreadable(items), "the message type is not an integer")
    if kind not in version.message_types:
        raise _unknown_type(items, version)
    return _READERS[kind](items, raw, version)


class Head(NamedTuple):
    """How a frame begins, as far as it can be read."""

    kind: int
    """The message type, known or not."""
    message_id: str
    action: str
    """Empty: it has none, or it can't be read."""


def head(raw: bytes) -> Head | None:
    """Return how a frame begins, which may be broken further on. None: it does not begin as a frame does.

    Id and action may be any text. Takes a microsecond, however long the frame is.
    """
    found = _ANY_HEAD.match(raw, 0, _HEAD_BYTES)
    if found is None:
        return None
    return Head(int(found["kind"]), _text(found["id"]) or "", _text(found["action"]) or "")


_FEW = 20_000
"""A message with so many brackets, commas and colons, or fewer, is quicker to read as a whole."""


def _array(raw: bytes, version: Version) -> list[Any]:
    try:
        items = orjson.loads(raw) if len(raw) <= MAX_STRUCTURE else _long_array(raw, version)
    except orjson.JSONDecodeError as error:  # its `doc` is all that came in; `msg` is one of the parser's own texts
        raise _unread(raw, f"not valid JSON: {error.msg} (at character {error.pos})", version) from None
    if not isinstance(items, list):
        raise FrameError(ErrorCode.RPC_FRAMEWORK_ERROR, UNREADABLE_ID, "not a JSON array")
    return items


def _long_array(raw: bytes, version: Version) -> object:
    """As `orjson.loads`, of a message that may have too many values. Raises FrameError if it has."""
    count = structure(raw)
    if count > most_structure(len(raw)):
        text = f"the message has more than {most_structure(len(raw))} brackets, commas and colons"
        raise _unread(raw, text, version)
    items = _with_long_list(raw) if count > _FEW else None
    if items is None and count > MAX_STRUCTURE:
        text = f"more than {MAX_STRUCTURE} brackets, commas and colons, not all of them in one list of like entries"
        raise _unread(raw, f"the message has {text}", version)
    return orjson.loads(raw) if items is None else items


def _with_long_list(raw: bytes) -> list[Any] | None:
    """Read the head, and find the long list of the payload. Returns None when the message must be read as a whole."""
    head = _REQUEST_HEAD.match(raw, 0, _HEAD_BYTES) or _RESULT_HEAD.match(raw, 0, _HEAD_BYTES)
    last = len(raw.rstrip()) - 1
    if head is None or raw[last : last + 1] != b"]":
        return None
    payload = LongList.find(raw[head.end() : last].rstrip())
    return None if payload is None else [*orjson.loads(head[0].rstrip()[:-1] + b"]"), payload]


_HEAD_BYTES = 1024
"""Longer than any type, id and known action together, even if all characters of the id are escaped."""


def _unread(raw: bytes, why: str, version: Version) -> FrameError:
    """Make the refusal of a message that can't or must not be parsed. As much of its head as possible is read.

    FormatViolation is about the payload of an action. Without an action the frame itself is wrong (Part 4, 4.2.3).
    """
    head = _ANY_HEAD.match(raw[:_HEAD_BYTES])
    kind = int(head["kind"]) if head else CALL
    message_id, action = (_text(head["id"]), _text(head["action"])) if head else (None, None)
    meant = {CALLRESULT: CallResult, CALLERROR: CallError}.get(kind)
    is_of_payload = is_message_id(message_id) and (meant is not None or action is not None)
    return FrameError(
        ErrorCode.FORMAT_VIOLATION if is_of_payload else ErrorCode.RPC_FRAMEWORK_ERROR,
        _id_or_unreadable([kind, message_id]),
        why,
        answer=kind == CALL or (kind not in version.message_types and version.answers_unknown_types),
        meant=meant,
        action=(action or "") if kind in {CALL, SEND} else "",
    )


def _text(literal: bytes | None) -> str | None:
    try:
        return None if literal is None else str(orjson.loads(literal))
    except ValueError:
        return None


def _unknown_type(items: list[Any], version: Version) -> FrameError:
    message_id = _id_or_unreadable(items)
    answer = version.answers_unknown_types and message_id != UNREADABLE_ID  # else nobody could know what it answers
    return FrameError(ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, message_id, "unknown message type", answer=answer)


def _id_or_unreadable(items: list[Any]) -> str:
    return items[1] if len(items) > 1 and is_message_id(items[1]) else UNREADABLE_ID


_REQUEST_LENGTH = 4


def _request(items: list[Any], version: Version, *, answer: bool) -> tuple[str, str]:
    message_id = _id_or_unreadable(items)
    if message_id == UNREADABLE_ID:
        raise FrameError(ErrorCode.RPC_FRAMEWORK_ERROR, message_id, "the message id is not readable", answer=answer)
    if len(items) != _REQUEST_LENGTH:
        incomplete = len(items) < _REQUEST_LENGTH
        code = version.incomplete_request if incomplete else ErrorCode.RPC_FRAMEWORK_ERROR
        raise FrameError(code, message_id, "a CALL has 4 elements", answer=answer)
    action = items[2]
    if not isinstance(action, str):
        raise FrameError(ErrorCode.RPC_FRAMEWORK_ERROR, message_id, "the action is not a string", answer=answer)
    return message_id, action if len(action) <= MAX_ACTION else action[: MAX_ACTION + 1]


def _read_call(items: list[Any], raw: bytes, version: Version) -> Call:
    message_id, action = _request(items, version, answer=True)
    payload, text = _payload(items, raw)
    return Call(message_id, action, payload, text)


def _read_send(items: list[Any], raw: bytes, version: Version) -> Send:
    message_id, action = _request(items, version, answer=False)
    return Send(message_id, action, *_payload(items, raw))


def _payload(items: list[Any], raw: bytes) -> tuple[object, bytes]:
    if len(items[2]) > MAX_ACTION:  # no version has it; to find its end is slow if it has escapes
        return None, b"null"
    payload = items[3]
    return payload, payload.raw if isinstance(payload, LongList) else _slice(_REQUEST_HEAD, raw, payload)


def _answer_id(items: list[Any]) -> str:
    # An answer is never answered. "-1" is allowed as an id here: the station could not read ours.
    if len(items) > 1 and is_message_id(items[1]):
        return str(items[1])
    raise FrameError(ErrorCode.RPC_FRAMEWORK_ERROR, UNREADABLE_ID, "an answer without a readable id", answer=False)


def _read_result(items: list[Any], raw: bytes, _version: Version) -> CallResult:
    message_id = _answer_id(items)
    if len(items) == 3:  # noqa: PLR2004 - [3, id, payload]
        payload = items[2]
        text = payload.raw if isinstance(payload, LongList) else _slice(_RESULT_HEAD, raw, payload)
        return CallResult(message_id, payload, text)
    wrong = "a CALLRESULT has 3 elements"
    raise FrameError(ErrorCode.RPC_FRAMEWORK_ERROR, message_id, wrong, answer=False, meant=CallResult)


def _read_error(items: list[Any], raw: bytes, _version: Version) -> CallError:
    return CallError(_answer_id(items), *_error_fields(items, raw))


def _read_result_error(items: list[Any], raw: bytes, _version: Version) -> CallResultError:
    return CallResultError(_answer_id(items), *_error_fields(items, raw))


def _error_fields(items: list[Any], raw: bytes) -> tuple[str, str, bytes]:
    # An error that lacks a field, or has one that can't be stored, still says that the CALL failed.
    code, description, details = (*items[2:5], None, None, None)[:3]
    return (
        _storable(code[:MAX_DESCRIPTION]) if isinstance(code, str) else ErrorCode.GENERIC_ERROR.value,
        _storable(description[:MAX_DESCRIPTION]) if isinstance(description, str) else "",
        _details(details, raw) if isinstance(details, dict) else b"{}",
    )


def _details(details: dict[str, Any], raw: bytes) -> bytes:
    if len(raw) > MAX_DETAILS_BYTES:
        return b'{"omitted_bytes":%d}' % len(raw)
    data = _dump(details)
    return data if b"\\u0000" not in data else _NUL.sub(rb"\1" + _REPLACEMENT.encode(), data)


def _storable(text: str) -> str:
    return text.replace("\0", _REPLACEMENT)


_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'  # possessive: takes linear time
_ANY_HEAD = re.compile(  # as much of a head as there is, also after a byte order mark
    rb"(?:\xef\xbb\xbf)?\s*\[\s*(?P<kind>\d{1,3})(?![\d.eE])"
    rb"(?:\s*,\s*(?P<id>" + _STRING + rb")(?:\s*,\s*(?P<action>" + _STRING + rb"))?)?",
    re.DOTALL,
)
_REQUEST_HEAD = re.compile(rb"\s*\[\s*\d+\s*,\s*" + _STRING + rb"\s*,\s*" + _STRING + rb"\s*,\s*", re.DOTALL)
_RESULT_HEAD = re.compile(rb"\s*\[\s*\d+\s*,\s*" + _STRING + rb"\s*,\s*", re.DOTALL)


def _slice(head: re.Pattern[bytes], raw: bytes, payload: object) -> bytes:
    """Cut the last element out of an array. It must be valid JSON, and begin as `head` says."""
    match = head.match(raw)
    if match is None:  # does not happen; without its exact bytes the message is still of use
        return _dump(payload)
    end = len(raw.rstrip()) - 1
    return raw[match.end() : end].rstrip()  # one copy: it may have megabytes


def _dump(payload: object) -> bytes:
    try:
        return orjson.dumps(payload)
    except TypeError:  # nested too deeply for orjson; `csms_ocpp.fitness` refuses it
        return b"{}"


_READERS: dict[int, Callable[[list[Any], bytes, Version], Frame]] = {
    CALL: _read_call,
    CALLRESULT: _read_result,
    CALLERROR: _read_error,
    CALLRESULTERROR: _read_result_error,
    SEND: _read_send,
}
