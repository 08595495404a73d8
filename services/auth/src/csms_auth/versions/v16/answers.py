"""OCPP 1.6: writes the answers to what stations ask of auth."""

from csms_ocpp.id_tags import id_tag_info

from csms_auth.domain.certificates import CertificateStatus
from csms_auth.domain.tokens import Answer
from csms_auth.handlers.payloads import JsonObject, Reason


def authorized(decided: Answer, _certificate: CertificateStatus | None) -> JsonObject:
    """Write an Authorize.conf."""
    ends = [at for at in (decided.cache_expiry, decided.expires_at) if at is not None]
    return {"idTagInfo": id_tag_info(decided.status, ends, decided.group_id)}


def certificate_signing(refused: Reason | None) -> JsonObject:
    """Write a SignCertificate.conf, which has no room for a reason."""
    return {"status": "Accepted" if refused is None else "Rejected"}
