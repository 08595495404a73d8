"""Rules of where on a station something is to happen: EVSEs and their connectors are numbered from 1."""

from collections.abc import Iterator
from typing import Final

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import JsonObject

FIRST: Final = 1
"""The lowest number of an EVSE, and of a connector of an EVSE."""


def numbered(payload: JsonObject, name: str, requirement: str, pointer: str = "") -> Iterator[Finding]:
    """Check that the field `name` is at least 1 where it is given; `requirement` is the id that asks for the field."""
    if payload.get(name, FIRST) < FIRST:
        yield Finding(f"{pointer}/{name}", f"numbers begin at 1 ({requirement})")


def evse(payload: JsonObject, requirement: str) -> Iterator[Finding]:
    """Check the numbers in an optional `evse`."""
    place = payload.get("evse", {})
    yield from numbered(place, "id", requirement, "/evse")
    yield from numbered(place, "connectorId", requirement, "/evse")
