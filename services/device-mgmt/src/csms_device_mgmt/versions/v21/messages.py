"""What stations' messages tell in OCPP 2.1 that they do not in 2.0.1."""

from collections.abc import Callable, Mapping
from typing import Any

from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.versions.v201 import messages as messages_201
from csms_device_mgmt.versions.version import Told

TOLD: Mapping[str, Told] = {
    **messages_201.TOLD,
    "ClosePeriodicEventStream": Told.STREAM_CLOSED,
    "NotifyMonitoringReport": Told.MONITORS,
    "NotifyPeriodicEventStream": Told.STREAM_VALUES,
    "NotifySettlement": Told.SETTLED,
    "OpenPeriodicEventStream": Told.STREAM_OPENED,
    "PullDynamicScheduleUpdate": Told.SCHEDULE_WANTED,
}

RECORDED: Mapping[str, dict[str, Any]] = {
    **{action: answer for action, answer in messages_201.RECORDED.items() if action != "NotifyEVChargingNeeds"},
    "BatterySwap": {},
    "NotifyDERAlarm": {},
    "NotifyDERStartStop": {},
    "NotifyPriorityCharging": {},
}
"""The answer to each action whose message is only recorded."""

_ISO_15118_20 = ("controlMode", "mobilityNeedsMode", "availableEnergyTransfer", "v2xChargingParameters")
"""Fields of chargingNeeds that only vehicles with ISO 15118-20 have something for."""


def _charging_needs(payload: JsonObject) -> dict[str, Any]:
    """There is no schedule to offer: Rejected (K15.FR.04); with ISO 15118-20 that is another word (K18.FR.04)."""
    is_20 = not payload["chargingNeeds"].keys().isdisjoint(_ISO_15118_20)
    return {"status": "NoChargingProfile"} if is_20 else messages_201.NO_SMART_CHARGING


def _vat_number(payload: JsonObject) -> dict[str, Any]:
    """There is no register of VAT numbers to look into: nothing is said of the company."""
    asked = {name: payload[name] for name in ("vatNumber", "evseId") if name in payload}
    return {**asked, "status": "Rejected", "statusInfo": {"reasonCode": "NotEnabled"}}


RECORDED_WITH: Mapping[str, Callable[[JsonObject], dict[str, Any]]] = {
    "NotifyEVChargingNeeds": _charging_needs,
    "VatNumberValidation": _vat_number,
}
