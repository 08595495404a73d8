"""OCPP 2.1: writes the answers to what stations ask of auth, where they are not as in 2.0.1."""

from collections.abc import Sequence
from datetime import timedelta

from csms_ocpp.times import format_datetime
from csms_runtime.clock import utcnow

from csms_auth.handlers.payloads import Found, JsonObject, Reason

MAX_OCSP_RESULT = 18_000
"""Characters of ocspResult."""
_LONGEST = timedelta(days=7)
"""How long a station may keep a status (M07.FR.09)."""


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
