"""GetCertificateStatus (OCPP 2.0.1, use case M06)."""

from collections.abc import Callable

from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import JsonObject, Outcome, StationMessage
from csms_auth.ocsp.question import BadQuestion, Question


def answer(call: StationMessage, _decide: Callable[[TokenRef], Answer]) -> Outcome:
    """Ask the responder that the station names; Failed when the status cannot be had (M06.FR.04)."""
    try:
        question = Question.of(call.request["ocspRequestData"])
    except BadQuestion as error:
        return Outcome(failed("InvalidValue", str(error)))
    return Outcome(failed("InternalError", "too many questions are being asked"), question=question)


def succeeded(ocsp_result: str) -> JsonObject:
    """Return the answer with an OCSPResponse, DER in base64 (M06.FR.02, .03, .08, .09)."""
    return {"status": "Accepted", "ocspResult": ocsp_result}


def failed(reason_code: str, reason: str) -> JsonObject:
    """Return the answer when the status cannot be had (M06.FR.04)."""
    return {"status": "Failed", "statusInfo": {"reasonCode": reason_code, "additionalInfo": reason[:512]}}
