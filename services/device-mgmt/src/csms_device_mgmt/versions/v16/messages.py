"""What stations' messages tell in OCPP 1.6."""

from collections.abc import Mapping
from typing import Any

from csms_ocpp.errors import ErrorCode, OcppError

from csms_device_mgmt.boot.boot import Boot
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.jobs.course import Course, JobKind
from csms_device_mgmt.status.availability import STATUSES, WHOLE_EVSE, WHOLE_STATION, ReportedStatus
from csms_device_mgmt.versions.version import Told

TOLD: Mapping[str, Told] = {"DataTransfer": Told.VENDORS_OWN, "Heartbeat": Told.ALIVE}

RECORDED: Mapping[str, dict[str, Any]] = {"SecurityEventNotification": {}}
"""The answer to each action whose message is only recorded."""

_UPDATE = frozenset({"DownloadFailed", "InstallationFailed"})
COURSES: Mapping[str, Course] = {
    "UpdateFirmware": Course(
        JobKind.FIRMWARE_UPDATE,
        "FirmwareStatusNotification",
        frozenset({"Installed"}),
        _UPDATE,
        is_numbered=False,
    ),
    "SignedUpdateFirmware": Course(
        JobKind.FIRMWARE_UPDATE,
        "SignedFirmwareStatusNotification",
        frozenset({"Installed"}),
        _UPDATE | {"InstallVerificationFailed", "InvalidSignature"},
    ),
    "GetDiagnostics": Course(
        JobKind.LOG,
        "DiagnosticsStatusNotification",
        frozenset({"Uploaded"}),
        frozenset({"UploadFailed"}),
        is_numbered=False,
    ),
    "GetLog": Course(
        JobKind.LOG,
        "LogStatusNotification",
        frozenset({"Uploaded"}),
        frozenset({"BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"}),
    ),
}

CONNECTOR = 1
"""Connector n of OCPP 1.6 is this connector of EVSE n: one connector of 1.6 is used at a time, as an EVSE is."""
_OCCUPIED = dict.fromkeys(("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"), "Occupied")
_UNKNOWN = "Unavailable"
"""What a word means that OCPP does not have: nobody can promise anybody the connector."""
_SAID = ("status", "errorCode", "info", "vendorErrorCode", "vendorId")


def boot(payload: JsonObject) -> Boot:
    """Read a BootNotification (4.2). The name chargeBoxSerialNumber is the older one of the same."""
    return Boot(
        reason=None,
        vendor_name=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        serial_number=payload.get("chargePointSerialNumber", payload.get("chargeBoxSerialNumber")),
        firmware_version=payload.get("firmwareVersion"),
        iccid=payload.get("iccid"),
        imsi=payload.get("imsi"),
        meter_type=payload.get("meterType"),
        meter_serial_number=payload.get("meterSerialNumber"),
    )


def status(payload: JsonObject) -> ReportedStatus:
    """Read a StatusNotification (4.9). Raises OcppError: there is no such connector."""
    connector_id, word = payload["connectorId"], payload["status"]
    if connector_id < 0:
        raise OcppError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/connectorId: must be at least 0")
    meaning = _OCCUPIED.get(word, word)
    return ReportedStatus(
        evse_id=connector_id or WHOLE_STATION,
        connector_id=CONNECTOR if connector_id else WHOLE_EVSE,
        status=meaning if meaning in STATUSES else _UNKNOWN,
        timestamp=payload.get("timestamp"),
        reported={name: payload[name] for name in _SAID if name in payload},
    )
