"""Validates payloads by the official schemas, and says with which OCPP error code a payload is wrong.

What a station sends may differ where stations are known to differ (date-times). What is sent to a station must be
exact. Which rule counts depends on who may send the message. Error messages repeat no values: they may be secrets.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from csms_ocpp.actions import lookup
from csms_ocpp.coercion import coerced, timed
from csms_ocpp.errors import ErrorCode
from csms_ocpp.excerpts import Excerpts
from csms_ocpp.fitness import HOLDS_NUL, holds_nul
from csms_ocpp.redaction import redact
from csms_ocpp.schemas import Schema, load, longest_text, names, read_leniently, tolerate
from csms_ocpp.versions import VERSIONS, Protocol

_MOST_VIOLATIONS = 100

__all__ = [
    "Violation",
    "all_violations_request",
    "permits_empty_response",
    "pointer",
    "redact",
    "tolerated",
    "validate_request",
    "validate_response",
]


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a payload breaks its schema."""

    code: ErrorCode
    pointer: str
    """JSON pointer to the offending value; "" is the payload itself."""
    message: str
    """Says what is wanted. Holds no value of the payload."""
    fields: tuple[str, ...] = ()
    """Names of fields that are missing or unknown there, 12 at most."""

    @property
    def description(self) -> str:
        """Pointer and message, for a CALLERROR."""
        return f"{self.pointer or '/'}: {self.message}"

    def by_field(self) -> Iterator[tuple[str, str]]:
        """Yield a JSON pointer to each field that is wrong or missing, with the message."""
        for place in [self.pointer + pointer([name]) for name in self.fields] or [self.pointer]:
            yield place, self.message


class _Key(NamedTuple):
    """Says which messages a compiled validator is for."""

    protocol: Protocol
    action: str
    response: bool
    outbound: bool
    lenient: bool
    tolerant: bool = False


class _Error(NamedTuple):
    """An error that the validator found, and its place in the payload."""

    error: jsonschema_rs.ValidationError
    path: list[str | int]


class _Validator:
    """A compiled schema. Its methods take about as long for a wrong payload as for a right one."""

    def __init__(self, compiled: jsonschema_rs.Validator, schema: Schema) -> None:
        self.is_valid: Callable[[object], bool] = compiled.is_valid
        self._all_errors = compiled.iter_errors
        self._excerpts = Excerpts(compiled.is_valid, names(schema), longest_text(schema))

    def iter_errors(self, payload: object) -> Iterator[_Error]:
        """Yield errors of a payload that is not valid: all errors if it is small, else some."""
        excerpt = self._excerpts.of(payload)
        for error in self._all_errors(excerpt.value):
            yield _Error(error, excerpt.place(error.instance_path))


def validate_request(
    protocol: Protocol, action: str, payload: object, *, outbound: bool | None = None, lenient: bool = False
) -> Violation | None:
    """Return the most telling violation of a request, or None when it is valid.

    Args:
        protocol: The version.
        action: A message of the version; KeyError for any other.
        payload: Parsed JSON.
        outbound: Whether the CSMS sends it. None: that follows from the action (DataTransfer: yes).
        lenient: Allow unknown fields and longer signed data in what stations send. No effect on what the CSMS sends.
    """
    validator = _request_validator(protocol, action, outbound, lenient)
    return None if validator.is_valid(payload) else _violations(validator, payload)[0]


def validate_response(
    protocol: Protocol, action: str, payload: object, *, outbound: bool | None = None, lenient: bool = False
) -> Violation | None:
    """Return the most telling violation of a response. Parameters as in `validate_request`.

    `outbound` None means that the CSMS sends the responses to what only stations send. Raises KeyError for a SEND,
    which has no response.
    """
    validator = _response_validator(protocol, action, outbound, lenient)
    return None if validator.is_valid(payload) else _violations(validator, payload)[0]


