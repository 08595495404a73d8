"""Names of variables in a station's device model.

OCPP identifies a variable by component (name, instance, EVSE, connector), variable (name, instance) and attribute type.
All of them count: collapsing instances or EVSEs would let one overwrite the other (B07, B08).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from csms_ocpp.redaction import is_secret_variable

JsonObject = Mapping[str, Any]

ACTUAL = "Actual"


@dataclass(frozen=True, slots=True)
class VariableKey:
    """One attribute of one variable of one component."""

    component: str
    variable: str
    component_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    variable_instance: str | None = None
    attribute: str = ACTUAL

    @classmethod
    def of(cls, component: JsonObject, variable: JsonObject, attribute: str | None = None) -> "VariableKey":
        """Build the key from OCPP's ComponentType, VariableType and AttributeEnumType (absent: Actual)."""
        evse = component.get("evse") or {}
        return cls(
            component=component["name"],
            component_instance=component.get("instance"),
            evse_id=evse.get("id"),
            connector_id=evse.get("connectorId"),
            variable=variable["name"],
            variable_instance=variable.get("instance"),
            attribute=attribute or ACTUAL,
        )

    @classmethod
    def in_message(cls, element: JsonObject) -> "VariableKey":
        """Build the key of an element of a Get/SetVariables request or response."""
        return cls.of(element["component"], element["variable"], element.get("attributeType"))

    @property
    def path(self) -> str:
        """The key as one string, equal for names that differ only in case (OCPP's identifiers are case-insensitive)."""
        parts = (
            self.component,
            self.component_instance,
            self.evse_id,
            self.connector_id,
            self.variable,
            self.variable_instance,
            self.attribute,
        )
        return "/".join(_escaped(part) for part in parts)

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be kept or shown."""
        return is_secret_variable(self.variable, self.component)

    def component_json(self) -> dict[str, Any]:
        """OCPP's ComponentType; absent fields are omitted."""
        component: dict[str, Any] = {"name": self.component}
        if self.component_instance is not None:
            component["instance"] = self.component_instance
        if self.evse_id is not None:
            component["evse"] = {"id": self.evse_id}
            if self.connector_id is not None:
                component["evse"]["connectorId"] = self.connector_id
        return component

    def variable_json(self) -> dict[str, Any]:
        """OCPP's VariableType; absent fields are omitted."""
        variable: dict[str, Any] = {"name": self.variable}
        if self.variable_instance is not None:
            variable["instance"] = self.variable_instance
        return variable


_SAFE = ":.*=+|@-_ "
_PLAIN = re.compile(r"[a-z0-9~:.*=+|@_ -]*")
"""What stays as it is: most names, and a message may hold tens of thousands."""


def _escaped(part: str | int | None) -> str:
    if part is None:
        return ""
    text = str(part).casefold()
    return text if _PLAIN.fullmatch(text) else quote(text, safe=_SAFE)


@dataclass(frozen=True, slots=True)
class ReportedAttribute:
    """One attribute as a NotifyReport describes it."""

    key: VariableKey
    value: str | None
    mutability: str
    persistent: bool
    constant: bool
    characteristics: JsonObject | None
    """Without customData: what is kept of a variable is bounded by the schema."""


_CHARACTERISTICS = ("unit", "dataType", "minLimit", "maxLimit", "maxElements", "valuesList", "supportsMonitoring")
"""The fields of VariableCharacteristicsType (Part 2, 2.53), of OCPP 2.0.1 and 2.1."""
_NAMED = frozenset(_CHARACTERISTICS)


def reported_attributes(report_data: list[JsonObject]) -> Iterator[ReportedAttribute]:
    """Flatten NotifyReport's reportData, with the defaults of its schema."""
    for entry in report_data:
        characteristics = _bounded(entry.get("variableCharacteristics"))
        for attribute in entry["variableAttribute"]:
            yield ReportedAttribute(
                key=VariableKey.of(entry["component"], entry["variable"], attribute.get("type")),
                value=attribute.get("value"),
                mutability=attribute.get("mutability", "ReadWrite"),
                persistent=attribute.get("persistent", False),
                constant=attribute.get("constant", False),
                characteristics=characteristics,
            )


def _bounded(characteristics: JsonObject | None) -> JsonObject | None:
    if characteristics is None or characteristics.keys() <= _NAMED:
        return characteristics
    return {name: characteristics[name] for name in _CHARACTERISTICS if name in characteristics}


def items_per_message(action: str) -> VariableKey:
    """Name the variable that limits the number of elements in a request of this action (B05.FR.11, B06.FR.05)."""
    return VariableKey("DeviceDataCtrlr", "ItemsPerMessage", variable_instance=action)


def bytes_per_message(action: str) -> VariableKey:
    """Name the variable that limits the size of a request of this action in bytes (B05.FR.11, B06.FR.05)."""
    return VariableKey("DeviceDataCtrlr", "BytesPerMessage", variable_instance=action)


BASIC_AUTH_PASSWORD = VariableKey("SecurityCtrlr", "BasicAuthPassword")
"""The station's own password (A01)."""
NETWORK_CONFIGURATION_PRIORITY = VariableKey("OCPPCommCtrlr", "NetworkConfigurationPriority")
"""The slots of network profiles, the first one used first, separated by commas (B10)."""
