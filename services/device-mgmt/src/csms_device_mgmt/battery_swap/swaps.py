"""What messages say of battery swaps (S01, S02)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csms_device_mgmt.device_model.variable_key import JsonObject

MOST_BATTERIES = 8
"""More are not kept of one message: a driver carries fewer."""
_LIMIT = 2**31
_BATTERY = ("evseId", "serialNumber", "soC", "soH", "productionDate", "vendorInfo")
_LONGEST_TOKEN, _LONGEST_TYPE, _LONGEST = 255, 20, 500
_EVENTS = {"BatteryIn": "in", "BatteryOut": "out", "BatteryOutTimeout": "timeout"}


def is_id(number: float) -> bool:
    """Whether a number can be kept as the requestId of a swap."""
    return -_LIMIT <= number < _LIMIT


def told(payload: JsonObject, at: datetime) -> Mapping[str, Any]:
    """Return the columns that a BatterySwapRequest, without secrets, says."""
    event = _EVENTS[payload["eventType"]]
    found = {**who(payload["idToken"]), f"{event}_at": at, "updated_at": at}
    if event != "timeout":
        found[f"batteries_{event}"] = [_battery(battery) for battery in payload["batteryData"][:MOST_BATTERIES]]
    return found


def who(token: JsonObject) -> dict[str, str]:
    """Return the columns of a token; texts that are longer than OCPP allows are cut."""
    return {"id_token": token["idToken"][:_LONGEST_TOKEN], "id_token_type": token["type"][:_LONGEST_TYPE]}


def _battery(told: JsonObject) -> dict[str, Any]:
    values = {name: told[name] for name in _BATTERY if name in told}
    return {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in values.items()}


def state_of(*, has_in: bool, has_out: bool, is_timed_out: bool) -> str:
    """Return how far a swap is."""
    if has_out:
        return "Completed" if has_in else "BatteryOut"
    if is_timed_out:
        return "Timeout"
    return "BatteryIn" if has_in else "Requested"
