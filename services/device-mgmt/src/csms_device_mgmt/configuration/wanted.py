"""What a template wants of a station, and how far the station is from it; pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from csms_ocpp.redaction import MASK

from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey
from csms_device_mgmt.versions.version import DeviceVersion


class Wanted(NamedTuple):
    """Values that are wanted."""

    variables: Sequence[JsonObject]
    """OCPP's SetVariableDataType objects, for stations that have components and variables."""
    keys: Mapping[str, str]
    """For stations of OCPP 1.6."""

    def elements(self, version: DeviceVersion) -> Sequence[JsonObject]:
        """Return what is wanted of a station of this version, as its messages take it."""
        message = version.set_variables
        if message is None:
            return ()
        if not message.is_of_keys:
            return [message.normal(element) for element in self.variables]
        return [message.normal(_of_key(name, value)) for name, value in self.keys.items()]


def _of_key(name: str, value: str) -> JsonObject:
    return {"component": {"name": ""}, "variable": {"name": name}, "attributeValue": value}


class Fit(StrEnum):
    """How a stored value and a wanted one fit."""

    MATCHES = "matches"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    """The station has not told the value."""
    SECRET = "secret"  # noqa: S105 no password
    """It is never stored, so nobody can compare."""


class Place(NamedTuple):
    """A wanted value beside the stored one."""

    element: JsonObject
    actual: str | None
    fit: Fit

    def shown(self) -> dict[str, Any]:
        """Return it without secrets."""
        wanted = MASK if self.fit is Fit.SECRET else self.element["attributeValue"]
        named = {
            name: self.element[name] for name in ("component", "variable", "attributeType") if name in self.element
        }
        return {**named, "wanted": wanted, "actual": None if self.fit is Fit.SECRET else self.actual, "state": self.fit}


def compare(elements: Sequence[JsonObject], stored: Mapping[str, str | None]) -> Sequence[Place]:
    """Compare what is wanted with what is stored, by path."""
    return [_place(element, stored) for element in elements]


def _place(element: JsonObject, stored: Mapping[str, str | None]) -> Place:
    key = VariableKey.in_message(element)
    actual = stored.get(key.path)
    if key.is_secret:
        return Place(element, None, Fit.SECRET)
    if actual is None:
        return Place(element, None, Fit.UNKNOWN)
    return Place(element, actual, Fit.MATCHES if _same(element["attributeValue"], actual) else Fit.DIFFERS)


def _same(wanted: str, actual: str) -> bool:
    """Whether two values are the same: stations write numbers and booleans in their own ways."""
    if wanted == actual:
        return True
    if {wanted.lower(), actual.lower()} <= {"true", "false"}:
        return wanted.lower() == actual.lower()
    try:
        return float(wanted) == float(actual)
    except ValueError:
        return False


def fit_of(places: Sequence[Place]) -> Fit:
    """Return how a station fits: secrets do not count."""
    found = {place.fit for place in places}
    return Fit.DIFFERS if Fit.DIFFERS in found else Fit.UNKNOWN if Fit.UNKNOWN in found else Fit.MATCHES


def to_set(places: Sequence[Place], *, secrets: bool) -> Sequence[JsonObject]:
    """Return what is to be set: what differs or is unknown, and secrets if they are to be set again."""
    left_out = {Fit.MATCHES} if secrets else {Fit.MATCHES, Fit.SECRET}
    return [place.element for place in places if place.fit not in left_out]
