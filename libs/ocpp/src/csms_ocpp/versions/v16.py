"""OCPP 1.6, OCPP-J 1.6 and the security whitepaper (edition 3)."""

from typing import Any

from csms_ocpp.errors import ErrorCode
from csms_ocpp.frames import CALL, CALLERROR, CALLRESULT
from csms_ocpp.versions.protocol import Protocol
from csms_ocpp.versions.version import Version, table

_STATION = """
    Authorize BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat LogStatusNotification
    MeterValues SecurityEventNotification SignCertificate SignedFirmwareStatusNotification StartTransaction
    StatusNotification StopTransaction
"""
_CSMS = """
    CancelReservation CertificateSigned ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile
    DeleteCertificate ExtendedTriggerMessage GetCompositeSchedule GetConfiguration GetDiagnostics
    GetInstalledCertificateIds GetLocalListVersion GetLog InstallCertificate RemoteStartTransaction
    RemoteStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SignedUpdateFirmware TriggerMessage
    UnlockConnector UpdateFirmware
"""
# Two typing errors are kept on purpose (errata 5.1, 5.2). The two codes about frames are missing.
_SPELLING = {code: code.value for code in ErrorCode} | {
    ErrorCode.FORMAT_VIOLATION: "FormationViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    ErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
    ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
}


def _add_hertz(schema: dict[str, Any]) -> None:
    # StopTransaction carries the same sampled values as MeterValues. Only MeterValues' schema got this unit.
    meter_value = schema["properties"]["transactionData"]["items"]["properties"]
    meter_value["sampledValue"]["items"]["properties"]["unit"]["enum"].append("Hertz")


V16 = Version(
    protocol=Protocol.OCPP16,
    actions=table(_STATION, _CSMS),
    user_may_be_empty=True,  # whitepaper: the identity; stations in the field send none
    message_types=frozenset({CALL, CALLRESULT, CALLERROR}),
    answers_unknown_types=False,
    refuses_results=False,
    spelling=_SPELLING,
    incomplete_request=ErrorCode.PROTOCOL_ERROR,
    duplicate_id=ErrorCode.GENERIC_ERROR,
    may_lack_times=True,
    follow_ups={
        "GetDiagnostics": ("DiagnosticsStatusNotification",),
        "GetLog": ("LogStatusNotification",),
        "SignedUpdateFirmware": ("SignedFirmwareStatusNotification",),
        "UpdateFirmware": ("FirmwareStatusNotification",),
    },
    triggers={
        "TriggerMessage": {},
        "ExtendedTriggerMessage": {
            # The whitepaper does not say which of the two it is.
            "FirmwareStatusNotification": ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
            "SignChargePointCertificate": ("SignCertificate",),
        },
    },
    # The answers to Authorize and StartTransaction can't be empty, and a StopTransaction lets nobody charge.
    token_events=frozenset(),
    schema_folder="v16",
    request_suffix="",
    schema_corrections={"StopTransaction": _add_hertz},
)
