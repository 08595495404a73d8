"""GetVariables (B06): what the station told is kept."""

from functools import partial

from csms_runtime import heavy

from csms_device_mgmt import versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Store the values that were given, except secrets."""
    shown = await heavy.run(executed.size, partial(_values, executed))
    most = unit.settings.station_variables
    await variable_rows.store_values(unit.session, executed.station_id, shown, executed.completion.completed_at, most)


def _values(executed: Executed) -> dict[VariableKey, str]:
    message = versions.of(executed.protocol).get_variables
    results = message.results(executed.request, executed.response) if message is not None else ()
    values = {
        VariableKey.in_message(result): result["attributeValue"]
        for result in results
        if result["attributeStatus"] == "Accepted" and "attributeValue" in result
    }
    return {key: value for key, value in values.items() if not key.is_secret}
