"""OCPP 2.1: 2.0.1 with more messages, SENDs, and errors that answer a result."""

from dataclasses import replace

from csms_ocpp.frames import CALLRESULTERROR, SEND
from csms_ocpp.versions import v201
from csms_ocpp.versions.protocol import Protocol
from csms_ocpp.versions.version import table

_STATION = """
    BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
    NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream PullDynamicScheduleUpdate ReportDERControl
    VatNumberValidation
"""
_CSMS = """
    AFRRSignal AdjustPeriodicEventStream ChangeTransactionTariff ClearDERControl ClearTariffs GetDERControl
    GetPeriodicEventStream GetTariffs NotifyAllowedEnergyTransfer NotifyWebPaymentStarted RequestBatterySwap
    SetDERControl SetDefaultTariff UpdateDynamicSchedule UsePriorityCharging
"""

V21 = replace(
    v201.V201,
    protocol=Protocol.OCPP21,
    actions=table(v201.STATION + _STATION, v201.CSMS + _CSMS, "NotifyPeriodicEventStream"),
    message_types=v201.V201.message_types | {CALLRESULTERROR, SEND},
    answers_unknown_types=False,  # Part 4, 4.1.3
    refuses_results=True,
    follow_ups=v201.FOLLOW_UPS | {"GetDERControl": ("ReportDERControl",), "RequestBatterySwap": ("BatterySwap",)},
    triggers={"TriggerMessage": v201.TRIGGERED | {"CustomTrigger": (), "SignV2G20Certificate": ("SignCertificate",)}},
    schema_folder="v21",
)
