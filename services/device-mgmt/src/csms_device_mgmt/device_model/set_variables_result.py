"""SetVariables (B05, A01): what the station accepted is kept, except secrets; an accepted password becomes valid."""

from collections.abc import Iterator, Mapping
from itertools import islice

from csms.v1.events_pb2 import ConfigurationChanged
from csms_runtime import heavy

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.matching import in_request_order
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.security_profile.offered_passwords import PasswordOutcome, judge, offered
from csms_device_mgmt.security_profile.passwords_told import tell_auth
from csms_device_mgmt.unit import Unit
from csms_device_mgmt.versions.version import VariableMessage


async def apply(unit: Unit, executed: Executed) -> None:
    """Store accepted values in the device model; tell auth what became of a BasicAuthPassword (A01.FR.02-.05)."""
    message = versions.of(executed.protocol).set_variables
    if message is None:
        return
    accepted = await heavy.run(executed.size, lambda: dict(_accepted(message, executed)))
    shown = {key: value for key, value in accepted.items() if not key.is_secret}
    most = unit.settings.station_variables
    await variable_rows.store_values(unit.session, executed.station_id, shown, executed.completion.completed_at, most)
    if accepted:
        _tell(unit, executed, accepted)
    for password, outcome in _passwords(message, executed):
        await tell_auth(unit, executed.station_id, password, outcome)


_MOST_TOLD, _LONGEST_TOLD = 100, 1000
"""Values in an event, and characters of each."""


def _tell(unit: Unit, executed: Executed, accepted: Mapping[VariableKey, str]) -> None:
    values = [_value(key, value) for key, value in islice(accepted.items(), _MOST_TOLD)]
    body = ConfigurationChanged(call_id=executed.call_id, values=values, count=len(accepted))
    at, event_id = executed.completion.completed_at, f"{executed.call_id}:configuration"
    unit.tell(announcements.event(executed.station_id, at, event_id, configuration_changed=body))


def _value(key: VariableKey, value: str) -> ConfigurationChanged.Value:
    return ConfigurationChanged.Value(
        component=key.component,
        component_instance=key.component_instance or "",
        evse_id=key.evse_id or 0,
        connector_id=key.connector_id or 0,
        variable=key.variable,
        variable_instance=key.variable_instance or "",
        attribute_type=key.attribute,
        value=None if key.is_secret or len(value) > _LONGEST_TOLD else value,
    )


def _accepted(message: VariableMessage, executed: Executed) -> Iterator[tuple[VariableKey, str]]:
    asked, results = message.elements(executed.request), message.results(executed.request, executed.response)
    for element, result in zip(asked, in_request_order(asked, results), strict=True):
        if result is not None and result["attributeStatus"] == "Accepted":
            yield VariableKey.in_message(element), element["attributeValue"]


def _passwords(message: VariableMessage, executed: Executed) -> Iterator[tuple[str, PasswordOutcome]]:
    """Yield the passwords it was asked to take. A CALL that was sent and not answered may have been obeyed."""
    key, elements = versions.of(executed.protocol).password, message.elements(executed.request)
    if key is None:
        return
    if executed.response is not None:
        yield from judge(elements, message.results(executed.request, executed.response), key)
        return
    outcome = PasswordOutcome.UNKNOWN if executed.may_have_been_obeyed else PasswordOutcome.REFUSED
    for password in offered(elements, key):
        yield password, outcome
