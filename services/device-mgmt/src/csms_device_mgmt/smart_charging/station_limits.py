"""What a station's device model says of charging profiles (SmartChargingCtrlr, EVSE)."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.chunks import parse_limit
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.smart_charging.schedules import Limits
from csms_device_mgmt.tables import Variable

_CONTROLLER = "SmartChargingCtrlr"
MAX_EXTERNAL = VariableKey(_CONTROLLER, "MaxExternalConstraintsId")
_PERIODS = VariableKey(_CONTROLLER, "PeriodsPerSchedule")
_RATE_UNIT = VariableKey(_CONTROLLER, "RateUnit")
_DYNAMIC = (
    VariableKey(_CONTROLLER, "SupportsDynamicProfiles"),
    VariableKey(_CONTROLLER, "SupportsFeature", variable_instance="DynamicProfiles"),
)
"""Stations of OCPP 2.1 report it in one way or the other."""
_WATTS = {"kw": 1000.0}
"""Of a unit; of all others one."""


class Known(NamedTuple):
    """What is known of an EVSE."""

    limits: Limits
    max_external_id: int | None
    """Up to which number ids of profiles are the station's own."""


async def read(session: AsyncSession, station_id: str, evse_id: int) -> Known:
    """Return what the station has reported."""
    power = VariableKey("EVSE", "Power", evse_id=evse_id)
    set_to = VariableKey("EVSE", "Power", evse_id=evse_id, attribute="MaxSet")
    wanted = (power, set_to, _PERIODS, _RATE_UNIT, MAX_EXTERNAL, *_DYNAMIC)
    found = await variable_rows.find(session, station_id, wanted)
    powers = (_most(found.get(power.path)), _watts(found.get(set_to.path)))
    units = _value(found.get(_RATE_UNIT.path))
    limits = Limits(
        min((power for power in powers if power is not None), default=None),
        parse_limit(_value(found.get(_PERIODS.path))),
        units is not None and {unit.strip().upper() for unit in units.split(",")} == {"A"},
        any((_value(found.get(key.path)) or "").strip().lower() == "true" for key in _DYNAMIC),
    )
    return Known(limits, parse_limit(_value(found.get(MAX_EXTERNAL.path))))


async def max_external_id(session: AsyncSession, station_id: str) -> int | None:
    """Return up to which number ids of profiles are the station's own; None: it has not said."""
    found = await variable_rows.values(session, station_id, (MAX_EXTERNAL,))
    return parse_limit(found.get(MAX_EXTERNAL.path))


def _value(row: Variable | None) -> str | None:
    return None if row is None else row.value


def _most(row: Variable | None) -> float | None:
    """Return the maxLimit of a power, in watts."""
    limit = (row.characteristics or {}).get("maxLimit") if row is not None else None
    return None if row is None or limit is None or limit <= 0 else limit * _factor(row)


def _watts(row: Variable | None) -> float | None:
    try:
        value = float(_value(row) or "")
    except ValueError:
        return None
    return None if row is None or not 0 < value < float("inf") else value * _factor(row)


def _factor(row: Variable) -> float:
    return _WATTS.get(str((row.characteristics or {}).get("unit", "")).lower(), 1.0)
