"""What stations' messages tell in OCPP 2.1 that they do not in 2.0.1."""

from collections.abc import Callable, Mapping
from typing import Any

from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.versions.v201 import messages as messages_201
from csms_device_mgmt.versions.version import Told

TOLD: Mapping[str, Told] = {
    **messages_201.TOLD,
    "BatterySwap": Told.BATTERY_SWAPPED,
    "ClosePeriodicEventStream": Told.STREAM_CLOSED,
    "NotifyDERStartStop": Told.CONTROL_STARTED,
    "NotifyMonitoringReport": Told.MONITORS,
    "NotifyPeriodicEventStream": Told.STREAM_VALUES,
    "NotifySettlement": Told.SETTLED,
    "OpenPeriodicEventStream": Told.STREAM_OPENED,
    "PullDynamicScheduleUpdate": Told.SCHEDULE_WANTED,
    "ReportDERControl": Told.CONTROLS,
    "VatNumberValidation": Told.VAT_NUMBER,
}

RECORDED: Mapping[str, dict[str, Any]] = {
    **messages_201.RECORDED,
    "NotifyDERAlarm": {},
    "NotifyPriorityCharging": {},
}
"""The answer to each action whose message is only recorded."""


RECORDED_WITH: Mapping[str, Callable[[JsonObject], dict[str, Any]]] = {}
