"""What messages say of periodic event streams, and of the monitors whose values they carry."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from csms_ocpp.times import format_datetime

from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey

_LIMIT = 2**31
_FARTHEST_S = 30 * 86400
"""A value is told within so many seconds of the message's own time. If it is not, its offset makes no sense."""


class Monitor(NamedTuple):
    """A monitor of a station, by the station's id, and what it monitors."""

    monitor_id: int
    key: VariableKey


class Stream(NamedTuple):
    """A stream as a station describes it (ConstantStreamDataType)."""

    stream_id: int
    monitor_id: int
    params: Mapping[str, Any]


class StreamChange(NamedTuple):
    """What a command that the station took says of streams."""

    adjusted: tuple[int, Mapping[str, Any]] | None = None
    """Of this stream, these params hold now."""
    open: Sequence[Stream] | None = None
    """All that are open; None: that is not said."""


def is_id(number: float) -> bool:
    """Whether a number can be an id here: OCPP's integers have 32 bits, JSON Schema knows no size."""
    return 0 <= number < _LIMIT


def stream(constant: JsonObject) -> Stream | None:
    """Read a ConstantStreamDataType; None: its ids are out of range."""
    if not is_id(constant["id"]) or not is_id(constant["variableMonitoringId"]):
        return None
    return Stream(int(constant["id"]), int(constant["variableMonitoringId"]), params_of(constant["params"]))


def params_of(told: JsonObject) -> dict[str, Any]:
    """Return what is kept of a PeriodicEventStreamParamsType."""
    return {name: told[name] for name in ("interval", "values") if name in told}


def streams(constants: Iterable[JsonObject]) -> list[Stream]:
    """Read several; those out of range are left out."""
    return [found for found in map(stream, constants) if found is not None]


def monitors_set(response: JsonObject) -> Iterator[Monitor]:
    """Read a SetVariableMonitoringResponse: the station gave ids to the monitors that it took (N04)."""
    for result in response["setMonitoringResult"]:
        if result["status"] == "Accepted" and "id" in result and is_id(result["id"]):
            yield Monitor(int(result["id"]), VariableKey.of(result["component"], result["variable"]))


def monitors_reported(payload: JsonObject) -> Iterator[Monitor]:
    """Read a NotifyMonitoringReportRequest (N02)."""
    for entry in payload.get("monitor", []):
        for monitor in entry["variableMonitoring"]:
            if is_id(monitor["id"]):
                yield Monitor(int(monitor["id"]), VariableKey.of(entry["component"], entry["variable"]))


def timed_values(data: Iterable[JsonObject], base: datetime) -> list[dict[str, str]]:
    """Return the values of a NotifyPeriodicEventStream with their times (N15): offsets are seconds."""
    return [{"at": format_datetime(_at(base, element["t"])), "value": element["v"]} for element in data]


def _at(base: datetime, offset_s: float) -> datetime:
    try:
        return base + timedelta(seconds=offset_s) if abs(offset_s) <= _FARTHEST_S else base
    except OverflowError:  # of the years 1 and 9999
        return base
