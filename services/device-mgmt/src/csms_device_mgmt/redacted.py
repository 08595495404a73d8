"""Payloads as they may be stored and shown."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import orjson
from csms_db.packed import pack
from csms_ocpp.redaction import may_hold_secret, redact
from csms_ocpp.versions import Protocol


class Shown(NamedTuple):
    """A payload without its secrets, in the forms it is needed in. Nobody changes it."""

    payload: Mapping[str, Any]
    text: bytes
    """Its JSON."""
    packed: bytes
    """What is stored of it, see csms_db.packed."""


def redacted(protocol: str, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a message's payload without secrets (A01.FR.09, C04.FR.04)."""
    return cast("dict[str, Any]", redact(Protocol(protocol), action, dict(payload)))


def without_secrets(protocol: str, action: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a payload as it may be shown. Most need no copy: a word that a secret goes with is in few of them."""
    text = _text(payload)
    return redacted(protocol, action, payload) if text is None or may_hold_secret(text) else payload


def shown(protocol: str, action: str, payload: Mapping[str, Any]) -> Shown:
    """Return a payload as it may be shown, in all forms."""
    text = _text(payload)
    if text is None or may_hold_secret(text):
        payload = redacted(protocol, action, payload)
        text = orjson.dumps(payload)
    return Shown(payload, text, pack(text))


def _text(payload: Mapping[str, Any]) -> bytes | None:
    try:
        return orjson.dumps(payload)
    except TypeError:  # so deep that it cannot be written; `redact` cuts it
        return None
