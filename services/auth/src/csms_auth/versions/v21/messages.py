"""OCPP 2.1: reads what stations ask of auth, where it is not as in 2.0.1. Payloads are valid by their JSON schema."""

from collections.abc import Sequence

from csms_ocpp.validation import Violation, all_violations_request
from csms_ocpp.versions import Protocol

from csms_auth.domain.certificates import CertificateWanted
from csms_auth.handlers.payloads import JsonObject, Reason, Unable
from csms_auth.pki.ports import CertificateType

_MOST = 2**31
"""OCPP's integers have 32 bits; JSON Schema knows no size."""
_NO_LISTS = Reason("UnsupportedParam", "Revocation lists are not read here")


def certificate_wanted(request: JsonObject) -> CertificateWanted:
    """Read a SignCertificateRequest. Raises Unable: the type, or the requestId, is one that can't be served."""
    kind, number = request.get("certificateType", CertificateType.CHARGING_STATION), request.get("requestId")
    if kind not in tuple(CertificateType):
        raise Unable(Reason("UnsupportedParam", f"No certificates of type {kind} are signed here"))
    if number is not None and not -_MOST <= number < _MOST:
        raise Unable(Reason("InvalidValue", "requestId is not a 32 bit integer"))
    return CertificateWanted(CertificateType(kind), str(request["csr"]), None if number is None else int(number))


def chain_questions(request: JsonObject) -> Sequence[JsonObject | Reason]:
    """Return what to ask about each certificate of a GetCertificateChainStatusRequest (M07.FR.01).

    One of the URLs is asked: the first one for the web. A revocation list counts as one that can't be had (M07.FR.05).
    """
    return [_question(each) for each in request["certificateStatusRequests"]]


def _question(wanted: JsonObject) -> JsonObject | Reason:
    if wanted["source"] != "OCSP":
        return _NO_LISTS
    urls: Sequence[str] = wanted["urls"]
    url = next((each for each in urls if each.casefold().startswith(("http://", "https://"))), urls[0])
    return {**wanted["certificateHashData"], "responderURL": url}


def tariff_violations(tariff: JsonObject) -> Sequence[Violation]:
    """Return what is wrong with a TariffType: it is the same in AuthorizeResponse and in what the CSMS sends."""
    return all_violations_request(Protocol.OCPP21, "SetDefaultTariff", {"evseId": 0, "tariff": tariff})
