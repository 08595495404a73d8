"""Payloads of messages, and what stands in them."""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

import orjson
from csms_ocpp import fitness
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.times import format_datetime, parse_datetime
from csms_ocpp.validation import tolerated, validate_request, validate_response
from csms_ocpp.versions import Protocol
from csms_transactions.domain.readings import Reading
from csms_transactions.domain.transaction import derive
from csms_transactions.store.facts import event_of, facts_of, facts_of_readings, readings_of
from csms_transactions.versions import VERSIONS
from csms_transactions.versions.version import EventMessage, MeterValuesMessage, TransactionsVersion


def payload(data: bytes) -> None:
    """A line with a version and an action, and a payload: validated as request and response, either way."""
    head, _, text = data.partition(b"\n")
    version, _, action = head.decode(errors="replace").partition(" ")
    try:
        value = orjson.loads(text)
    except ValueError:
        return
    protocol = next((each for each in Protocol if each.value == version), Protocol.OCPP201)
    for check in (validate_request, validate_response):
        for outbound, lenient in ((True, False), (False, False), (False, True)):
            try:
                violation = check(protocol, action, value, outbound=outbound, lenient=lenient)
            except KeyError as error:  # the documented one: no such message
                assert error.args == (action,)
                continue
            assert violation is None or 0 < len(violation.description) < 2_000


def transaction(data: bytes) -> None:
    """A message of any version about transactions that a lenient gateway takes, as transactions reads it."""
    try:
        value = orjson.loads(data)
    except ValueError:
        return
    if not isinstance(value, dict) or fitness.unfit(value, data) is not None:
        return
    for version in VERSIONS.values():
        _read(version, value)


def _read(version: TransactionsVersion, value: dict[str, Any]) -> None:
    for action, event in version.events.items():
        raw = _tolerated(version, action, value)
        if raw is not None:
            _understood(lambda event=event, raw=raw: _stored(version, event(raw)))
    for action, values in version.meter_values.items():
        raw = _tolerated(version, action, value)
        if raw is not None:
            _understood(lambda values=values, raw=raw: _measured(values(raw)))


def _tolerated(version: TransactionsVersion, action: str, value: dict[str, Any]) -> bytes | None:
    """The payload as the gateway hands it on; None: it refuses it."""
    found = tolerated(version.protocol, action, value, response=False)
    return None if found is None else orjson.dumps(found.payload)


def _stored(version: TransactionsVersion, message: EventMessage) -> None:
    """What is read of a message is what is read of its stored payload, and of its facts; nothing is infinite."""
    assert len(message.transaction_id) + len(message.else_id) < 100
    token = message.event.id_token
    kept = message.event._replace(id_token=token and token.masked())
    assert event_of(facts_of(message.event)) == kept
    assert version.stored_event(message.payload, message.event.seq_no) == kept
    _finite(message.event.readings)
    wh = derive([message.event]).energy.wh
    assert wh is None or isfinite(wh)
    orjson.dumps(version.shown_event(message.payload))


def _measured(message: MeterValuesMessage) -> None:
    assert tuple(readings_of(facts_of_readings(message.readings))) == tuple(message.readings)
    _finite(message.readings)


def _finite(readings: Iterable[Reading]) -> None:
    assert all(isfinite(value.wh) for reading in readings for value in reading.values)


def _understood(read: Callable[[], object]) -> None:
    try:
        read()
    except OcppError as error:
        assert error.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def time(data: bytes) -> None:
    """A date-time as stations write them; what was read is written as the standard wants it."""
    text = data.decode(errors="replace")
    try:
        read = parse_datetime(text)
    except ValueError:
        return
    assert read.utcoffset() is not None
    assert not read.utcoffset(), "not in UTC"
    again = parse_datetime(format_datetime(read))
    assert abs((again - read).total_seconds()) < 0.001
