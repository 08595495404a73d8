"""What a variable is: its address, characteristics and limits. Definitions are shared by all stations of a process."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from csms_testing.simulator.frames import Json

Mutability: TypeAlias = Literal["ReadOnly", "WriteOnly", "ReadWrite"]
Key: TypeAlias = tuple[str, str | None, int | None, int | None, str, str | None]
"""Component, its instance, EVSE, connector, variable, its instance; lower case, since OCPP ignores case in names."""


def key_of(component: Json, variable: Json) -> Key:
    """The key of an OCPP ComponentType and VariableType."""
    evse = component.get("evse", {})
    instance = component.get("instance")
    found = make_key(
        component["name"], variable["name"], variable.get("instance"), evse.get("id"), evse.get("connectorId")
    )
    return found if instance is None else (found[0], instance.lower(), *found[2:])


def make_key(component: str, name: str, instance: str | None, evse: int | None, connector: int | None) -> Key:
    """The key of a variable of a component without instance."""
    return component.lower(), None, evse, connector, name.lower(), _lower(instance)


def _lower(name: str | None) -> str | None:
    return None if name is None else name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable of one component, with its first value."""

    component: str
    name: str
    instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    value: str = ""
    data_type: str = "string"
    mutability: Mutability = "ReadOnly"
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    needs_reboot: bool = False

    @property
    def key(self) -> Key:
        """Its address."""
        return make_key(self.component, self.name, self.instance, self.evse, self.connector)

    def component_json(self) -> Json:
        """Its ComponentType."""
        found: Json = {"name": self.component}
        if self.evse is not None:
            connector = {} if self.connector is None else {"connectorId": self.connector}
            found["evse"] = {"id": self.evse, **connector}
        return found

    def variable_json(self) -> Json:
        """Its VariableType."""
        return {"name": self.name} | ({} if self.instance is None else {"instance": self.instance})

    def report_json(self, value: str) -> Json:
        """Its ReportDataType; a WriteOnly variable keeps its value to itself (B07.FR.11)."""
        attribute: Json = {"type": "Actual", "mutability": self.mutability, "persistent": True, "constant": False}
        if self.mutability != "WriteOnly":
            attribute["value"] = value
        return {
            "component": self.component_json(),
            "variable": self.variable_json(),
            "variableAttribute": [attribute],
            "variableCharacteristics": self._characteristics(),
        }

    def _characteristics(self) -> Json:
        optional = {
            "unit": self.unit,
            "minLimit": self.minimum,
            "maxLimit": self.maximum,
            "valuesList": ",".join(self.choices) or None,
        }
        numeric = self.data_type in ("integer", "decimal")
        present = {name: value for name, value in optional.items() if value is not None}
        return {"dataType": self.data_type, "supportsMonitoring": numeric, **present}

    def accepts(self, value: str) -> bool:
        """Whether a value may be set, by type, limits and choices."""
        if self.data_type == "boolean":
            return value.lower() in ("true", "false")
        if self.data_type in ("integer", "decimal"):
            return self._accepts_number(value)
        if self.data_type == "dateTime":
            return _is_datetime(value)
        if self.choices:
            several = self.data_type in ("MemberList", "SequenceList")
            members = [part.strip() for part in value.split(",") if part.strip()] if several else [value]
            return set(members) <= set(self.choices)
        return self._accepts_text(value)

    def _accepts_number(self, value: str) -> bool:
        try:
            number = int(value) if self.data_type == "integer" else float(value)
        except ValueError:
            return False
        return (self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)

    def _accepts_text(self, value: str) -> bool:
        # minLimit and maxLimit of a string are its length (e.g. BasicAuthPassword)
        return (self.minimum or 0) <= len(value) and (self.maximum is None or len(value) <= self.maximum)


def _is_datetime(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
