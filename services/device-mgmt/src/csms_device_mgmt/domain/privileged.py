"""Which requests need more than the right to command a station: those that decide who gets in, and where it goes."""

from collections.abc import Iterator, Mapping
from typing import Any

from csms_ocpp.redaction import is_secret_variable

_NETWORK_CONFIGURATION = "networkconfiguration"
"""The component of OCPP 2.1 that is what SetNetworkProfile sets, in lower case."""


def is_privileged(action: str, payload: object) -> bool:
    """Whether a request changes a station's credentials or the way it connects. The payload need not be valid.

    That is SetNetworkProfile, and passwords and keys by SetVariables or ChangeConfiguration: what the routes of its
    own for the password and the security profile do, and they need the scope admin.
    """
    if action == "SetNetworkProfile":
        return True
    if not isinstance(payload, Mapping):
        return False
    if action == "ChangeConfiguration":
        return is_secret_variable(str(payload.get("key")))
    return action == "SetVariables" and any(_is_privileged(element) for element in _elements(payload))


def _elements(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    elements = payload.get("setVariableData")
    yield from (each for each in (elements if isinstance(elements, list) else ()) if isinstance(each, Mapping))


def _is_privileged(element: Mapping[str, Any]) -> bool:
    component = _name(element.get("component")).lower()
    return is_secret_variable(_name(element.get("variable"))) or component == _NETWORK_CONFIGURATION


def _name(named: object) -> str:
    return str(named.get("name")) if isinstance(named, Mapping) else ""
