"""OCPP 2.0.1, edition 3 with its errata."""

from csms_ocpp.errors import ErrorCode
from csms_ocpp.frames import CALL, CALLERROR, CALLRESULT
from csms_ocpp.versions.protocol import Protocol
from csms_ocpp.versions.version import Version, table

STATION = """
    Authorize BootNotification ClearedChargingLimit FirmwareStatusNotification Get15118EVCertificate
    GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit NotifyCustomerInformation
    NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent NotifyMonitoringReport NotifyReport
    PublishFirmwareStatusNotification ReportChargingProfiles ReservationStatusUpdate SecurityEventNotification
    SignCertificate StatusNotification TransactionEvent
"""
CSMS = """
    CancelReservation CertificateSigned ChangeAvailability ClearCache ClearChargingProfile ClearDisplayMessage
    ClearVariableMonitoring CostUpdated CustomerInformation DeleteCertificate GetBaseReport GetChargingProfiles
    GetCompositeSchedule GetDisplayMessages GetInstalledCertificateIds GetLocalListVersion GetLog GetMonitoringReport
    GetReport GetTransactionStatus GetVariables InstallCertificate PublishFirmware RequestStartTransaction
    RequestStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SetDisplayMessage SetMonitoringBase
    SetMonitoringLevel SetNetworkProfile SetVariableMonitoring SetVariables TriggerMessage UnlockConnector
    UnpublishFirmware UpdateFirmware
"""
FOLLOW_UPS = {
    "CustomerInformation": ("NotifyCustomerInformation",),
    "GetBaseReport": ("NotifyReport",),
    "GetChargingProfiles": ("ReportChargingProfiles",),
    "GetDisplayMessages": ("NotifyDisplayMessages",),
    "GetLog": ("LogStatusNotification",),
    "GetMonitoringReport": ("NotifyMonitoringReport",),
    "GetReport": ("NotifyReport",),
    "PublishFirmware": ("PublishFirmwareStatusNotification",),
    "SetMonitoringBase": ("NotifyMonitoringReport",),
    "SetVariableMonitoring": ("NotifyMonitoringReport",),
    "UpdateFirmware": ("FirmwareStatusNotification",),
}
TRIGGERED = {
    "SignChargingStationCertificate": ("SignCertificate",),
    "SignCombinedCertificate": ("SignCertificate",),
    "SignV2GCertificate": ("SignCertificate",),
}

V201 = Version(
    protocol=Protocol.OCPP201,
    actions=table(STATION, CSMS),
    user_may_be_empty=False,
    message_types=frozenset({CALL, CALLRESULT, CALLERROR}),
    answers_unknown_types=True,  # Part 4 says both "ignore" (4.1.3) and "answer" (4.4)
    refuses_results=False,
    spelling={code: code.value for code in ErrorCode},
    incomplete_request=ErrorCode.RPC_FRAMEWORK_ERROR,
    duplicate_id=ErrorCode.RPC_FRAMEWORK_ERROR,  # Part 4, 4.2.3
    may_lack_times=False,
    follow_ups=FOLLOW_UPS,
    triggers={"TriggerMessage": TRIGGERED},
    token_events=frozenset({"TransactionEvent"}),
    schema_folder="v201",
    request_suffix="Request",
    schema_corrections={},
)
