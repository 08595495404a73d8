"""OCPP 1.6: writes the answers to what stations ask of auth."""

from csms_ocpp.id_tags import MAX_ID_TAG, tag_status
from csms_ocpp.times import format_datetime

from csms_auth.domain.certificates import CertificateStatus
from csms_auth.domain.tokens import Answer
from csms_auth.handlers.payloads import JsonObject, Reason


def authorized(decided: Answer, _certificate: CertificateStatus | None) -> JsonObject:
    """Write an Authorize.conf. A group's id that is no idTag, since it is too long, is left out."""
    told = {"status": tag_status(decided.status)}
    ends = [at for at in (decided.cache_expiry, decided.expires_at) if at is not None]
    if ends:
        told["expiryDate"] = format_datetime(min(ends))
    if decided.group_id and len(decided.group_id) <= MAX_ID_TAG:
        told["parentIdTag"] = decided.group_id
    return {"idTagInfo": told}


def certificate_signing(refused: Reason | None) -> JsonObject:
    """Write a SignCertificate.conf, which has no room for a reason."""
    return {"status": "Accepted" if refused is None else "Rejected"}
