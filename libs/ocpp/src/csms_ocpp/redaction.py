"""Knows which variables and fields are protected, and makes copies of payloads without secrets.

This is the only list of what is secret, and of what decides how a station connects.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import orjson

from csms_ocpp.cost import is_too_much
from csms_ocpp.versions import Protocol

MASK = "***"

# Names in the device model and in configuration keys have no case, and blanks around them mean nothing. So they are
# compared in lower case and without blanks.
_SECRET_FIELDS = frozenset(
    {"apnpassword", "authorizationkey", "basicauthpassword", "password", "secret", "shared_secret", "simpin"}
)
_SECRET_VARIABLES = frozenset(
    {"apnpassword", "apnsimpin", "authorizationkey", "basicauthpassword", "sharedsecret", "vpnkey", "vpnpassword"}
)
_SECRET_IN_NAMES = ("password", "secret")
"""A variable whose name has one of them, as vendors name theirs, holds a secret."""
_SECRET_PLACES = frozenset({("tokenreader", "token")})
"""Component and variable. The last token that was read may be a key code, and nothing says so (C04.FR.04)."""
_CONNECTING_KEYS = frozenset({"securityprofile"})
"""Configuration keys of 1.6 that decide how a station connects."""
_CONNECTING_VARIABLES = frozenset(
    {
        ("securityctrlr", "identity"),
        ("securityctrlr", "securityprofile"),
        ("securityctrlr", "allowsecurityprofiledowngrade"),
        ("ocppcommctrlr", "networkconfigurationpriority"),
    }
)
_CONNECTING_COMPONENTS = frozenset({"networkconfiguration"})
"""In OCPP 2.1 the variables of this component are what SetNetworkProfile sets."""
_FREE_TEXTS = frozenset({"additionalInfo", "reasonCode"})
"""Fields of a StatusInfo in which a station says something about a request in its own words."""
_VARIABLE_VALUES = ("attributeValue", "actualValue", "value", "techInfo")
"""Fields with the value of a variable. `techInfo` is free text in a NotifyEvent, and may repeat the value."""
_USER_INFO = re.compile(r"(?<=://)[^/?#\s@:]*:[^/?#\s]*@")
"""The first part ends at the first colon. If it could end at any colon, each one would be tried: too slow."""
_LOCATIONS = frozenset({"location", "remotelocation"})
"""Fields with addresses of files: the query of one may let everybody read or write the file."""
_QUERY = re.compile(r"(?<=\?)[^#]+")
_MOST_ADDRESSES = 10_000
"""Addresses in one text. A text with more is masked as a whole."""
# Far deeper than any message of OCPP. Nested arrays of a vendor must not exhaust the stack.
_MAX_DEPTH = 60
_DEPTH_OF_TEXT = 20
"""JSON within a text counts as so deep: a text in a text in a text is read, no more."""
_SHORTEST_SECRET = 4
_MOST_SECRETS = 100
"""Secrets of a request that are looked for in a station's text: each costs a walk through the text."""
_PRIVATE_KEY = "PRIVATE KEY-----"
_WORDS = tuple(
    word.lower()
    for word in (*_SECRET_FIELDS, *_SECRET_VARIABLES, "keycode", "tokenreader", '"vpn', _PRIVATE_KEY, "://")
)
"""Every text in which `redact` masks something has one of them, in lower case."""
_SHORTEST_TEXT = 6
"""Bytes. No text that is so short has the name of a secret and the secret. `{}` is the usual answer."""
_STEMS = ("password", "key", "simpin", "secret", "tokenreader", '"vpn', "://")
"""Each of the words has one of them. They are fewer to look for, and nearly no message has one."""


_KELVIN = "\N{KELVIN SIGN}".encode().lower().decode("latin-1")
"""The only letter outside ASCII that `str.lower` turns into an ASCII letter of a secret's name."""


def redact(protocol: Protocol | None, action: str, payload: object) -> object:  # noqa: ARG001 - one list for all versions
    """Return a copy of a request's or response's parsed payload with "***" for each secret.

    The rules are the same for all versions and messages: a secret of one version is one in each. `protocol` is None for
    a payload that is no OCPP message.

    Names count in any case and with blanks around them. These are masked: values of password and key variables
    (A01.FR.09), of those with "password" or "secret" in their names, and of AuthorizationKey (1.6), the last token of a
    TokenReader, passwords and keys in network profiles, tokens of type KeyCode (C04.FR.04), private keys in PEM, user
    information in URLs, and the queries of the addresses of files. A text that is JSON (DataTransfer) is written anew
    where any of them is in it. The payload is not changed.
    """
    return _copy(payload, 0)


def may_hold_secret(text: bytes) -> bool:
    """Whether `redact` could change a payload. `text` is its JSON as orjson writes it.

    Far quicker than `redact`: almost no message has a word that stands beside a secret.
    """
    # As a string, in which Python finds a word in a third of the time that it takes in bytes.
    lower = text.lower().decode("latin-1")
    if not lower.isascii():
        lower = lower.replace(_KELVIN, "k")
    for stem in _STEMS:
        if stem in lower:
            return any(word in lower for word in _WORDS)
    return False


def may_hold_secret_as_sent(text: bytes) -> bool:
    """Whether `redact` could change a payload. `text` is JSON as anybody may write it, with escapes.

    The time grows with the number of bytes only. The answer may be True without need: an escape may hide a letter.
    """
    return len(text) > _SHORTEST_TEXT and (b"\\" in text or may_hold_secret(text))


def is_secret_variable(name: str, component: str = "") -> bool:
    """Whether a variable (2.x, of a component of that name) or configuration key (1.6) holds a secret."""
    variable = _plain(name)
    return _is_secret(variable) or (_plain(component), variable) in _SECRET_PLACES


