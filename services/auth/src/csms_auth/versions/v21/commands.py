"""OCPP 2.1: writes the commands that auth orders, where they are not as in 2.0.1."""

from csms_auth.domain.certificates import Certificate
from csms_auth.versions.v201 import commands as commands_201
from csms_auth.versions.version import Command


def deliver(certificate: Certificate) -> Command:
    """Write a CertificateSigned, with the requestId of what the station sent, if it had one (A02.FR.25)."""
    command = commands_201.deliver(certificate)
    if certificate.request_id is None:
        return command
    return command._replace(payload={**command.payload, "requestId": certificate.request_id})
