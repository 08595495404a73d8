"""Copies of payloads for logs and for people, without secrets."""

import re
from collections.abc import Callable

from csms_ocpp.versions import Protocol

MASK = "***"

# Compared in lower case: names in the device model and in configuration keys are case-insensitive.
_SECRET_FIELDS = frozenset({"apnpassword", "basicauthpassword", "password"})
_SECRET_VARIABLES = frozenset({"apnpassword", "authorizationkey", "basicauthpassword", "vpnkey", "vpnpassword"})
_VARIABLE_VALUES = ("attributeValue", "actualValue", "value")
_USER_INFO = re.compile(r"(?<=://)[^/?#\s@]*:[^/?#\s]*@")
# Far deeper than any message; a vendor's nest of arrays must not exhaust the stack.
_MAX_DEPTH = 60
_PRIVATE_KEY = "PRIVATE KEY-----"


def redact(protocol: Protocol, action: str, payload: object) -> object:  # noqa: ARG001 - the rules hold for all messages so far
    """Return a copy of a request's or response's parsed payload with "***" for each secret.

    Masked are: values of password and key variables (A01.FR.09) and of AuthorizationKey (1.6), passwords and keys in
    network profiles, tokens of type KeyCode (C04.FR.04), private keys in PEM, and user information in URLs. The payload
    stays as it is.
    """
    return _copy(payload, 0)


def is_secret_variable(name: str) -> bool:
    """Whether a variable (2.x) or configuration key (1.6) of that name holds a secret; case does not count."""
    return name.lower() in _SECRET_VARIABLES


def _copy(value: object, depth: int) -> object:
    if depth > _MAX_DEPTH:
        return MASK
    if isinstance(value, dict):
        return _copy_object(value, depth)
    if isinstance(value, list):
        return [_copy(item, depth + 1) for item in value]
    if isinstance(value, str) and _PRIVATE_KEY in value:
        return MASK
    if isinstance(value, str) and "://" in value:
        return _USER_INFO.sub(f"{MASK}@", value)
    return value


def _copy_object(source: dict[str, object], depth: int) -> dict[str, object]:
    copy = {
        name: MASK if name.lower() in _SECRET_FIELDS and value is not None else _copy(value, depth + 1)
        for name, value in source.items()
    }
    for rule in _RULES:
        rule(source, copy)
    return copy


def _mask_key_code(source: dict[str, object], copy: dict[str, object]) -> None:
    kind = source.get("type")
    if isinstance(kind, str) and kind.lower() == "keycode":
        _mask(copy, ("idToken", "id_token", "additionalInfo"))


def _mask_variable(source: dict[str, object], copy: dict[str, object]) -> None:
    variable = source.get("variable")
    if isinstance(variable, dict) and _names_secret(variable.get("name")):
        _mask(copy, _VARIABLE_VALUES)
        attributes = copy.get("variableAttribute")  # NotifyReport
        for attribute in attributes if isinstance(attributes, list) else ():
            if isinstance(attribute, dict):
                _mask(attribute, _VARIABLE_VALUES)


def _mask_configuration(source: dict[str, object], copy: dict[str, object]) -> None:
    if _names_secret(source.get("key")):  # ChangeConfiguration, GetConfiguration's answer
        _mask(copy, ("value",))


def _mask_vpn(source: dict[str, object], copy: dict[str, object]) -> None:
    vpn = copy.get("vpn")
    if isinstance(source.get("vpn"), dict) and isinstance(vpn, dict):
        _mask(vpn, ("key",))


def _names_secret(name: object) -> bool:
    return isinstance(name, str) and is_secret_variable(name)


def _mask(copy: dict[str, object], names: tuple[str, ...]) -> None:
    copy.update({name: MASK for name in names if name in copy})


_Rule = Callable[[dict[str, object], dict[str, object]], None]
_RULES: tuple[_Rule, ...] = (_mask_key_code, _mask_variable, _mask_configuration, _mask_vpn)
