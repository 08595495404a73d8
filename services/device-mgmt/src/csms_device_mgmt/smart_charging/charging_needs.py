"""What a vehicle needs, as its station told it: NotifyEVChargingNeeds of OCPP 2.0.1 and 2.1 (K15, K17 to K20)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self

from csms_ocpp.times import format_datetime, parse_datetime

NOMINAL_V = 230.0
"""Of an AC phase. Vehicles tell the voltage that they bear, not the one there is."""
_MOST = 1e9
"""No vehicle needs more watts or watt-hours: more is a mistake, and says nothing."""
_ISO_15118_20 = ("controlMode", "mobilityNeedsMode", "availableEnergyTransfer", "v2xChargingParameters")
"""Fields that only vehicles with ISO 15118-20 have something for."""
_PHASES = {"AC_single_phase": 1, "AC_two_phase": 2}
_OF_PHASES = ("", "_L2", "_L3")


class Transfer(StrEnum):
    """How energy flows: OCPP's EnergyTransferModeEnumType."""

    AC_SINGLE_PHASE = "AC_single_phase"
    AC_TWO_PHASE = "AC_two_phase"
    AC_THREE_PHASE = "AC_three_phase"
    DC = "DC"
    AC_BPT = "AC_BPT"
    AC_BPT_DER = "AC_BPT_DER"
    AC_DER = "AC_DER"
    DC_BPT = "DC_BPT"
    DC_ACDP = "DC_ACDP"
    DC_ACDP_BPT = "DC_ACDP_BPT"
    WPT = "WPT"


class Needs(NamedTuple):
    """What a vehicle needs. None: it was not told."""

    transfer: str
    """As `Transfer` has them."""
    is_20: bool = False
    """Whether the vehicle speaks ISO 15118-20."""
    is_dynamic: bool = False
    """Whether it follows one limit at a time, in ISO 15118-20's dynamic control mode, and plans nothing (K19)."""
    energy_wh: float | None = None
    departure_at: datetime | None = None
    min_w: float = 0.0
    """With less it does not charge at all."""
    max_w: float | None = None
    most_periods: int | None = None
    """How many periods of a schedule it takes."""

    @property
    def phases(self) -> int:
        """How many phases it charges with; of DC it does not matter."""
        return _PHASES.get(self.transfer, 3)

    @property
    def is_bidirectional(self) -> bool:
        """Whether it is to give energy back, too."""
        return "BPT" in self.transfer

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        departure = format_datetime(self.departure_at) if self.departure_at else None
        return {**self._asdict(), "departure_at": departure}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_json` made."""
        departure = stored["departure_at"]
        return cls(**{**stored, "departure_at": parse_datetime(departure) if departure else None})


def read(payload: Mapping[str, Any]) -> Needs:
    """Read a NotifyEVChargingNeedsRequest. What makes no sense in it counts as not told."""
    told = payload["chargingNeeds"]
    transfer = told["requestedEnergyTransfer"]
    found = Needs(
        transfer,
        not told.keys().isdisjoint(_ISO_15118_20),
        told.get("controlMode") == "DynamicControl",
        departure_at=_moment(told.get("departureTime")),
        most_periods=_count(payload.get("maxScheduleTuples")),
    )
    if "v2xChargingParameters" in told:
        return _of_20(found, told["v2xChargingParameters"])
    if "acChargingParameters" in told:
        return _of_ac(found, told["acChargingParameters"])
    return _of_dc(found, told["dcChargingParameters"]) if "dcChargingParameters" in told else found


def _of_20(needs: Needs, told: Mapping[str, Any]) -> Needs:
    """The powers are those of all phases, or of L1 where L2 and L3 have their own."""
    return needs._replace(
        energy_wh=_first(told, ("evTargetEnergyRequest", "evMinEnergyRequest")),
        min_w=_sum(told, "minChargePower") or 0.0,
        max_w=_sum(told, "maxChargePower"),
    )


def _of_ac(needs: Needs, told: Mapping[str, Any]) -> Needs:
    """The currents are those of a phase."""
    phase_w = min(_sane(told["evMaxVoltage"]) or NOMINAL_V, NOMINAL_V) * needs.phases
    return needs._replace(
        energy_wh=_sane(told["energyAmount"]),
        min_w=_sane(told["evMinCurrent"] * phase_w) or 0.0,
        max_w=_sane(told["evMaxCurrent"] * phase_w),
    )


def _of_dc(needs: Needs, told: Mapping[str, Any]) -> Needs:
    energy = _sane(told.get("energyAmount"))
    if energy is None and {"evEnergyCapacity", "stateOfCharge"} <= told.keys():
        energy = _sane(told["evEnergyCapacity"] * (told.get("fullSoC", 100) - told["stateOfCharge"]) / 100)
    power = _sane(told.get("evMaxPower")) or _sane(told["evMaxCurrent"] * told["evMaxVoltage"])
    return needs._replace(energy_wh=energy, max_w=power)


def _sane(number: float | None) -> float | None:
    return float(number) if number is not None and 0 < number < _MOST else None


def _first(told: Mapping[str, Any], names: Iterable[str]) -> float | None:
    return next((found for name in names if (found := _sane(told.get(name))) is not None), None)


def _sum(told: Mapping[str, Any], name: str) -> float | None:
    return _sane(sum(told.get(f"{name}{phase}", 0) for phase in _OF_PHASES))


def _count(number: float | None) -> int | None:
    return int(number) if number is not None and number >= 1 else None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_datetime(text)
    except ValueError:
        return None
