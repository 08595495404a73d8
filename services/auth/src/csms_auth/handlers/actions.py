"""Which action of which protocol is answered how."""

from collections.abc import Mapping

from csms_ocpp.versions import Protocol

from csms_auth.handlers import authorize, certificate_status, ev_certificate, sign_certificate
from csms_auth.handlers.action import Action

ACTIONS: Mapping[tuple[str, str], Action] = {
    # OCPP 1.6 (Authorize with idTag, SignCertificate of the security extension): not served yet
    # OCPP 2.0.1
    (Protocol.OCPP201, "Authorize"): Action(authorize.answer, tokens=authorize.tokens),
    (Protocol.OCPP201, "SignCertificate"): Action(sign_certificate.answer, stores=True, wants_station=True),
    (Protocol.OCPP201, "Get15118EVCertificate"): Action(ev_certificate.answer),
    (Protocol.OCPP201, "GetCertificateStatus"): Action(certificate_status.answer),
    # OCPP 2.1 (the same four, GetCertificateChainStatus, VatNumberValidation): not served yet
}
