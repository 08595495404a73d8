"""What stations' messages tell in OCPP 2.0.1."""

from collections.abc import Mapping
from typing import Any

from csms_device_mgmt.boot.boot import Boot
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.jobs.course import Course, JobKind
from csms_device_mgmt.status.availability import ReportedStatus
from csms_device_mgmt.versions.version import Told

TOLD: Mapping[str, Told] = {
    "DataTransfer": Told.VENDORS_OWN,
    "Heartbeat": Told.ALIVE,
    "NotifyEVChargingNeeds": Told.CHARGING_NEEDS,
    "NotifyEvent": Told.EVENTS,
    "NotifyReport": Told.DEVICE_MODEL,
}

RECORDED: Mapping[str, dict[str, Any]] = {
    "ClearedChargingLimit": {},
    "NotifyChargingLimit": {},
    "NotifyEVChargingSchedule": {"status": "Accepted"},
    "ReservationStatusUpdate": {},
    "SecurityEventNotification": {},
}
"""The answer to each action whose message is only recorded."""

COURSES: Mapping[str, Course] = {
    "UpdateFirmware": Course(
        JobKind.FIRMWARE_UPDATE,
        "FirmwareStatusNotification",
        frozenset({"Installed"}),
        frozenset({"DownloadFailed", "InstallationFailed", "InstallVerificationFailed", "InvalidSignature"}),
    ),
    "PublishFirmware": Course(
        JobKind.PUBLICATION,
        "PublishFirmwareStatusNotification",
        frozenset({"Published"}),
        frozenset({"DownloadFailed", "InvalidChecksum", "PublishFailed"}),
    ),
    "GetLog": Course(
        JobKind.LOG,
        "LogStatusNotification",
        frozenset({"Uploaded"}),
        frozenset({"BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"}),
    ),
}


def boot(payload: JsonObject) -> Boot:
    """Read a BootNotification (B01)."""
    hardware = payload["chargingStation"]
    modem = hardware.get("modem", {})
    return Boot(
        reason=payload["reason"],
        vendor_name=hardware["vendorName"],
        model=hardware["model"],
        serial_number=hardware.get("serialNumber"),
        firmware_version=hardware.get("firmwareVersion"),
        iccid=modem.get("iccid"),
        imsi=modem.get("imsi"),
    )


def status(payload: JsonObject) -> ReportedStatus:
    """Read a StatusNotification (G01)."""
    return ReportedStatus(payload["evseId"], payload["connectorId"], payload["connectorStatus"], payload["timestamp"])
