"""OCPP 1.6 with the security whitepaper: Authorize, SignCertificate, CertificateSigned, ExtendedTriggerMessage."""

from csms_ocpp.versions import Protocol

from csms_auth.handlers import authorize, sign_certificate
from csms_auth.versions.v16 import answers, commands, messages
from csms_auth.versions.version import AuthVersion

V16 = AuthVersion(
    protocol=Protocol.OCPP16,
    actions={
        "Authorize": authorize.action(messages.token_shown, answers.authorized),
        "SignCertificate": sign_certificate.action(messages.certificate_wanted, answers.certificate_signing),
    },
    deliver_action=commands.DELIVER,
    deliver=commands.deliver,
    read_delivery=commands.read_delivery,
    renew=commands.renew,
)
