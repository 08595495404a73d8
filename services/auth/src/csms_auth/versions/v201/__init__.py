"""OCPP 2.0.1: Authorize, SignCertificate, Get15118EVCertificate, GetCertificateStatus, CertificateSigned, triggers."""

from csms_ocpp.versions import Protocol

from csms_auth.handlers import authorize, certificate_status, ev_certificate, sign_certificate
from csms_auth.versions.v201 import answers, commands, messages
from csms_auth.versions.version import AuthVersion

V201 = AuthVersion(
    protocol=Protocol.OCPP201,
    actions={
        "Authorize": authorize.action(messages.token_shown, answers.authorized),
        "SignCertificate": sign_certificate.action(messages.certificate_wanted, answers.certificate_signing),
        "Get15118EVCertificate": ev_certificate.action(messages.ev_certificate_wanted, answers.ev_certificate),
        "GetCertificateStatus": certificate_status.action(
            messages.status_questions, answers.certificate_status, answers.MAX_OCSP_RESULT
        ),
    },
    deliver_action=commands.DELIVER,
    deliver=commands.deliver,
    read_delivery=commands.read_delivery,
    renew=commands.renew,
)
