"""OCPP 2.0.1: writes the answers to what stations ask of auth."""

import base64
from collections.abc import Sequence
from typing import Any

from csms_ocpp.times import format_datetime

from csms_auth.contracts.chains import Contract
from csms_auth.domain.certificates import CertificateStatus
from csms_auth.domain.tokens import CENTRAL, Answer
from csms_auth.handlers.payloads import Found, JsonObject, Reason

MAX_OCSP_RESULT = 5500
"""Characters of ocspResult."""
MAX_EXI_RESPONSE = 5600
"""Characters of exiResponse."""
_MAX_INFO = 512
"""Characters of statusInfo.additionalInfo."""


def authorized(decided: Answer, certificate: CertificateStatus | None) -> JsonObject:
    """Write an AuthorizeResponse."""
    told = {"idTokenInfo": id_token_info(decided)}
    return told if certificate is None else told | {"certificateStatus": certificate}


def id_token_info(decided: Answer) -> dict[str, Any]:
    """Write an IdTokenInfoType."""
    group = decided.group_id and {"idToken": decided.group_id, "type": CENTRAL}
    message = decided.personal_message and {"format": "UTF8", "content": decided.personal_message}
    expiry = decided.cache_expiry and format_datetime(decided.cache_expiry)
    optional = {
        "cacheExpiryDateTime": expiry,
        "chargingPriority": decided.charging_priority,
        "language1": decided.language1,
        "evseId": list(decided.evse_ids) or None,
        "groupIdToken": group,
        "personalMessage": message,
    }
    return {"status": decided.status} | {name: value for name, value in optional.items() if value is not None}


def certificate_signing(refused: Reason | None) -> JsonObject:
    """Write a SignCertificateResponse: Accepted (A02.FR.11), or Rejected (A02.FR.12)."""
    return {"status": "Accepted"} if refused is None else {"status": "Rejected", "statusInfo": _status_info(refused)}


def ev_certificate(_request: JsonObject, found: Contract | Reason, most: int = MAX_EXI_RESPONSE) -> JsonObject:
    """Write a Get15118EVCertificateResponse: the contract, or Failed. `most`: characters of exiResponse."""
    if isinstance(found, Contract) and len(found.exi_response) > most:
        found = Reason("InvalidValue", "what the pool has is too long for OCPP")
    if isinstance(found, Reason):
        return {"status": "Failed", "statusInfo": _status_info(found), "exiResponse": ""}
    return {"status": "Accepted", "exiResponse": found.exi_response}


def certificate_status(_request: JsonObject, found: Sequence[Found]) -> JsonObject:
    """Write a GetCertificateStatusResponse, with the OCSPResponse (M06.FR.02, .03, .08, .09) or Failed (M06.FR.04)."""
    (one,) = found
    if isinstance(one, Reason):
        return {"status": "Failed", "statusInfo": _status_info(one)}
    return {"status": "Accepted", "ocspResult": base64.b64encode(one.response).decode()}


def _status_info(reason: Reason) -> dict[str, str]:
    return {"reasonCode": reason.code, "additionalInfo": reason.text[:_MAX_INFO]}
