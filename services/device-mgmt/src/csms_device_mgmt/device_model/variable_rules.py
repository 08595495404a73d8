"""Rules of setting variables (B05)."""

from collections.abc import Iterator

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.matching import first_duplicate
from csms_device_mgmt.device_model.variable_key import JsonObject


def set_variables(payload: JsonObject) -> Iterator[Finding]:
    """B05.FR.13: no two elements for the same component, variable and attribute type."""
    index = first_duplicate(payload["setVariableData"])
    if index is not None:
        detail = "the same component, variable and attributeType occur before (B05.FR.13)"
        yield Finding(f"/setVariableData/{index}", detail)
