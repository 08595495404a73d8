"""What a transaction costs: as the station told it, else by the tariff that held when it began."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from csms_runtime.money import Money, amount_of

from csms_transactions.domain.tariff import Tariff, Usage
from csms_transactions.domain.transaction import State, Transaction

_CURRENCY_LETTERS = 3
_LONGEST_S = timedelta(days=100).total_seconds()
"""No transaction takes longer. Where one seems to, the station's clock was set meanwhile, and its time is not known."""


class Used(NamedTuple):
    """What costs are computed from; as in `Transaction`."""

    energy_wh: float | None
    charged_s: float | None
    started_at: datetime
    until: datetime
    """When it ended, or the newest event was."""
    ended: bool


def used(transaction: Transaction) -> Used:
    """Return what a transaction has used so far."""
    told = transaction.time_spent_charging
    until = transaction.ended_at or transaction.last_event_at or transaction.started_at
    return Used(
        transaction.energy.wh,
        transaction.charged_s if told is None else told,
        transaction.started_at,
        until,
        transaction.state is State.ENDED,
    )


def cost(details: Mapping[str, Any] | None, tariff: Mapping[str, Any] | None, of: Used) -> Money | None:
    """Return what a transaction costs, so far; None: nobody says.

    `details` are what the station told, `tariff` is the one that was kept with the transaction.
    """
    found = told(details)
    return by_tariff(tariff, of) if found is None else found


def cost_of(transaction: Transaction) -> Money | None:
    """Return what a transaction costs, so far."""
    if transaction.details is None and transaction.tariff is None:
        return None
    return cost(transaction.details, transaction.tariff, used(transaction))


def told(details: Mapping[str, Any] | None) -> Money | None:
    """Return the total that the station computed itself (I12): with taxes, or without where it tells no other."""
    total = (details or {}).get("costDetails", {}).get("totalCost")
    if total is None:
        return None
    price, currency = total.get("total", {}), total.get("currency", "")
    amount = amount_of(price.get("inclTax", price.get("exclTax")))
    is_currency = len(currency) == _CURRENCY_LETTERS and currency.isascii() and currency.isalpha()
    return Money(amount, currency.upper()) if amount is not None and is_currency else None


def by_tariff(tariff: Mapping[str, Any] | None, of: Used) -> Money | None:
    """Return what it costs by the tariff that was kept with it.

    Of a transaction that goes on, energy that is not told yet is none. Where no charging state was told, all of its
    time is charging time. None: the energy or the time that has a price is not known, or nobody pays as much as that.
    """
    if tariff is None:
        return None
    prices = Tariff.of(tariff)
    seconds = max(0.0, (of.until - of.started_at).total_seconds())
    if seconds > _LONGEST_S:
        if prices.price_per_hour or prices.idle_price_per_hour:
            return None
        seconds = _LONGEST_S
    charging = seconds if of.charged_s is None else min(max(0.0, float(of.charged_s)), seconds)
    energy = 0.0 if of.energy_wh is None and not of.ended else of.energy_wh
    return prices.cost(Usage(energy, charging, seconds - charging))
