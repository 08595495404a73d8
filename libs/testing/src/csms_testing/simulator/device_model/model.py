"""One station's values over the shared definitions: read, written and reported as the CSMS asks."""

from collections.abc import Callable, Iterable, Mapping

from csms_testing.simulator.device_model.variable import Key, Variable, key_of, make_key
from csms_testing.simulator.frames import Json

_CRITERIA = {"Active", "Available", "Enabled", "Problem"}
# Absent, these count as true (B08.FR.07 ff.), except Problem.
_TRUE_WHEN_ABSENT = {"Active", "Available", "Enabled"}


class DeviceModel:
    """Values of one station; only what differs from the definitions takes memory."""

    def __init__(self, definitions: Mapping[Key, Variable], on_set: Callable[[Variable, str], None]) -> None:
        self._definitions = definitions
        self._values: dict[Key, str] = {}
        self._on_set = on_set

    def read(self, component: str, name: str, instance: str | None = None, **evse: int) -> str:
        """A value, also of WriteOnly variables. Raises KeyError."""
        key = self._key(component, name, instance, **evse)
        return self._values.get(key, self._definitions[key].value)

    def number(self, component: str, name: str, instance: str | None = None, default: float = 0) -> float:
        """A value as a number; `default` when it is no number."""
        try:
            return float(self.read(component, name, instance))
        except ValueError:
            return default

    def maximum(self, component: str, name: str, instance: str | None = None) -> float | None:
        """A variable's maxLimit."""
        return self._definitions[self._key(component, name, instance)].maximum

    def flag(self, component: str, name: str) -> bool:
        """A boolean value."""
        return self.read(component, name).lower() == "true"

    def members(self, component: str, name: str) -> list[str]:
        """The members of a list."""
        return [part.strip() for part in self.read(component, name).split(",") if part.strip()]

    def write(self, component: str, name: str, value: str, instance: str | None = None, **evse: int) -> None:
        """Set a value from inside the station, also of ReadOnly variables. Raises KeyError."""
        key = self._key(component, name, instance, **evse)
        if self._definitions[key].value == value:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    def _key(self, component: str, name: str, instance: str | None, **evse: int) -> Key:
        return make_key(component, name, instance, evse.get("evse"), evse.get("connector"))

    def find(self, component: Json, variable: Json) -> Variable | str:
        """The definition, or "UnknownComponent" or "UnknownVariable"."""
        key = key_of(component, variable)
        if key in self._definitions:
            return self._definitions[key]
        known = any(other[:4] == key[:4] for other in self._definitions)
        return "UnknownVariable" if known else "UnknownComponent"

    def get(self, wanted: Json) -> Json:
        """The GetVariableResult for a GetVariableData (B06)."""
        attribute = wanted.get("attributeType", "Actual")
        result: Json = {"component": wanted["component"], "variable": wanted["variable"], "attributeType": attribute}
        found = self.find(wanted["component"], wanted["variable"])
        if isinstance(found, str):
            return {**result, "attributeStatus": found}
        if attribute != "Actual":
            return {**result, "attributeStatus": "NotSupportedAttributeType"}
        if found.mutability == "WriteOnly":
            return {**result, "attributeStatus": "Rejected"}
        return {**result, "attributeStatus": "Accepted", "attributeValue": self._value(found)}

    def set(self, wanted: Json) -> Json:
        """The SetVariableResult for a SetVariableData (B05); an accepted value takes effect at once."""
        status, reason = self._try_set(wanted)
        result: Json = {
            "component": wanted["component"],
            "variable": wanted["variable"],
            "attributeType": wanted.get("attributeType", "Actual"),
            "attributeStatus": status,
        }
        return {**result, "attributeStatusInfo": {"reasonCode": reason}} if reason else result

    def _try_set(self, wanted: Json) -> tuple[str, str | None]:
        found = self.find(wanted["component"], wanted["variable"])
        if isinstance(found, str):
            return found, None
        if wanted.get("attributeType", "Actual") != "Actual":
            return "NotSupportedAttributeType", None
        if found.mutability == "ReadOnly":
            return "Rejected", "ReadOnly"
        if not found.accepts(wanted["attributeValue"]):
            return "Rejected", "InvalidValue"
        self._values[found.key] = wanted["attributeValue"]
        self._on_set(found, wanted["attributeValue"])
        return ("RebootRequired" if found.needs_reboot else "Accepted"), None

    def _value(self, variable: Variable) -> str:
        return self._values.get(variable.key, variable.value)

    def inventory(self, base: str) -> list[Json]:
        """The report data of a base report (B07): FullInventory, ConfigurationInventory or SummaryInventory."""
        if base == "FullInventory":
            chosen: Iterable[Variable] = self._definitions.values()
        elif base == "ConfigurationInventory":
            chosen = (found for found in self._definitions.values() if found.mutability != "ReadOnly")
        else:
            summary = {"availabilitystate", "available", "problem"}
            chosen = (found for found in self._definitions.values() if found.name.lower() in summary)
        return [found.report_json(self._value(found)) for found in chosen]

    def report(self, wanted: list[Json] | None, criteria: list[str] | None) -> list[Json]:
        """The report data of a custom report (B08)."""
        found = [variable for variable in self._definitions.values() if wanted is None or _matches(variable, wanted)]
        if criteria:
            found = [variable for variable in found if self._component_fits(variable, criteria)]
        return [variable.report_json(self._value(variable)) for variable in found]

    def _component_fits(self, variable: Variable, criteria: list[str]) -> bool:
        return any(self._criterion(variable, name) for name in criteria if name in _CRITERIA)

    def _criterion(self, variable: Variable, name: str) -> bool:
        key = (*variable.key[:4], name.lower(), None)
        if key not in self._definitions:
            return name in _TRUE_WHEN_ABSENT
        return self._value(self._definitions[key]).lower() == "true"


def _matches(variable: Variable, wanted: list[Json]) -> bool:
    return any(_matches_one(variable, entry["component"], entry.get("variable")) for entry in wanted)


def _matches_one(variable: Variable, component: Json, name: Json | None) -> bool:
    if variable.component.lower() != component["name"].lower():
        return False
    evse = component.get("evse")
    # B08.FR.20/.21: without EVSE or connector, all of them are meant
    if evse and (variable.evse != evse["id"] or evse.get("connectorId", variable.connector) != variable.connector):
        return False
    if name is None:
        return True
    if variable.name.lower() != name["name"].lower():
        return False
    return "instance" not in name or (variable.instance or "").lower() == name["instance"].lower()
