"""A station asks for a certificate (use cases A02 and A03)."""

from collections.abc import Callable
from dataclasses import replace

from csms_auth.domain.certificates import CertificateRequest, CertificateWanted, RequestState
from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Action, Outcome, StationMessage
from csms_auth.handlers.payloads import JsonObject, Reason, Unable
from csms_auth.pki import csr
from csms_auth.pki.csr import BadCsr


def action(read: Callable[[JsonObject], CertificateWanted], write: Callable[[Reason | None], JsonObject]) -> Action:
    """Return how it is answered in a version that reads and writes it so.

    A CSR that can be signed is accepted (A02.FR.11): signing and delivering follow. Any other one is rejected
    (A02.FR.12). Both are recorded: an operator sees what the station wants, and why it does not get it. Only what
    `read` can't take (it raises Unable) is not.
    """

    def answer(call: StationMessage, _decide: Callable[[TokenRef], Answer]) -> Outcome:
        try:
            wanted = read(call.request)
        except Unable as error:
            return Outcome(write(error.reason))
        request, refused = _looked_at(call, wanted)
        return Outcome(write(refused), certificate_request=request)

    return Action(answer, stores=True, wants_station=True)


def _looked_at(call: StationMessage, wanted: CertificateWanted) -> tuple[CertificateRequest, Reason | None]:
    """Return what to record, and why it is refused; None: it is not."""
    kind, number = wanted.certificate_type, wanted.request_id
    request = CertificateRequest(call.station_id, kind, wanted.csr, call.received_at, request_id=number)
    if not call.rules.signs_certificates:
        return _refused(request, Reason("NotEnabled", "No certificate authority is configured"))
    try:
        signing = csr.signing_request(
            wanted.csr,
            wanted.certificate_type,
            station_id=call.station_id,
            serial_number=call.station.serial_number if call.station else "",
            organization=(call.station and call.station.organization) or call.rules.organization,
        )
    except BadCsr as error:
        return _refused(request, Reason("InvalidCSR", str(error)))
    key = csr.key_sha256(signing.csr)
    return replace(request, state=RequestState.PENDING, key_sha256=key, due_at=call.received_at), None


def _refused(request: CertificateRequest, reason: Reason) -> tuple[CertificateRequest, Reason]:
    return replace(request, reason=reason.text), reason
