"""What commands of OCPP 2.1 mean that do not in 2.0.1, whoever sends them."""

from collections.abc import Callable, Mapping, Sequence

from csms_device_mgmt.der.controls import ControlChange, was_cleared, was_set
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.event_streams.streams import StreamChange, is_id, params_of, streams
from csms_device_mgmt.reports.series import BY_ACTION, DER_CONTROLS, Series
from csms_device_mgmt.smart_charging.dynamic_schedule import ScheduleChange
from csms_device_mgmt.versions.v201 import commands as commands_201
from csms_device_mgmt.versions.version import Follows

_UPDATED = tuple(
    f"{name}{phase}"
    for name in ("limit", "dischargeLimit", "setpoint", "setpointReactive")
    for phase in ("", "_L2", "_L3")
)
"""The fields that a period of a schedule shares with ChargingScheduleUpdateType."""


def _set(payload: JsonObject) -> ScheduleChange:
    """Read a SetChargingProfileRequest: a dynamic profile has one period (K28.FR.01), which holds at once."""
    profile = payload["chargingProfile"]
    if profile["chargingProfileKind"] != "Dynamic":
        return ScheduleChange(profile["id"], None)
    period = profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]
    return ScheduleChange(profile["id"], {name: period[name] for name in _UPDATED if name in period})


def _profile(payload: JsonObject) -> JsonObject | None:
    return payload.get("chargingProfile")


PROFILES_SET: Mapping[str, Callable[[JsonObject], JsonObject | None]] = {
    "RequestStartTransaction": _profile,
    "SetChargingProfile": _profile,
}


def _updated(payload: JsonObject) -> ScheduleChange:
    return ScheduleChange(payload["chargingProfileId"], payload["scheduleUpdate"])


def _cleared(payload: JsonObject) -> ScheduleChange | None:
    """Read a ClearChargingProfileRequest; None: it has criteria and no id. What it clears is asked for no more."""
    return ScheduleChange(payload["chargingProfileId"], None) if "chargingProfileId" in payload else None


SCHEDULE_CHANGES: Mapping[str, Callable[[JsonObject], ScheduleChange | None]] = {
    "ClearChargingProfile": _cleared,
    "SetChargingProfile": _set,
    "UpdateDynamicSchedule": _updated,
}


def _adjusted(request: JsonObject, response: JsonObject) -> StreamChange:
    """Read an AdjustPeriodicEventStreamRequest and its answer (N14.FR.03)."""
    is_taken = response["status"] == "Accepted" and bool(request) and is_id(request["id"])
    return StreamChange(adjusted=(int(request["id"]), params_of(request["params"])) if is_taken else None)


def _open_streams(_request: JsonObject, response: JsonObject) -> StreamChange:
    """Read a GetPeriodicEventStreamResponse (N12.FR.01): what it does not name is not open."""
    return StreamChange(open=streams(response.get("constantStreamData", [])))


STREAM_CHANGES: Mapping[str, Callable[[JsonObject, JsonObject], StreamChange]] = {
    "AdjustPeriodicEventStream": _adjusted,
    "GetPeriodicEventStream": _open_streams,
}
CONTROL_CHANGES: Mapping[str, Callable[[JsonObject, JsonObject], ControlChange]] = {
    "ClearDERControl": was_cleared,
    "SetDERControl": was_set,
}
REPORTS: Mapping[str, Series] = {**BY_ACTION, **dict.fromkeys(DER_CONTROLS.actions, DER_CONTROLS)}
FOLLOWS: Mapping[str, Sequence[Follows]] = {
    **commands_201.FOLLOWS,
    **dict.fromkeys(DER_CONTROLS.actions, (Follows.REPORT,)),
    **dict.fromkeys(SCHEDULE_CHANGES, (Follows.DYNAMIC_SCHEDULE,)),
    **dict.fromkeys(STREAM_CHANGES, (Follows.EVENT_STREAMS,)),
    **dict.fromkeys(CONTROL_CHANGES, (Follows.DER_CONTROLS,)),
    "RequestBatterySwap": (Follows.BATTERY_SWAP,),
    "SetVariableMonitoring": (Follows.MONITORS_SET,),
}


def network_profile_passwords(payload: JsonObject) -> list[str]:
    """Return the password in a SetNetworkProfileRequest: the station uses it when it connects by that profile (B09)."""
    password = payload["connectionData"].get("basicAuthPassword")
    return [] if password is None else [password]
