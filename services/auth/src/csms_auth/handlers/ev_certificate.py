"""Get15118EVCertificate (OCPP 2.0.1, use cases M01 and M02)."""

from collections.abc import Callable

from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Outcome, StationMessage


def answer(_call: StationMessage, _decide: Callable[[TokenRef], Answer]) -> Outcome:
    """Fail: there is no pool of contract certificates to ask."""
    status_info = {"reasonCode": "NotEnabled", "additionalInfo": "No contract certificate pool is configured"}
    return Outcome({"status": "Failed", "statusInfo": status_info, "exiResponse": ""})
