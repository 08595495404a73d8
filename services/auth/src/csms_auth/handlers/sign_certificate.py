"""SignCertificate (OCPP 2.0.1, use cases A02 and A03)."""

from collections.abc import Callable

from csms_auth.domain.certificates import CertificateRequest
from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Call, Outcome

_DEFAULT_TYPE = "ChargingStationCertificate"


def answer(call: Call, _decide: Callable[[TokenRef], Answer]) -> Outcome:
    """Record the request and reject it: there is no certificate authority that would sign it.

    Accepted would promise a CertificateSigned (A02.FR.04). The record shows the operator that the station wants one.
    """
    request = CertificateRequest(
        station_id=call.station_id,
        certificate_type=call.request.get("certificateType", _DEFAULT_TYPE),
        csr=call.request["csr"],
        received_at=call.received_at,
    )
    status_info = {"reasonCode": "NotEnabled", "additionalInfo": "No certificate authority is configured"}
    return Outcome({"status": "Rejected", "statusInfo": status_info}, certificate_request=request)
