"""A meter that counts what a charging car draws."""

from dataclasses import dataclass

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.frames import Json

_SECONDS_PER_HOUR = 3600
_VOLTAGE = 230.0


@dataclass(slots=True)
class Meter:
    """The energy meter of one EVSE; physical values as a car and a cable would produce them."""

    energy_wh: float = 0.0
    """Energy.Active.Import.Register: never falls, survives transactions."""
    power_w: float = 0.0
    """Power.Active.Import now."""
    soc_percent: float | None = None
    """State of charge of the connected car, None when it does not tell."""
    battery_wh: float = 60_000.0
    """Capacity of the connected car's battery."""
    decimals: int = 1
    """Of a Wh that the register tells."""

    @property
    def register_wh(self) -> float:
        """Energy.Active.Import.Register as it is told."""
        return round(self.energy_wh, self.decimals)

    def advance(self, seconds: float) -> None:
        """Let simulated time pass at the present power."""
        added = self.power_w * seconds / _SECONDS_PER_HOUR
        self.energy_wh += added
        if self.soc_percent is not None:
            self.soc_percent = min(100.0, self.soc_percent + 100 * added / self.battery_wh)

    def sample(self, measurands: list[str], context: str) -> Json | None:
        """A MeterValueType with these measurands; None when the meter knows none of them."""
        values = [value for name in measurands for value in self._sampled(name, context)]
        return {"timestamp": timestamp(), "sampledValue": values} if values else None

    def _sampled(self, measurand: str, context: str) -> list[Json]:
        known: dict[str, tuple[float | None, str]] = {
            "Energy.Active.Import.Register": (self.register_wh, "Wh"),
            "Power.Active.Import": (round(self.power_w, 1), "W"),
            "Current.Import": (round(self.power_w / _VOLTAGE, 2), "A"),
            "Voltage": (_VOLTAGE, "V"),
            "SoC": (None if self.soc_percent is None else round(self.soc_percent, 1), "Percent"),
        }
        value, unit = known.get(measurand, (None, ""))
        if value is None:
            return []
        location = {"location": "EV"} if measurand == "SoC" else {}
        return [
            {"value": value, "context": context, "measurand": measurand, "unitOfMeasure": {"unit": unit}, **location}
        ]
