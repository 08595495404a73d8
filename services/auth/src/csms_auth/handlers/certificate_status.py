"""GetCertificateStatus (OCPP 2.0.1, use case M06)."""

from collections.abc import Callable

from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Call, Outcome


def answer(_call: Call, _decide: Callable[[TokenRef], Answer]) -> Outcome:
    """Fail: no OCSP responder is asked yet (M06.FR.04: Failed when the status cannot be had)."""
    status_info = {"reasonCode": "NotEnabled", "additionalInfo": "OCSP is not configured"}
    return Outcome({"status": "Failed", "statusInfo": status_info})
