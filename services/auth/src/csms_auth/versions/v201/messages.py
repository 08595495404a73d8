"""OCPP 2.0.1: reads what stations ask of auth. Payloads are valid by their JSON schema."""

from collections.abc import Sequence

from csms_auth.contracts.pool import Wanted
from csms_auth.domain.certificates import CertificateWanted
from csms_auth.domain.tokens import TokenRef, TokenShown
from csms_auth.handlers.payloads import JsonObject
from csms_auth.pki.ports import CertificateType


def token_shown(request: JsonObject) -> TokenShown:
    """Read an AuthorizeRequest; additionalInfo is not part of a token's identity (C01.FR.25)."""
    token = request["idToken"]
    has_certificate = "certificate" in request or "iso15118CertificateHashData" in request
    return TokenShown(TokenRef(token["type"], token["idToken"]), has_certificate)


def certificate_wanted(request: JsonObject) -> CertificateWanted:
    """Read a SignCertificateRequest."""
    kind = CertificateType(request.get("certificateType", CertificateType.CHARGING_STATION))
    return CertificateWanted(kind, str(request["csr"]))


def status_questions(request: JsonObject) -> Sequence[JsonObject]:
    """Return the OCSPRequestDataType of a GetCertificateStatusRequest, which has one."""
    return (request["ocspRequestData"],)


def ev_certificate_wanted(request: JsonObject) -> Wanted:
    """Read a Get15118EVCertificateRequest; what OCPP 2.1 has more is absent in 2.0.1."""
    most = request.get("maximumContractCertificateChains")
    return Wanted(
        request["iso15118SchemaVersion"],
        request["action"],
        request["exiRequest"],
        None if most is None else int(most),
        tuple(request.get("prioritizedEMAIDs", ())),
    )