class Tolerated(NamedTuple):
    """A payload that breaks its schema and is taken all the same."""

    payload: object
    """The payload without the fields that were null, and with values of the type that the schema wants where they could
    be read as such. The same object when there was nothing to change."""
    faults: list[Violation]
    """What is wrong: at least one fault, at most 5."""

    @property
    def description(self) -> str:
        """What was wrong, for people."""
        return "; ".join(fault.description for fault in self.faults)


def tolerated(
    protocol: Protocol, action: str, payload: object, *, response: bool, received_at: str | None = None
) -> Tolerated | None:
    """Return a station's payload that breaks even the lenient schema, but can be read. None: it can't.

    A null counts as an absent field, a number written as a text as one, a text written as a number likewise. A text may
    be longer. In a request a value may be unknown to its enumeration, unless services decide by it what the message is.
    `received_at` is when a request came: it stands in, in some versions, for a timestamp that is missing or no time.
    Raises KeyError for unknown messages.
    """
    stripped = _without_nulls(payload)
    key = _Key(protocol, action, response=response, outbound=False, lenient=True, tolerant=True)
    validator = _validator(key)
    if not validator.is_valid(stripped):
        schema = _tolerant_schema(key)
        stripped = coerced(schema, stripped)
        if received_at is not None and VERSIONS[protocol].may_lack_times:
            stripped = timed(schema, stripped, received_at)
    if not validator.is_valid(stripped):
        return None
    return Tolerated(stripped, _violations(_validator(key._replace(tolerant=False)), payload)[:_MOST_TOLD])


_MOST_TOLD = 5


