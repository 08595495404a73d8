"""A request for each of the 40 messages a CSMS sends in OCPP 2.0.1, as small as its schema and the rules allow."""

from typing import Any

_PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
_PLACE: dict[str, Any] = {"component": {"name": "ClockCtrlr"}, "variable": {"name": "TimeSource"}}
_TOKEN = {"idToken": "AABBCCDD", "type": "ISO14443"}
_HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "1"}
_NETWORK = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": "wss://csms.example.org/ocpp",
    "messageTimeout": 30,
    "securityProfile": 2,
    "ocppInterface": "Wired0",
}
_FIRMWARE = {
    "location": "https://firmware.example.org/1.bin",
    "retrieveDateTime": "2026-01-01T00:00:00Z",
    "signingCertificate": _PEM,
    "signature": "AAAA",
}
_PROFILE = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]}
    ],
}
_TEXT = {"format": "ASCII", "content": "Hello"}

MINIMAL: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 1},
    "CertificateSigned": {"certificateChain": _PEM},
    "ChangeAvailability": {"operationalStatus": "Inoperative"},
    "ClearCache": {},
    "ClearChargingProfile": {"chargingProfileId": 1},
    "ClearDisplayMessage": {"id": 1},
    "ClearVariableMonitoring": {"id": [1]},
    "CostUpdated": {"totalCost": 1.5, "transactionId": "t"},
    "CustomerInformation": {"requestId": 1, "report": True, "clear": False, "customerIdentifier": "c"},
    "DataTransfer": {"vendorId": "org.example"},
    "DeleteCertificate": {"certificateHashData": _HASH},
    "GetBaseReport": {"requestId": 1, "reportBase": "SummaryInventory"},
    "GetChargingProfiles": {"requestId": 1, "chargingProfile": {"chargingProfilePurpose": "TxProfile"}},
    "GetCompositeSchedule": {"duration": 60, "evseId": 1},
    "GetDisplayMessages": {"requestId": 1},
    "GetInstalledCertificateIds": {},
    "GetLocalListVersion": {},
    "GetLog": {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": "https://log.example.org/"}},
    "GetMonitoringReport": {"requestId": 1},
    "GetReport": {"requestId": 1, "componentCriteria": ["Problem"]},
    "GetTransactionStatus": {},
    "GetVariables": {"getVariableData": [_PLACE]},
    "InstallCertificate": {"certificateType": "CSMSRootCertificate", "certificate": _PEM},
    "PublishFirmware": {"location": "https://firmware.example.org/1.bin", "checksum": "0" * 32, "requestId": 1},
    "RequestStartTransaction": {"remoteStartId": 1, "idToken": _TOKEN},
    "RequestStopTransaction": {"transactionId": "t"},
    "ReserveNow": {"id": 1, "expiryDateTime": "2099-01-01T00:00:00Z", "idToken": _TOKEN},
    "Reset": {"type": "OnIdle"},
    "SendLocalList": {"versionNumber": 1, "updateType": "Full"},
    "SetChargingProfile": {"evseId": 0, "chargingProfile": _PROFILE},
    "SetDisplayMessage": {"message": {"id": 1, "priority": "NormalCycle", "message": _TEXT}},
    "SetMonitoringBase": {"monitoringBase": "All"},
    "SetMonitoringLevel": {"severity": 5},
    "SetNetworkProfile": {"configurationSlot": 1, "connectionData": _NETWORK},
    "SetVariableMonitoring": {"setMonitoringData": [{"value": 1, "type": "Delta", "severity": 5, **_PLACE}]},
    "SetVariables": {"setVariableData": [{"attributeValue": "NTP", **_PLACE}]},
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"evseId": 1, "connectorId": 1},
    "UnpublishFirmware": {"checksum": "0" * 32},
    "UpdateFirmware": {"requestId": 1, "firmware": _FIRMWARE},
}
"""Request payloads by action."""
