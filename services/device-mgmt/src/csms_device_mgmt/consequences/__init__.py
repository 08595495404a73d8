"""What follows from the outcome of a CALL to a station, by action, whoever sent it."""

from collections.abc import Mapping

from csms_device_mgmt.consequences import get_variables, report, set_variables
from csms_device_mgmt.consequences.executed import Consequence

CONSEQUENCES: Mapping[str, Consequence] = {
    "GetBaseReport": report.apply,
    "GetReport": report.apply,
    "GetVariables": get_variables.apply,
    "SetVariables": set_variables.apply,
}
"""OCPP 2.0.1 and 2.1; nothing follows from the outcome of other actions."""
