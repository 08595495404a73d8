"""OCPP 1.6: reads what stations ask of auth. Payloads are valid by their JSON schema."""

from csms_auth.domain.certificates import CertificateWanted
from csms_auth.domain.tokens import TokenRef, TokenShown
from csms_auth.handlers.payloads import JsonObject
from csms_auth.pki.ports import CertificateType


def token_shown(request: JsonObject) -> TokenShown:
    """Read an Authorize.req. An idTag has no type. Some stations fill it up with blanks."""
    return TokenShown(TokenRef("", request["idTag"].strip()), has_certificate=False)


def certificate_wanted(request: JsonObject) -> CertificateWanted:
    """Read a SignCertificate.req, which is for the connection to the CSMS."""
    return CertificateWanted(CertificateType.CHARGING_STATION, str(request["csr"]))
