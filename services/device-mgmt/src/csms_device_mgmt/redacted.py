"""Payloads as they may be stored and shown."""

from collections.abc import Mapping
from typing import Any, cast

from csms_ocpp.redaction import redact
from csms_ocpp.versions import Protocol


def redacted(protocol: str, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a message's payload without secrets (A01.FR.09, C04.FR.04)."""
    return cast("dict[str, Any]", redact(Protocol(protocol), action, dict(payload)))
