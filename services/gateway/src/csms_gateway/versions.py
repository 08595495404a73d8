"""The OCPP versions as the gateway knows them: one object each, chosen once when a connection is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from csms_bus import topics
from csms_ocpp.versions import VERSIONS, Protocol

from csms_gateway import running

_AUTH = topics.CALLS_AUTH.name
_TRANSACTIONS = topics.CALLS_TRANSACTIONS.name
_DEVICES = topics.CALLS_DEVICES.name

RunningAfter = Callable[[frozenset[bytes], bytes], frozenset[bytes]]
"""Which transactions run after a message, from those that ran before and its payload."""


@dataclass(frozen=True, slots=True, eq=False)  # there is one object per version
class GatewayVersion:
    """What the gateway must know of a version. All else is in `csms_ocpp.versions`."""

    protocol: Protocol
    topics: Mapping[str, str]
    """The topic of the service that answers an action, for every action that stations of this version send."""
    running: Mapping[str, RunningAfter]
    """By action, for those that tell of transactions."""


def _version(
    protocol: Protocol, *, auth: str, transactions: str, running: Mapping[str, RunningAfter]
) -> GatewayVersion:
    """Make a version. auth and transactions answer the actions that are named, device-mgmt answers all others."""
    sent = [action.name for action in VERSIONS[protocol].actions.values() if action.from_station]
    routes = dict.fromkeys(sent, _DEVICES)
    routes |= dict.fromkeys(auth.split(), _AUTH) | dict.fromkeys(transactions.split(), _TRANSACTIONS)
    return GatewayVersion(protocol, routes, running)


_AUTH_2X = "Authorize SignCertificate Get15118EVCertificate GetCertificateStatus"
_TRANSACTIONS_2X = "TransactionEvent MeterValues"
_RUNNING_16 = {"StartTransaction": running.after_start, "StopTransaction": running.after_stop}
_RUNNING_2X = {"TransactionEvent": running.after_event}

GATEWAY_VERSIONS: Mapping[Protocol, GatewayVersion] = {
    version.protocol: version
    for version in (
        _version(
            Protocol.OCPP16,
            auth="Authorize SignCertificate",
            transactions="StartTransaction StopTransaction MeterValues",
            running=_RUNNING_16,
        ),
        _version(Protocol.OCPP201, auth=_AUTH_2X, transactions=_TRANSACTIONS_2X, running=_RUNNING_2X),
        _version(
            Protocol.OCPP21,
            auth=f"{_AUTH_2X} GetCertificateChainStatus",
            transactions=_TRANSACTIONS_2X,
            running=_RUNNING_2X,
        ),
    )
}
"""Each version by its subprotocol."""
