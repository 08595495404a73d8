"""Rules of firmware, logs, monitoring, certificates and display messages (L, M, N, O)."""

import time
from typing import Any

import pytest
from csms_device_mgmt.certificates.certificate_rules import deletion
from csms_device_mgmt.commands.checks import violations
from csms_device_mgmt.versions.v201 import V201
from csms_device_mgmt.versions.v201.rules import RULES

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def pointers(action: str, payload: dict[str, Any]) -> list[str]:
    return [finding.pointer for finding in RULES[action](payload)]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"signingCertificate": None}, ["/firmware/signingCertificate"]),
        ({"signingCertificate": "not one"}, []),  # the station says InvalidCertificate
        ({"signature": None}, ["/firmware/signature"]),
        ({"signature": None, "signingCertificate": None}, []),  # L02: not signed
        ({"signature": "", "signingCertificate": None}, ["/firmware/signingCertificate", "/firmware/signature"]),
        ({"signature": "no base64"}, ["/firmware/signature"]),
    ],
)
def test_update_firmware(changes: dict[str, Any], found: list[str]) -> None:
    firmware = {"location": "https://example.com/f", "signingCertificate": PEM, "signature": "QUJD", **changes}
    present = {name: value for name, value in firmware.items() if value is not None}
    assert pointers("UpdateFirmware", {"requestId": 1, "firmware": present}) == found


@pytest.mark.parametrize(
    ("certificate", "is_pem"),
    [
        (PEM, True),
        (PEM.replace("\n", "\r\n"), True),
        (f"\n{PEM}\n", True),
        ("MIIB", False),
        ("", False),
        (PEM.replace("MIIB", "M!IB"), False),
        (PEM.replace("MIIB", ""), False),
        (PEM.replace("CERTIFICATE", "PRIVATE KEY"), False),
        (PEM + PEM, False),
        ("-----BEGIN CERTIFICATE-----", False),
    ],
)
def test_install_certificate(certificate: str, is_pem: bool) -> None:  # noqa: FBT001 parametrized
    payload = {"certificateType": "CSMSRootCertificate", "certificate": certificate}
    assert pointers("InstallCertificate", payload) == ([] if is_pem else ["/certificate"])


def test_get_log() -> None:
    early, late = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+00:00"
    for log, found in (
        ({}, []),
        ({"oldestTimestamp": late}, []),
        ({"oldestTimestamp": early, "latestTimestamp": late}, []),
        ({"oldestTimestamp": late, "latestTimestamp": early}, ["/log/oldestTimestamp"]),
        ({"oldestTimestamp": "yesterday", "latestTimestamp": early}, []),
    ):
        assert pointers("GetLog", {"log": log}) == found


def monitor(**changes: Any) -> dict[str, Any]:
    whole = {"component": {"name": "C"}, "variable": {"name": "V"}, "type": "Delta", "severity": 8, "value": 1}
    return {**whole, **changes}


@pytest.mark.parametrize(
    ("monitors", "found"),
    [
        ([monitor(), monitor(component={"name": "C", "evse": {"id": 1}}), monitor(severity=7)], []),
        ([monitor(), monitor()], ["/setMonitoringData/1"]),
        ([monitor(value=-1)], ["/setMonitoringData/0/value"]),
        ([monitor(value=-1, type="LowerThreshold")], []),
        ([monitor(severity=10)], ["/setMonitoringData/0/severity"]),
    ],
)
def test_set_variable_monitoring(monitors: list[dict[str, Any]], found: list[str]) -> None:
    assert pointers("SetVariableMonitoring", {"setMonitoringData": monitors}) == found


def test_monitoring_level_and_clearing() -> None:
    assert pointers("SetMonitoringLevel", {"severity": 9}) == []
    assert pointers("SetMonitoringLevel", {"severity": -1}) == ["/severity"]
    assert pointers("ClearVariableMonitoring", {"id": [1, 2]}) == []
    assert pointers("ClearVariableMonitoring", {"id": [1, 2, 1]}) == ["/id/2"]


def test_deletion_uses_the_stations_own_words() -> None:
    named = {"hashAlgorithm": "SHA384", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "c"}
    assert list(deletion({"certificateHashData": dict(named)}, [named])) == []
    (finding,) = deletion({"certificateHashData": {**named, "hashAlgorithm": "SHA256"}}, [named])
    assert finding.pointer == "/certificateHashData"
    assert "M04.FR.07" in finding.detail


def test_deletion_of_what_the_station_never_named_is_for_the_station_to_judge() -> None:
    named = {"hashAlgorithm": "SHA384", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "c"}
    assert list(deletion({"certificateHashData": {**named, "serialNumber": "d"}}, [named])) == []
    assert list(deletion({"certificateHashData": named}, [])) == []


def test_set_display_message() -> None:
    early, late = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    assert pointers("SetDisplayMessage", {"message": {"startDateTime": early, "endDateTime": late}}) == []
    assert pointers("SetDisplayMessage", {"message": {"startDateTime": late, "endDateTime": early}}) == [
        "/message/endDateTime"
    ]
    assert pointers("SetDisplayMessage", {"message": {"endDateTime": early}}) == []


def test_very_many_ids_are_compared_quickly_and_not_all_named() -> None:
    began = time.process_time()
    assert violations(V201, "ClearVariableMonitoring", {"id": list(range(190_000))}) == []
    found = violations(V201, "ClearVariableMonitoring", {"id": [1] * 190_000})
    assert time.process_time() - began < 2  # each with all before it would take minutes
    assert [finding.pointer for finding in found] == [f"/id/{number}" for number in range(1, 101)]
