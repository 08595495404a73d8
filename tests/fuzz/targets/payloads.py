"""Payloads of messages, and what stands in them."""

from collections.abc import Callable
from typing import Any, cast

import orjson
from csms_ocpp import fitness
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.times import format_datetime, parse_datetime
from csms_ocpp.validation import tolerated, validate_request, validate_response
from csms_ocpp.versions import Protocol
from csms_transactions.versions.v201 import messages


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
    """A TransactionEvent or MeterValues of 2.0.1 that a gateway takes at its most lenient, as transactions reads it."""
    try:
        value = orjson.loads(data)
    except ValueError:
        return
    if not isinstance(value, dict) or fitness.unfit(value, data) is not None:
        return
    event = tolerated(Protocol.OCPP201, "TransactionEvent", value, response=False)
    if event is not None:
        _understood(lambda: messages.transaction_event(cast("dict[str, Any]", event.payload)))
    values = tolerated(Protocol.OCPP201, "MeterValues", value, response=False)
    if values is not None:
        _understood(lambda: messages.meter_values(orjson.dumps(values.payload)))


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
