"""The row of a CALL that is going to be sent."""

import hmac
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from csms_runtime import heavy
from csms_runtime.secret_keys import SecretKeys

from csms_device_mgmt.commands.call_rows import CallState
from csms_device_mgmt.commands.command import Command, Target
from csms_device_mgmt.json import canonical, size_of
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.tables import Call, Station
from csms_device_mgmt.unit import Unit


class Asked(NamedTuple):
    """What a call's row has of its request."""

    request: dict[str, Any]
    """Its secrets are redacted."""
    fingerprint: str


async def asked(unit: Unit, command: Command) -> Asked:
    """Return what is kept of a command's request."""
    size = size_of(command.payload)
    return Asked(
        await heavy.run(size, partial(redacted, command.protocol, command.action, command.payload)),
        await heavy.run(size, partial(fingerprint, unit.keys.current, command.action, command.payload)),
    )


async def new_call(unit: Unit, command: Command, target: Target | None, *, requested_by: str) -> dict[str, Any]:
    """Return the columns of an open call, its secrets redacted. `target` None: it is not going to be sent."""
    return {
        **columns_of(unit, command, await asked(unit, command), requested_by=requested_by),
        **(target.columns() if target else {}),
    }


def columns_of(unit: Unit, command: Command, kept: Asked, *, requested_by: str) -> dict[str, Any]:
    """Return the columns of an open call but those of its target."""
    timeout = timedelta(seconds=command.timeout_s)
    grace = timedelta(seconds=unit.settings.call_grace_s)
    deadline_at = unit.now + timeout if command.send_until is None else command.send_until + timeout
    return {
        "call_id": command.call_id,
        "station_id": command.station_id,
        "action": command.action,
        "protocol": command.protocol,
        "request": kept.request,
        "state": CallState.OPEN.value,
        "requested_by": requested_by,
        "origin": command.origin,
        "fingerprint": kept.fingerprint,
        "created_at": unit.now,
        "deadline_at": deadline_at + grace,
    }


CHOSEN_ANEW = frozenset({"remoteStartId"})
"""Each request gets one of its own, so that it tells nothing about what was asked."""


def fingerprint(key: bytes, action: str, payload: Any) -> str:  # noqa: ANN401 any JSON value
    """Return a keyed digest of a request, to compare it by; it tells nothing of its secrets."""
    if isinstance(payload, Mapping):
        payload = {name: value for name, value in payload.items() if name not in CHOSEN_ANEW}
    return hmac.digest(key, canonical([action, payload]), "sha256").hex()


def asks_the_same(keys: SecretKeys, row: Call, action: str, payload: Any) -> bool:  # noqa: ANN401 any JSON value
    """Whether a call's row is of this request, whichever of the keys its fingerprint was made with."""
    return any(row.fingerprint == fingerprint(key, action, payload) for key in keys.every)


async def is_repeated_by(unit: Unit, row: Call, command: Command) -> bool:
    """Whether a command asks for the same as an earlier call."""
    work = partial(asks_the_same, unit.keys, row, command.action, command.payload)
    return await heavy.run(size_of(command.payload), work)


def timeout_s(unit: Unit, station: Station) -> float:
    """Return how long the station may take to answer, in seconds, if nothing else is said."""
    return station.message_timeout_s or unit.settings.call_timeout_s
