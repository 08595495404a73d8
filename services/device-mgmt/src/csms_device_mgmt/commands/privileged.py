"""Which requests need more than the right to command a station: those that decide who gets in, and where it goes."""

from collections.abc import Iterator, Mapping
from typing import Any

from csms_ocpp.redaction import is_protected_key, is_protected_variable


def is_privileged(action: str, payload: object) -> bool:
    """Whether a request changes a station's credentials or the way it connects. The payload need not be valid.

    That is SetNetworkProfile, and protected variables by SetVariables or ChangeConfiguration: what the routes of its
    own for the password and the security profile do, and they need the scope admin.
    """
    if action == "SetNetworkProfile":
        return True
    if not isinstance(payload, Mapping):
        return False
    if action == "ChangeConfiguration":
        return is_protected_key(str(payload.get("key")))
    return action == "SetVariables" and any(_is_privileged(element) for element in _elements(payload))


def _elements(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    elements = payload.get("setVariableData")
    yield from (each for each in (elements if isinstance(elements, list) else ()) if isinstance(each, Mapping))


def _is_privileged(element: Mapping[str, Any]) -> bool:
    variable = _name(element.get("variable"))
    # A configuration key of 1.6 is a variable of any component that somebody names.
    return is_protected_variable(_name(element.get("component")), variable) or is_protected_key(variable)


def _name(named: object) -> str:
    return str(named.get("name")) if isinstance(named, Mapping) else ""
