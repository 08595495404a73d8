"""Rules about requests of the CSMS in OCPP 2.1 that JSON schemas cannot express, beside those of 2.0.1."""

from collections.abc import Iterator

from csms_ocpp.rules.charging_profiles import set_charging_profile

from csms_device_mgmt.commands.finding import Finding, Rule
from csms_device_mgmt.commands.remote_control_rules import trigger_message
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.monitoring.monitoring_rules import set_variable_monitoring
from csms_device_mgmt.versions.v201 import rules as rules_201

_CUSTOM, _DYNAMIC = "CustomTrigger", "Dynamic"
_DER_FIELDS = {
    "EnterService": "enterService",
    "FixedPFAbsorb": "fixedPFAbsorb",
    "FixedPFInject": "fixedPFInject",
    "FixedVar": "fixedVar",
    "FreqDroop": "freqDroop",
    "Gradients": "gradient",
    "LimitMaxDischarge": "limitMaxDischarge",
}
"""The field of a SetDERControlRequest that has the settings of a controlType; of all others it is the curve."""
_CURVE = "curve"


def _trigger_message(payload: JsonObject) -> Iterator[Finding]:
    """F06.FR.18: a custom trigger has a name, and nothing else has."""
    yield from trigger_message(payload)
    is_custom = payload["requestedMessage"] == _CUSTOM
    if is_custom and not payload.get("customTrigger"):
        yield Finding("/customTrigger", "a CustomTrigger needs the name of what is triggered (F06.FR.18)")
    if not is_custom and "customTrigger" in payload:
        yield Finding("/customTrigger", "this goes with the requestedMessage CustomTrigger (F06.FR.18)")


def _set_variable_monitoring(payload: JsonObject) -> Iterator[Finding]:
    """N11.FR.09, beside the rules of 2.0.1."""
    yield from set_variable_monitoring(payload)
    for index, monitor in enumerate(payload["setMonitoringData"]):
        stream = monitor.get("periodicEventStream")
        if stream is not None:
            yield from _stream(stream, f"/setMonitoringData/{index}/periodicEventStream", "N11.FR.09")


def _adjust_periodic_event_stream(payload: JsonObject) -> Iterator[Finding]:
    """N14.FR.01: something is changed."""
    yield from _stream(payload["params"], "/params", "N14.FR.01")


def _stream(params: JsonObject, pointer: str, requirement: str) -> Iterator[Finding]:
    if params.keys().isdisjoint(("interval", "values")):
        yield Finding(pointer, f"interval or values is needed, or both ({requirement})")


def _set_charging_profile(payload: JsonObject) -> Iterator[Finding]:
    """K28.FR.01, .02, .04, beside the rules of 2.0.1."""
    yield from set_charging_profile(payload)
    profile = payload["chargingProfile"]
    if profile["chargingProfileKind"] != _DYNAMIC:
        if "dynUpdateInterval" in profile:
            yield Finding("/chargingProfile/dynUpdateInterval", "only a Dynamic profile is updated (K28.FR.04)")
        return
    schedules = profile["chargingSchedule"]
    if len(schedules) != 1 or len(schedules[0]["chargingSchedulePeriod"]) != 1:
        yield Finding("/chargingProfile/chargingSchedule", "a Dynamic profile has one period (K28.FR.01)")


def _update_dynamic_schedule(payload: JsonObject) -> Iterator[Finding]:
    """K28.FR.06: something is changed."""
    if not payload["scheduleUpdate"].keys() - {"customData"}:
        yield Finding("/scheduleUpdate", "at least one limit or setpoint is needed (K28.FR.06)")


def _set_der_control(payload: JsonObject) -> Iterator[Finding]:
    """R04: the settings are those of the controlType."""
    wanted = _DER_FIELDS.get(payload["controlType"], _CURVE)
    if wanted not in payload:
        yield Finding(f"/{wanted}", f"a {payload['controlType']} needs this (R04)")
    for name in (*_DER_FIELDS.values(), _CURVE):
        if name != wanted and name in payload:
            yield Finding(f"/{name}", f"a {payload['controlType']} has its settings in {wanted} (R04)")


RULES: dict[str, Rule] = {
    **rules_201.RULES,
    "AdjustPeriodicEventStream": _adjust_periodic_event_stream,
    "SetChargingProfile": _set_charging_profile,
    "SetDERControl": _set_der_control,
    "SetVariableMonitoring": _set_variable_monitoring,
    "TriggerMessage": _trigger_message,
    "UpdateDynamicSchedule": _update_dynamic_schedule,
}
"""The rules of OCPP 2.1, by action."""
