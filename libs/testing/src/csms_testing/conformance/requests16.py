"""A request for each message a CSMS sends in OCPP 1.6, as small as its schema and the rules allow."""

from typing import Any

_PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
_HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "1"}
_AT = "2026-01-01T00:00:00Z"
_FIRMWARE = {
    "location": "https://firmware.example.org/1.bin",
    "retrieveDateTime": _AT,
    "signingCertificate": _PEM,
    "signature": "AAAA",
}
_PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}]},
}

MINIMAL: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 1},
    "CertificateSigned": {"certificateChain": _PEM},
    "ChangeAvailability": {"connectorId": 0, "type": "Inoperative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "60"},
    "ClearCache": {},
    "ClearChargingProfile": {},
    "DataTransfer": {"vendorId": "org.example"},
    "DeleteCertificate": {"certificateHashData": _HASH},
    "ExtendedTriggerMessage": {"requestedMessage": "Heartbeat"},
    "GetCompositeSchedule": {"connectorId": 0, "duration": 60},
    "GetConfiguration": {},
    "GetDiagnostics": {"location": "https://log.example.org/"},
    "GetInstalledCertificateIds": {"certificateType": "ManufacturerRootCertificate"},
    "GetLocalListVersion": {},
    "GetLog": {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": "https://log.example.org/"}},
    "InstallCertificate": {"certificateType": "CentralSystemRootCertificate", "certificate": _PEM},
    "RemoteStartTransaction": {"idTag": "AABBCCDD"},
    "RemoteStopTransaction": {"transactionId": 1},
    "ReserveNow": {"connectorId": 1, "expiryDate": "2099-01-01T00:00:00Z", "idTag": "AABBCCDD", "reservationId": 1},
    "Reset": {"type": "Soft"},
    "SendLocalList": {"listVersion": 1, "updateType": "Full"},
    "SetChargingProfile": {"connectorId": 0, "csChargingProfiles": _PROFILE},
    "SignedUpdateFirmware": {"requestId": 1, "firmware": _FIRMWARE},
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": "https://firmware.example.org/1.bin", "retrieveDate": _AT},
}
"""Request payloads by action."""
