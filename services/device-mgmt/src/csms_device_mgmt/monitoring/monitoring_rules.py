"""Rules of monitoring (N04, N05, N06)."""

from collections.abc import Iterator

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey

SEVERITIES = range(10)
"""0 (danger) to 9 (debug)."""


def set_variable_monitoring(payload: JsonObject) -> Iterator[Finding]:
    """N04.FR.10, N04.FR.14, N05.FR.02: no two alike, no negative deltas, severities of the range there is."""
    seen: set[tuple[str, str, int]] = set()
    for index, monitor in enumerate(payload["setMonitoringData"]):
        pointer = f"/setMonitoringData/{index}"
        if monitor["severity"] not in SEVERITIES:
            yield Finding(f"{pointer}/severity", "severities are 0 to 9 (N05.FR.02)")
        if monitor["type"] == "Delta" and monitor.get("value", 0) < 0:
            yield Finding(f"{pointer}/value", "a delta is not negative (N04.FR.14)")
        key = VariableKey.of(monitor["component"], monitor["variable"])
        identity = (key.path, monitor["type"], monitor["severity"])
        if identity in seen:
            yield Finding(pointer, "the same variable, type and severity occur before (N04.FR.10)")
        seen.add(identity)


def set_monitoring_level(payload: JsonObject) -> Iterator[Finding]:
    """N05.FR.02: the severity is one that exists."""
    if payload["severity"] not in SEVERITIES:
        yield Finding("/severity", "severities are 0 to 9 (N05.FR.02)")


def clear_variable_monitoring(payload: JsonObject) -> Iterator[Finding]:
    """N06.FR.05: one result comes for each id."""
    seen: set[int] = set()
    for index, monitor_id in enumerate(payload["id"]):
        if monitor_id in seen:
            yield Finding(f"/id/{index}", "the id occurs before (N06.FR.05)")
        seen.add(monitor_id)
