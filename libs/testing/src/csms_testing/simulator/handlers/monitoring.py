"""N02-N07: variable monitors and their reports."""

from typing import TYPE_CHECKING

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.device_model import Variable
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, notify, parts
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_HIGHEST_SEVERITY = 9
_CRITERIA = {
    "UpperThreshold": "ThresholdMonitoring",
    "LowerThreshold": "ThresholdMonitoring",
    "Delta": "DeltaMonitoring",
    "Periodic": "PeriodicMonitoring",
    "PeriodicClockAligned": "PeriodicMonitoring",
}


def set_variable_monitoring(station: "Station", request: Json) -> Reply:
    """N04."""
    return Reply({"setMonitoringResult": [_set(station, wanted) for wanted in request["setMonitoringData"]]})


def _set(station: "Station", wanted: Json) -> Json:
    status = _objection(station, wanted) or "Accepted"
    kept = ("component", "variable", "type", "severity", "id")
    result = {**{name: wanted[name] for name in kept if name in wanted}, "status": status}
    if status == "Accepted":
        result["id"] = wanted.get("id") or station.features.next_event_id()
        station.features.monitors[result["id"]] = {**wanted, "id": result["id"]}
    return result


def _objection(station: "Station", wanted: Json) -> str | None:
    found = station.model.find(wanted["component"], wanted["variable"])
    if isinstance(found, str):
        return found
    if "id" in wanted and wanted["id"] not in station.features.monitors:
        return "Rejected"  # N04.FR.13
    if not _supports(found, wanted["type"]):
        return "UnsupportedMonitorType"
    same = ("component", "variable", "type", "severity")
    others = (other for number, other in station.features.monitors.items() if number != wanted.get("id"))
    return "Duplicate" if any(all(other[key] == wanted[key] for key in same) for other in others) else None


def _supports(variable: Variable, kind: str) -> bool:
    return "Threshold" not in kind or variable.data_type in ("integer", "decimal")


def clear_variable_monitoring(station: "Station", request: Json) -> Reply:
    """N06."""
    results = [
        {"id": number, "status": "NotFound" if station.features.monitors.pop(number, None) is None else "Accepted"}
        for number in request["id"]
    ]
    return Reply({"clearMonitoringResult": results})


def set_monitoring_base(station: "Station", request: Json) -> Reply:
    """N05: anything but All removes the CSMS's own monitors, and there are no others."""
    if request["monitoringBase"] != "All":
        station.features.monitors.clear()
    station.model.write("MonitoringCtrlr", "ActiveMonitoringBase", request["monitoringBase"])
    return answer("Accepted")


def set_monitoring_level(station: "Station", request: Json) -> Reply:
    """N03."""
    if not 0 <= request["severity"] <= _HIGHEST_SEVERITY:
        return answer("Rejected", reason="InvalidParameter")
    station.model.write("MonitoringCtrlr", "ActiveMonitoringLevel", str(request["severity"]))
    return answer("Accepted")


def get_monitoring_report(station: "Station", request: Json) -> Reply:
    """N02."""
    criteria, wanted = request.get("monitoringCriteria"), request.get("componentVariable")
    chosen = [
        monitor
        for monitor in station.features.monitors.values()
        if (criteria is None or _CRITERIA[monitor["type"]] in criteria)
        and (wanted is None or any(_concerns(monitor, entry) for entry in wanted))
    ]
    if not chosen:
        return answer("EmptyResultSet")
    return answer("Accepted", lambda: _report(station, request["requestId"], chosen))


def _concerns(monitor: Json, entry: Json) -> bool:
    same_component = bool(monitor["component"]["name"].lower() == entry["component"]["name"].lower())
    evse = entry["component"].get("evse")
    same_evse = evse is None or monitor["component"].get("evse") == evse
    variable = entry.get("variable")
    return same_component and same_evse and (variable is None or monitor["variable"] == variable)


async def _report(station: "Station", request_id: int, monitors: list[Json]) -> None:
    generated_at = timestamp()
    for seq_no, tbc, chunk in parts(
        [_entry(station, monitor) for monitor in monitors], station.config.report_part_size
    ):
        part = {"requestId": request_id, "generatedAt": generated_at, "seqNo": seq_no, "tbc": tbc, "monitor": chunk}
        await notify(station, "NotifyMonitoringReport", part)


def _entry(station: "Station", monitor: Json) -> Json:
    shown = {name: monitor[name] for name in ("id", "value", "type", "severity")}
    settings = [{**shown, "transaction": monitor.get("transaction", False), **station.version.of_monitors}]
    return {"component": monitor["component"], "variable": monitor["variable"], "variableMonitoring": settings}


async def alert(station: "Station", monitor_id: int, value: str, *, cleared: bool = False) -> bool:
    """Let a monitor fire: a NotifyEvent with this actual value (N07, N08); whether the CSMS answered."""
    monitor = station.features.monitors[monitor_id]
    trigger = {"Delta": "Delta", "Periodic": "Periodic", "PeriodicClockAligned": "Periodic"}
    event = {
        "eventId": station.features.next_event_id(),
        "timestamp": timestamp(),
        "trigger": trigger.get(monitor["type"], "Alerting"),
        "actualValue": value,
        "cleared": cleared,
        "component": monitor["component"],
        "variable": monitor["variable"],
        "variableMonitoringId": monitor_id,
        "eventNotificationType": "CustomMonitor",
    }
    payload = {"generatedAt": timestamp(), "seqNo": 0, "tbc": False, "eventData": [event]}
    return await notify(station, "NotifyEvent", payload)
