"""What a transaction costs by a simple tariff: a fee, and prices for energy, for charging and for standing idle.

Pure. Whoever computes by more (times of day, steps, taxes apart) puts another `Tariff` in the place of this one.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from csms_runtime.money import MOST, Money, written

_SECONDS = Decimal(3600)
_WH = Decimal(1000)
_WITHOUT_CENTS = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"),
        *("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
_WITH_MILLS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


class Usage(NamedTuple):
    """What was used so far."""

    energy_wh: float | None
    """None: it is not known."""
    charging_s: float
    idle_s: float
    """Seconds that it lasted without charging."""


class Tariff(NamedTuple):
    """Prices in one currency, with taxes: what the driver pays."""

    tariff_id: str
    currency: str
    start_fee: Decimal = Decimal(0)
    price_per_kwh: Decimal = Decimal(0)
    price_per_hour: Decimal = Decimal(0)
    """While it charges."""
    idle_price_per_hour: Decimal = Decimal(0)
    """While it does not."""

    def cost(self, usage: Usage) -> Money | None:
        """Return what that costs, rounded to what is paid in the currency.

        None: the energy that counts is not known, or it is more than an amount of money may be.
        Where nothing was charged nothing is due, not even the fee (C20.FR.03).
        """
        if usage.energy_wh is None and self.price_per_kwh:
            return None
        energy, smallest = Decimal(str(usage.energy_wh or 0)), _smallest(self.currency)
        if not energy and not usage.charging_s:
            return Money(Decimal(0).quantize(smallest), self.currency)
        total = self.start_fee + energy / _WH * self.price_per_kwh
        total += Decimal(str(usage.charging_s)) / _SECONDS * self.price_per_hour
        total += Decimal(str(usage.idle_s)) / _SECONDS * self.idle_price_per_hour
        if abs(total) > MOST:
            return None
        return Money(total.quantize(smallest, ROUND_HALF_UP), self.currency)

    def stored(self) -> dict[str, str]:
        """Return the tariff as a transaction keeps it: later changes of the tariff do not change what it costs."""
        prices = {name: written(getattr(self, name)) for name in _PRICES}
        return {"tariff_id": self.tariff_id, "currency": self.currency, **prices}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Tariff":
        """Return the tariff that was kept."""
        prices = (Decimal(stored[name]) for name in _PRICES)
        return cls(stored["tariff_id"], stored["currency"], *prices)


_PRICES = ("start_fee", "price_per_kwh", "price_per_hour", "idle_price_per_hour")


def _smallest(currency: str) -> Decimal:
    if currency in _WITHOUT_CENTS:
        return Decimal(1)
    return Decimal("0.001") if currency in _WITH_MILLS else Decimal("0.01")
