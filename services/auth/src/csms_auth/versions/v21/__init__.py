"""OCPP 2.1: as 2.0.1, with requestId for certificates, longer OCSP results, and GetCertificateChainStatus."""

from dataclasses import replace

from csms_ocpp.versions import Protocol

from csms_auth.handlers import authorize, certificate_status, ev_certificate, sign_certificate
from csms_auth.versions.v21 import answers, commands, messages
from csms_auth.versions.v201 import V201
from csms_auth.versions.v201 import answers as answers_201
from csms_auth.versions.v201 import messages as messages_201

V21 = replace(
    V201,
    protocol=Protocol.OCPP21,
    actions={
        **V201.actions,
        "Authorize": authorize.action(messages_201.token_shown, answers.authorized),
        "SignCertificate": sign_certificate.action(messages.certificate_wanted, answers_201.certificate_signing),
        "Get15118EVCertificate": ev_certificate.action(messages_201.ev_certificate_wanted, answers.ev_certificate),
        "GetCertificateStatus": certificate_status.action(
            messages_201.status_questions, answers_201.certificate_status, answers.MAX_OCSP_RESULT
        ),
        "GetCertificateChainStatus": certificate_status.action(messages.chain_questions, answers.chain_status),
    },
    deliver=commands.deliver,
)
