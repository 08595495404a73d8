"""Which messages each OCPP version has, and who may send them."""

from collections.abc import Mapping

from csms_ocpp.versions import VERSIONS, Action, Protocol

ACTIONS: Mapping[Protocol, Mapping[str, Action]] = {protocol: version.actions for protocol, version in VERSIONS.items()}
"""All messages of each version by name."""


def lookup(protocol: Protocol, action: str) -> Action | None:
    """Return the message of that name (case counts), or None when the version has none."""
    return VERSIONS[protocol].actions.get(action)


def from_station(protocol: Protocol, action: str) -> bool:
    """Whether a station may send this request; False for unknown actions."""
    known = lookup(protocol, action)
    return known is not None and known.from_station


def from_csms(protocol: Protocol, action: str) -> bool:
    """Whether the CSMS may send this request; False for unknown actions."""
    known = lookup(protocol, action)
    return known is not None and known.from_csms