def _without_nulls(value: object) -> object:
    """Return a value without fields that are null, except in customData. Returns the same object if there are none."""
    if isinstance(value, dict):
        kept = {n: item if n == "customData" else _without_nulls(item) for n, item in value.items() if item is not None}
        same = len(kept) == len(value) and all(kept[name] is item for name, item in value.items())
        return value if same else kept
    if isinstance(value, list):
        items = [_without_nulls(item) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def all_violations_request(protocol: Protocol, action: str, payload: object) -> list[Violation]:
    """Return the violations of a request that the CSMS will send, the most telling first.

    Of a usual request all are returned; of a large one those at the first place that is wrong; never more than 100.

    Also finds what schemas allow and nobody can store or send: NUL, lone surrogates, nesting that is too deep.
    """
    validator = _request_validator(protocol, action, None, False)  # noqa: FBT003 positional, for the cache
    unwritable = _unwritable(payload)
    if unwritable is not None:  # the validator could not read it
        return [unwritable]
    return [] if validator.is_valid(payload) else _violations(validator, payload)[:_MOST_VIOLATIONS]


def _unwritable(payload: object) -> Violation | None:
    try:
        reason = HOLDS_NUL if holds_nul(orjson.dumps(payload)) else ""
    except TypeError:
        reason = "cannot be written as JSON"
    return Violation(ErrorCode.FORMAT_VIOLATION, "", reason) if reason else None


def permits_empty_response(protocol: Protocol, action: str, *, outbound: bool = True) -> bool:
    """Whether `{}` is a valid response. Raises KeyError for unknown actions and for a SEND."""
    return _response_validator(protocol, action, outbound, False).is_valid({})  # noqa: FBT003 as cached elsewhere


@cache  # bounded by the number of messages: an unknown one raises, and is not kept
def _request_validator(
    protocol: Protocol,
    action: str,
    outbound: bool | None,  # noqa: FBT001 positional, for the cache
    lenient: bool,  # noqa: FBT001 as above
) -> _Validator:
    known = lookup(protocol, action)
    if known is None:
        raise KeyError(action)
    sent = known.from_csms if outbound is None else outbound
    return _validator(_Key(protocol, action, response=False, outbound=sent, lenient=lenient and not sent))


@cache  # as above
def _response_validator(
    protocol: Protocol,
    action: str,
    outbound: bool | None,  # noqa: FBT001 as above
    lenient: bool,  # noqa: FBT001 as above
) -> _Validator:
    known = lookup(protocol, action)
    if known is None or known.send_only:
        raise KeyError(action)
    sent = not known.from_csms if outbound is None else outbound
    return _validator(_Key(protocol, action, response=True, outbound=sent, lenient=lenient and not sent))


@cache  # bounded by the number of messages
def _validator(key: _Key) -> _Validator:
    schema = _schema(key)
    options = jsonschema_rs.RegexOptions()  # the engine that takes linear time
    return _Validator(_draft(schema)(schema, validate_formats=True, offline=True, pattern_options=options), schema)


def _schema(key: _Key) -> Schema:
    schema = load(key.protocol, key.action, response=key.response, lenient=key.lenient)
    if not key.outbound:
        read_leniently(schema)
    if key.tolerant:
        tolerate(schema, enumerations=not key.response)  # services decide by what an answer says
    return schema


_tolerant_schema = cache(_schema)
"""Kept for those messages alone that stations really write in another way: as compiled it can't be looked into."""


def _draft(schema: Schema) -> type[jsonschema_rs.Validator]:
    # 1.6 files are of draft 4, or of draft 6 for the security messages; all others of draft 6.
    return jsonschema_rs.Draft4Validator if "draft-04" in schema["$schema"] else jsonschema_rs.Draft6Validator


def _violations(validator: _Validator, payload: object) -> list[Violation]:
    """Return violations of an invalid payload, the most telling first: at least one, and all if it is small."""
    found = sorted(map(_violation, validator.iter_errors(payload)), key=_rank)
    return found or [Violation(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "", "breaks its schema, in a long text")]


_CODES = {
    "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "required": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "minItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "maxItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "additionalProperties": ErrorCode.FORMAT_VIOLATION,
}
# A missing field says more than the unknown one that was sent in its place.
_RANKS = (
    ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    ErrorCode.FORMAT_VIOLATION,
)


def _rank(violation: Violation) -> int:
    return _RANKS.index(violation.code)


def _violation(found: _Error) -> Violation:
    kind = found.error.kind
    facts: dict[str, Any] = kind.as_dict()
    code = _CODES.get(kind.name, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
    return Violation(code, pointer(found.path), _message(kind.name, facts), _fields(kind.name, facts))


def _fields(keyword: str, facts: dict[str, Any]) -> tuple[str, ...]:
    if keyword == "required":
        return (facts["property"],)
    return tuple(facts["unexpected"][:_MOST_NAMED]) if keyword == "additionalProperties" else ()


_MAX_POINTER = 120
_MOST_NAMED = 12
"""Names and values at most that an error message lists."""


def pointer(path: Sequence[str | int]) -> str:
    """Return the JSON pointer to a place, cut after 120 characters."""
    text = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return text if len(text) <= _MAX_POINTER else text[:_MAX_POINTER] + "…"


_TEXTS = {
    "type": "must be of type {types}",
    "required": "field {property} is required",
    "minItems": "needs at least {limit} items",
    "maxItems": "may have at most {limit} items",
    "enum": "must be one of {options}",
    "maxLength": "may have at most {limit} characters",
    "minLength": "needs at least {limit} characters",
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "multipleOf": "must be a multiple of {multiple_of}",
    "format": "must be a {format}",
    "pattern": "must be a date-time",  # the only pattern there is
    "additionalProperties": "unknown field {unexpected}",
}


def _message(keyword: str, facts: dict[str, Any]) -> str:
    template = _TEXTS.get(keyword)
    if template is None:
        return f"breaks the rule {keyword}"
    return template.format_map({name: _text(value) for name, value in facts.items()})


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item)[:50] for item in value[:_MOST_NAMED]) + (", …" if len(value) > _MOST_NAMED else "")
    return str(value)