def is_protected_variable(component: str, variable: str) -> bool:
    """Whether a variable holds a secret or decides who a station is and how it connects."""
    place = _plain(component), _plain(variable)
    return _is_secret(place[1]) or place[0] in _CONNECTING_COMPONENTS or place in _CONNECTING_VARIABLES


def is_protected_key(key: str) -> bool:
    """Whether a configuration key (1.6) holds a secret or decides how a station connects."""
    return _is_secret(_plain(key)) or _plain(key) in _CONNECTING_KEYS


def _is_secret(plain: str) -> bool:
    return plain in _SECRET_VARIABLES or any(part in plain for part in _SECRET_IN_NAMES)


def secrets_in(protocol: Protocol, action: str, payload: object) -> tuple[str, ...]:
    """Return the texts that `redact` masks in a request, for `mask`: the station's answer may repeat them.

    Returns at most 101 texts. From 101 on `mask` masks everything.
    """
    found = dict.fromkeys(_masked(payload, redact(protocol, action, payload)))
    return tuple(islice(found, _MOST_SECRETS + 1))


def mask(text: str, secrets: Sequence[str]) -> str:
    """Return a text with "***" for each of the secrets in it. Secrets of less than 4 characters are not masked.

    With more than 100 secrets the whole text is masked.
    """
    if len(secrets) > _MOST_SECRETS:
        return MASK
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    return text


def mask_free_texts(payload: object, secrets: Sequence[str]) -> object:
    """Return a copy of an answer. In free texts of the station the secrets of the request are masked."""
    if isinstance(payload, dict):
        return {
            name: mask(item, secrets)
            if name in _FREE_TEXTS and isinstance(item, str)
            else mask_free_texts(item, secrets)
            for name, item in payload.items()
        }
    return [mask_free_texts(item, secrets) for item in payload] if isinstance(payload, list) else payload


def _masked(value: object, copy: object) -> Iterator[str]:
    if isinstance(value, str) and value != copy:
        yield from [value] if copy == MASK else _masked_in_text(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _masked(item, copy.get(name) if isinstance(copy, dict) else MASK)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _masked(item, copy[number] if isinstance(copy, list) else MASK)


def _masked_in_text(text: str) -> Iterator[str]:
    inner = _json_in(text)
    yield from _masked(inner, _copy(inner, _DEPTH_OF_TEXT))
    yield from (found[:-1] for found in _USER_INFO.findall(text))
    yield from _QUERY.findall(text) if inner is None else ()


def _plain(name: str) -> str:
    return name.strip().lower()


def _copy(value: object, depth: int) -> object:
    if depth > _MAX_DEPTH:
        return MASK
    if isinstance(value, dict):
        return _copy_object(value, depth)
    if isinstance(value, list):
        return [_copy(item, depth + 1) for item in value]
    return _copy_text(value, depth) if isinstance(value, str) else value


def _copy_text(text: str, depth: int) -> str:
    if _PRIVATE_KEY in text:
        return MASK
    inner = _json_in(text)
    if inner is MASK:
        return MASK
    if inner is not None and (copy := _copy(inner, depth + _DEPTH_OF_TEXT)) != inner:
        text = orjson.dumps(copy).decode()
    if "://" in text:
        return _USER_INFO.sub(f"{MASK}@", text) if text.count("://") <= _MOST_ADDRESSES else MASK
    return text


def _json_in(text: str) -> object:
    """Return what a text says, if that is an object or a list in JSON that may hold a secret; else None.

    What is too much for a message is not read: it is `MASK`.
    """
    if not text.lstrip().startswith(("{", "[")):
        return None
    content = text.encode(errors="replace")
    if not may_hold_secret(content):
        return None
    try:
        return MASK if is_too_much(content) else orjson.loads(content)
    except ValueError:
        return None


def _copy_object(source: dict[str, object], depth: int) -> dict[str, object]:
    copy = {
        name: MASK if _plain(name) in _SECRET_FIELDS and value is not None else _copy(value, depth + 1)
        for name, value in source.items()
    }
    for rule in _RULES:
        rule(source, copy)
    return copy


def _mask_key_code(source: dict[str, object], copy: dict[str, object]) -> None:
    kind = source.get("type")
    if isinstance(kind, str) and _plain(kind) == "keycode":
        _mask(copy, ("idToken", "id_token", "additionalInfo"))


def _mask_variable(source: dict[str, object], copy: dict[str, object]) -> None:
    if _names_secret(_name(source.get("variable")), _name(source.get("component"))):
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


def _name(named: object) -> object:
    return named.get("name") if isinstance(named, dict) else None


def _names_secret(name: object, component: object = None) -> bool:
    return isinstance(name, str) and is_secret_variable(name, component if isinstance(component, str) else "")


def _mask(copy: dict[str, object], names: tuple[str, ...]) -> None:
    copy.update({name: MASK for name in names if name in copy})


def _mask_query(source: dict[str, object], copy: dict[str, object]) -> None:
    for name, value in source.items():
        if _plain(name) in _LOCATIONS and isinstance(value, str | list):
            copy[name] = _without_query(copy[name])


def _without_query(shown: object) -> object:
    if isinstance(shown, list):  # PublishFirmwareStatusNotification
        return [_without_query(one) for one in shown]
    return _QUERY.sub(MASK, shown, count=1) if isinstance(shown, str) and "://" in shown else shown


_Rule = Callable[[dict[str, object], dict[str, object]], None]
_RULES: tuple[_Rule, ...] = (_mask_key_code, _mask_variable, _mask_configuration, _mask_vpn, _mask_query)
