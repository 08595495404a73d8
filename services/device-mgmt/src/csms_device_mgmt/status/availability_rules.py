"""Rules of availability and reset (B11, B12, G03, G04). The whole station is meant by omission, never by EVSE 0."""

from collections.abc import Iterator

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.commands.place_rules import evse, numbered
from csms_device_mgmt.device_model.variable_key import JsonObject


def change_availability(payload: JsonObject) -> Iterator[Finding]:
    """G04.FR.01: without evse it is the whole station."""
    yield from evse(payload, "G04.FR.01")


def reset(payload: JsonObject) -> Iterator[Finding]:
    """B11.FR.03: without evseId it is the whole station."""
    yield from numbered(payload, "evseId", "B11.FR.03")
