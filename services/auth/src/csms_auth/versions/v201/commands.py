"""OCPP 2.0.1: writes the commands that auth orders, and reads the answers to them."""

from collections.abc import Mapping

from csms_auth.domain.certificates import Certificate
from csms_auth.handlers.payloads import JsonObject
from csms_auth.pki.ports import CertificateType
from csms_auth.versions.version import Command, Delivery

DELIVER = "CertificateSigned"
_TRIGGERS: Mapping[CertificateType, str] = {
    CertificateType.CHARGING_STATION: "SignChargingStationCertificate",
    CertificateType.V2G: "SignV2GCertificate",
}


def deliver(certificate: Certificate) -> Command:
    """Write a CertificateSigned."""
    return Command(DELIVER, {"certificateChain": certificate.chain, "certificateType": certificate.certificate_type})


def read_delivery(response: JsonObject) -> Delivery:
    """Read a CertificateSignedResponse."""
    info = response.get("statusInfo", {})
    details = " ".join(text for text in (info.get("reasonCode"), info.get("additionalInfo")) if text)
    return Delivery(response["status"] == "Accepted", details)


def renew(kind: CertificateType) -> Command:
    """Write a TriggerMessage that has a station send SignCertificate (A02)."""
    return Command("TriggerMessage", {"requestedMessage": _TRIGGERS[kind]})
