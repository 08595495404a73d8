"""SetVariables (B05, A01): what the station accepted is kept, except secrets; an accepted password becomes valid."""

from collections.abc import Iterator, Mapping
from typing import Any

from csms_ocpp.redaction import is_secret_variable
from csms_runtime import passwords

from csms_device_mgmt import messages
from csms_device_mgmt.consequences.executed import Executed
from csms_device_mgmt.domain.device_model import BASIC_AUTH_PASSWORD, VariableKey
from csms_device_mgmt.domain.matching import in_request_order
from csms_device_mgmt.store import stations, variables
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Store accepted values in the device model; tell auth an accepted BasicAuthPassword (A01.FR.03)."""
    accepted = dict(_accepted(executed))
    shown = {key: value for key, value in accepted.items() if not is_secret_variable(key.variable)}
    await variables.store_values(unit.session, executed.station_id, shown, executed.completion.completed_at)
    for key, value in accepted.items():
        if key.path == BASIC_AUTH_PASSWORD.path:
            await _make_valid(unit, executed.station_id, value)


def _accepted(executed: Executed) -> Iterator[tuple[VariableKey, str]]:
    asked: list[Mapping[str, Any]] = executed.request.get("setVariableData", [])
    results = (executed.response or {}).get("setVariableResult", [])
    for element, result in zip(asked, in_request_order(asked, results), strict=True):
        if result is not None and result["attributeStatus"] == "Accepted":
            yield VariableKey.in_message(element), element["attributeValue"]


async def _make_valid(unit: Unit, station_id: str, password: str) -> None:
    """Tell auth through the outbox: if this process dies now, the station can still connect with its new password."""
    station = (await stations.lock(unit.session, [station_id])).get(station_id)
    if station is None:
        return
    station.revision = messages.next_revision(station.revision, unit.now)
    station.password_set = True
    digest = passwords.digest(unit.secret_key, station_id, password.encode())
    unit.tell(messages.admission(station, password_digest=digest))
