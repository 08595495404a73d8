"""SignCertificate (OCPP 2.0.1, use cases A02 and A03)."""

from collections.abc import Callable
from dataclasses import replace

from csms_auth.domain.certificates import CertificateRequest, RequestState
from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Outcome, StationMessage
from csms_auth.pki import csr
from csms_auth.pki.csr import BadCsr
from csms_auth.pki.ports import CertificateType

_MAX_INFO = 512
"""Characters of statusInfo.additionalInfo."""


def answer(call: StationMessage, _decide: Callable[[TokenRef], Answer]) -> Outcome:
    """Accept a CSR that can be signed (A02.FR.11); signing and delivering follow. Reject any other (A02.FR.12).

    Either is recorded: an operator sees what the station wants, and why it does not get it.
    """
    kind = CertificateType(call.request.get("certificateType", CertificateType.CHARGING_STATION))
    text = str(call.request["csr"])
    request = CertificateRequest(call.station_id, kind, text, call.received_at)
    if not call.rules.signs_certificates:
        return _rejected(request, "NotEnabled", "No certificate authority is configured")
    try:
        wanted = csr.signing_request(
            text,
            kind,
            station_id=call.station_id,
            serial_number=call.station.serial_number if call.station else "",
            organization=(call.station and call.station.organization) or call.rules.organization,
        )
    except BadCsr as error:
        return _rejected(request, "InvalidCSR", str(error))
    pending = replace(
        request, state=RequestState.PENDING, key_sha256=csr.key_sha256(wanted.csr), due_at=call.received_at
    )
    return Outcome({"status": "Accepted"}, certificate_request=pending)


def _rejected(request: CertificateRequest, reason_code: str, reason: str) -> Outcome:
    status_info = {"reasonCode": reason_code, "additionalInfo": reason[:_MAX_INFO]}
    return Outcome(
        {"status": "Rejected", "statusInfo": status_info}, certificate_request=replace(request, reason=reason)
    )
