"""Which service answers which action."""

from collections.abc import Mapping

from csms_bus import topics
from csms_ocpp.versions import Protocol

AUTH = topics.CALLS_AUTH.name
TRANSACTIONS = topics.CALLS_TRANSACTIONS.name
DEVICES = topics.CALLS_DEVICES.name

_TOKENS_AND_CERTIFICATES = {
    "Authorize": AUTH,
    "SignCertificate": AUTH,
    "Get15118EVCertificate": AUTH,
    "GetCertificateStatus": AUTH,
}

ROUTES: Mapping[Protocol, Mapping[str, str]] = {
    Protocol.OCPP16: {
        "Authorize": AUTH,
        "SignCertificate": AUTH,
        "StartTransaction": TRANSACTIONS,
        "StopTransaction": TRANSACTIONS,
        "MeterValues": TRANSACTIONS,
    },
    Protocol.OCPP201: {
        **_TOKENS_AND_CERTIFICATES,
        "TransactionEvent": TRANSACTIONS,
        "MeterValues": TRANSACTIONS,
    },
    Protocol.OCPP21: {
        **_TOKENS_AND_CERTIFICATES,
        "TransactionEvent": TRANSACTIONS,
        "MeterValues": TRANSACTIONS,
    },
}
"""Action → topic, for every action that device-mgmt does not answer."""


def topic(protocol: Protocol, action: str) -> str:
    """The topic that a station's CALL of this action is published on."""
    return ROUTES[protocol].get(action, DEVICES)
