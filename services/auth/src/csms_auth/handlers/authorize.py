"""Authorize (OCPP 2.0.1, use cases C01 to C09)."""

from collections.abc import Callable, Sequence
from typing import Any

from csms_ocpp.times import format_datetime

from csms_auth.domain.certificates import unverifiable
from csms_auth.domain.tokens import CENTRAL, Answer, TokenRef
from csms_auth.handlers.action import JsonObject, Outcome, StationMessage


def tokens(request: JsonObject) -> Sequence[TokenRef]:
    """Return the token to look up; additionalInfo is not part of its identity (C01.FR.25)."""
    id_token = request["idToken"]
    return (TokenRef(id_token["type"], id_token["idToken"]),)


def answer(call: StationMessage, decide: Callable[[TokenRef], Answer]) -> Outcome:
    """Answer an AuthorizeRequest.

    A contract certificate cannot be verified as long as no PKI is configured; it is never taken for good (C07.FR.17).
    """
    (token,) = tokens(call.request)
    decided = decide(token)
    if "certificate" not in call.request and "iso15118CertificateHashData" not in call.request:
        return Outcome({"idTokenInfo": id_token_info(decided)})
    decided, certificate_status = unverifiable(decided)
    return Outcome({"idTokenInfo": id_token_info(decided), "certificateStatus": certificate_status})


def id_token_info(decided: Answer) -> dict[str, Any]:
    """Spell an answer as OCPP 2.0.1's IdTokenInfoType."""
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
