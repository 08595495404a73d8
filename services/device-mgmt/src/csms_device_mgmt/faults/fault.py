"""What of a station's messages is a fault. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from csms_ocpp.times import parse_datetime

from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey
from csms_device_mgmt.status.availability import moment

MOST_OF_MESSAGE = 20
"""Faults that are kept of one NotifyEvent."""
FAULTED = "Faulted"
_NO_ERROR = "NoError"
_MAX_CODE, _MAX_INFO = 100, 500
"""Characters."""
_TRUE = "true"


class Fault(NamedTuple):
    """Something wrong; None: the station did not tell it."""

    source: str
    """"status": a connector's status told it; "event": a NotifyEvent."""
    code: str
    evse_id: int | None
    connector_id: int | None
    occurred_at: datetime | None = None
    """When it began; None: when it was received, as far as is known."""
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


def of_status(evse_id: int, connector_id: int, status: str, reported: JsonObject | None) -> Fault | None:
    """Return the fault that a connector's new status tells, if it does.

    `reported`: in the words of OCPP 1.6, whose errorCode may be an error whatever the status (4.9).
    """
    said = reported or {}
    code = said.get("errorCode", _NO_ERROR)
    if status != FAULTED and code == _NO_ERROR:
        return None
    return Fault(
        "status",
        FAULTED if code == _NO_ERROR else code,
        evse_id or None,
        connector_id or None,
        info=said.get("info"),
        vendor_id=said.get("vendorId"),
        vendor_error_code=said.get("vendorErrorCode"),
    )


def of_events(events: Iterable[JsonObject], received_at: datetime) -> Sequence[Fault]:
    """Return the faults that a NotifyEvent tells: what is a problem, or an alert that is not over (N07).

    Statuses of connectors are none of them: `of_status` has these.
    """
    return list(islice(_faults(events, received_at), MOST_OF_MESSAGE))


def _faults(events: Iterable[JsonObject], received_at: datetime) -> Iterator[Fault]:
    for event in events:
        key = VariableKey.of(event["component"], event["variable"])
        variable, value = key.variable.casefold(), event["actualValue"]
        if event.get("cleared") or variable == "availabilitystate":
            continue
        is_problem = variable in {"problem", "fault"}
        if value.casefold() == _TRUE if is_problem else event["trigger"] == "Alerting":
            info = event.get("techInfo") or (None if is_problem or key.is_secret else value)
            code = event.get("techCode") or f"{key.component}/{key.variable}"
            yield Fault(
                "event",
                code[:_MAX_CODE],
                key.evse_id,
                key.connector_id,
                _moment(event["timestamp"], received_at),
                None if info is None else info[:_MAX_INFO],
            )


def _moment(timestamp: str, received_at: datetime) -> datetime:
    """Return the station's time, unless it is implausible."""
    try:
        told = parse_datetime(timestamp)
    except ValueError:
        told = None
    return moment(told, received_at).happened_at
