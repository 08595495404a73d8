"""Messages as large as may be."""

import time as clock

import orjson
from csms_ocpp.cost import BYTES_PER_VALUE, MAX_STRUCTURE, is_too_much, structure
from csms_ocpp.session import (
    Command,
    CommandDone,
    Registration,
    SendText,
    Session,
)
from csms_ocpp.validation import all_violations_request
from csms_ocpp.versions import Protocol

from .bounds import bounded

_MAX_BYTES = 4 * 1024 * 1024
"""Of a message (CSMS_MAX_MESSAGE_BYTES), and of a body."""
_ASKING = {
    Protocol.OCPP16: ("GetConfiguration", b"{}"),
    Protocol.OCPP201: ("GetVariables", b'{"getVariableData":[{"component":{"name":"a"},"variable":{"name":"b"}}]}'),
}
"""The command "c", whose answer may be large."""
_BODIES = {Protocol.OCPP16: "SendLocalList", Protocol.OCPP201: "SetVariables"}


def large(data: bytes) -> None:
    """A message of 4 MiB: lines that say what for, a frame or body with "@" in it, what stands there often, and last.

    The first line is words: a version, `lenient`, `body` for one of the API, `text` for "@" within a string,
    `few` for as many values as a message may have.
    """
    words, template, unit, last, *_ = [*data.split(b"\n"), b"", b"", b""]
    message = _expanded(template, unit, last, text=b"text" in words, few=b"few" in words)
    protocol = next((each for each in Protocol if each.value.encode() in words), Protocol.OCPP201)
    if b"body" in words:
        _refused(protocol, message)
    else:
        bounded(lambda: _received(protocol, message, lenient=b"lenient" in words))


def _received(protocol: Protocol, message: bytes, *, lenient: bool) -> float:
    """Take a message as the gateway does, in steps. Returns how long the longest took, in seconds."""
    tried = Session(protocol, registration=Registration.ACCEPTED, lenient=lenient)
    tried.command(Command("c", *_ASKING.get(protocol, _ASKING[Protocol.OCPP201]), 30.0, 60.0), 0.0)
    reading, effects, longest = tried.reading(message, 1.0), None, 0.0
    while effects is None:
        began = clock.process_time()
        try:
            next(reading)
        except StopIteration as done:
            effects = done.value
        longest = max(longest, clock.process_time() - began)
    for effect in effects:
        assert not isinstance(effect, SendText) or len(effect.text) < 2_000
        assert not isinstance(effect, CommandDone) or len(effect.error.details if effect.error else b"") < 20_000
    tried.close(2.0)
    return longest


def _expanded(template: bytes, unit: bytes, last: bytes, *, text: bool, few: bool) -> bytes:
    head, _, tail = template.partition(b"@" if text else b'"@"')
    between = b"" if text else b","
    fixed, each = len(head + last + tail), len(unit + between)
    count = max(_MAX_BYTES - fixed, 0) // max(each, 1)
    if few and each < BYTES_PER_VALUE * structure(unit + between):
        room = MAX_STRUCTURE - structure(head + last + tail)
        count = min(count, max(room, 0) // (structure(unit + between) or 1))
    return (
        head + (unit + between) * count + last + tail if last else head + unit + (between + unit) * (count - 1) + tail
    )


def _refused(protocol: Protocol, body: bytes) -> None:
    if is_too_much(body):
        return
    try:
        value = orjson.loads(body)
    except ValueError:
        return

    action = _BODIES.get(protocol, _BODIES[Protocol.OCPP201])

    def checked() -> None:
        assert len(all_violations_request(protocol, action, value)) <= 100

    bounded(checked)
