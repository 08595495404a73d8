"""OCPP 2.1: writes the answers to what stations ask of auth, where they are not as in 2.0.1."""

from collections.abc import Sequence
from datetime import timedelta

from csms_ocpp.times import format_datetime
from csms_runtime.clock import utcnow

from csms_auth.contracts.chains import Contract
from csms_auth.domain.certificates import CertificateStatus
from csms_auth.domain.tokens import Answer
from csms_auth.handlers.payloads import Found, JsonObject, Reason
from csms_auth.versions.v201 import answers as answers_201

MAX_OCSP_RESULT = 18_000
"""Characters of ocspResult."""
MAX_EXI_RESPONSE = 17_000
"""Characters of exiResponse."""
_LONGEST = timedelta(days=7)
"""How long a station may keep a status (M07.FR.09)."""


def authorized(decided: Answer, certificate: CertificateStatus | None) -> JsonObject:
    """Write an AuthorizeResponse, with the driver's own tariff (I08.FR.01)."""
    told = answers_201.authorized(decided, certificate)
    return told if decided.tariff is None else {**told, "tariff": decided.tariff}


def ev_certificate(request: JsonObject, found: Contract | Reason) -> JsonObject:
    """Write a Get15118EVCertificateResponse; with ISO 15118-20 it says how many contracts are left (M01.FR.04, .07)."""
    told = answers_201.ev_certificate(request, found, MAX_EXI_RESPONSE)
    is_20 = "maximumContractCertificateChains" in request and told["status"] == "Accepted"
    return {**told, "remainingContracts": found.remaining} if is_20 and isinstance(found, Contract) else told


def chain_status(request: JsonObject, found: Sequence[Found]) -> JsonObject:
    """Write a GetCertificateChainStatusResponse (M07.FR.08)."""
    asked = request["certificateStatusRequests"]
    return {"certificateStatus": [_status(*each) for each in zip(asked, found, strict=True)]}


def _status(asked: JsonObject, found: Found) -> JsonObject:
    """Write a CertificateStatusType: Failed, to be asked again at once, or what the responder says (M07.FR.02, .03)."""
    now = utcnow()
    name, until = ("Failed", now) if isinstance(found, Reason) else (found.name, min(found.next_update, now + _LONGEST))
    return {
        "certificateHashData": asked["certificateHashData"],
        "source": asked["source"],
        "status": name,
        "nextUpdate": format_datetime(until),
    }
