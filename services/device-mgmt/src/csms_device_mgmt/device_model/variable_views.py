"""What the API shows of variables."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.tables import Variable


class VariableModel(BaseModel):
    """One attribute of a variable of the stored device model; OCPP's own objects and names inside."""

    id: str
    component: dict[str, Any]
    variable: dict[str, Any]
    attribute_type: str
    value: str | None
    mutability: str | None
    persistent: bool | None
    constant: bool | None
    characteristics: dict[str, Any] | None
    updated_at: datetime


def variable(row: Variable) -> VariableModel:
    """Show a variable."""
    key = VariableKey(
        component=row.component_name,
        variable=row.variable_name,
        component_instance=row.component_instance,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        variable_instance=row.variable_instance,
        attribute=row.attribute_type,
    )
    return VariableModel(
        id=row.path,
        component=key.component_json(),
        variable=key.variable_json(),
        attribute_type=row.attribute_type,
        value=row.value,
        mutability=row.mutability,
        persistent=row.persistent,
        constant=row.constant,
        characteristics=row.characteristics,
        updated_at=row.updated_at,
    )
