"""OCPP 1.6: writes the commands that auth orders, and reads the answers to them."""

from csms_auth.domain.certificates import Certificate
from csms_auth.handlers.payloads import JsonObject
from csms_auth.pki.ports import CertificateType
from csms_auth.versions.version import Command, Delivery

DELIVER = "CertificateSigned"


def deliver(certificate: Certificate) -> Command | None:
    """Write a CertificateSigned; None: of another type than that of the connection there are none."""
    if certificate.certificate_type != CertificateType.CHARGING_STATION:
        return None
    return Command(DELIVER, {"certificateChain": certificate.chain})


def read_delivery(response: JsonObject) -> Delivery:
    """Read a CertificateSigned.conf."""
    return Delivery(response["status"] == "Accepted", "")


def renew(kind: CertificateType) -> Command | None:
    """Write an ExtendedTriggerMessage that has a station send SignCertificate; None: as in `deliver`."""
    if kind is not CertificateType.CHARGING_STATION:
        return None
    return Command("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
