"""Which messages each OCPP version has, and who may send them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from csms_ocpp.versions import Protocol


@dataclass(frozen=True, slots=True)
class Action:
    """One message of a version."""

    name: str
    from_station: bool
    """The station may send its request."""
    from_csms: bool
    """The CSMS may send its request."""
    send_only: bool = False
    """A SEND (OCPP 2.1): it has no response."""


# As listed in Part 2 of each version, for 1.6 also in the security whitepaper.
_STATION_16 = """
    Authorize BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat LogStatusNotification
    MeterValues SecurityEventNotification SignCertificate SignedFirmwareStatusNotification StartTransaction
    StatusNotification StopTransaction
"""
_CSMS_16 = """
    CancelReservation CertificateSigned ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile
    DeleteCertificate ExtendedTriggerMessage GetCompositeSchedule GetConfiguration GetDiagnostics
    GetInstalledCertificateIds GetLocalListVersion GetLog InstallCertificate RemoteStartTransaction
    RemoteStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SignedUpdateFirmware TriggerMessage
    UnlockConnector UpdateFirmware
"""
_STATION_201 = """
    Authorize BootNotification ClearedChargingLimit FirmwareStatusNotification Get15118EVCertificate
    GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit NotifyCustomerInformation
    NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent NotifyMonitoringReport NotifyReport
    PublishFirmwareStatusNotification ReportChargingProfiles ReservationStatusUpdate SecurityEventNotification
    SignCertificate StatusNotification TransactionEvent
"""
_CSMS_201 = """
    CancelReservation CertificateSigned ChangeAvailability ClearCache ClearChargingProfile ClearDisplayMessage
    ClearVariableMonitoring CostUpdated CustomerInformation DeleteCertificate GetBaseReport GetChargingProfiles
    GetCompositeSchedule GetDisplayMessages GetInstalledCertificateIds GetLocalListVersion GetLog GetMonitoringReport
    GetReport GetTransactionStatus GetVariables InstallCertificate PublishFirmware RequestStartTransaction
    RequestStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SetDisplayMessage SetMonitoringBase
    SetMonitoringLevel SetNetworkProfile SetVariableMonitoring SetVariables TriggerMessage UnlockConnector
    UnpublishFirmware UpdateFirmware
"""
_STATION_21 = """
    BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
    NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream PullDynamicScheduleUpdate ReportDERControl
    VatNumberValidation
"""
_CSMS_21 = """
    AFRRSignal AdjustPeriodicEventStream ChangeTransactionTariff ClearDERControl ClearTariffs GetDERControl
    GetPeriodicEventStream GetTariffs NotifyAllowedEnergyTransfer NotifyWebPaymentStarted RequestBatterySwap
    SetDERControl SetDefaultTariff UpdateDynamicSchedule UsePriorityCharging
"""


def _table(station: str, csms: str, sends: str = "") -> Mapping[str, Action]:
    actions = [Action(name, from_station=True, from_csms=False) for name in station.split()]
    actions += [Action(name, from_station=False, from_csms=True) for name in csms.split()]
    actions += [Action(name, from_station=True, from_csms=False, send_only=True) for name in sends.split()]
    actions.append(Action("DataTransfer", from_station=True, from_csms=True))
    return MappingProxyType({action.name: action for action in actions})


ACTIONS: Mapping[Protocol, Mapping[str, Action]] = MappingProxyType(
    {
        Protocol.OCPP16: _table(_STATION_16, _CSMS_16),
        Protocol.OCPP201: _table(_STATION_201, _CSMS_201),
        Protocol.OCPP21: _table(_STATION_201 + _STATION_21, _CSMS_201 + _CSMS_21, "NotifyPeriodicEventStream"),
    }
)
"""All messages of each version by name."""


def lookup(protocol: Protocol, action: str) -> Action | None:
    """Return the message of that name (case counts), or None when the version has none."""
    return ACTIONS[protocol].get(action)


def from_station(protocol: Protocol, action: str) -> bool:
    """Whether a station may send this request; False for unknown actions."""
    known = lookup(protocol, action)
    return known is not None and known.from_station


def from_csms(protocol: Protocol, action: str) -> bool:
    """Whether the CSMS may send this request; False for unknown actions."""
    known = lookup(protocol, action)
    return known is not None and known.from_csms
