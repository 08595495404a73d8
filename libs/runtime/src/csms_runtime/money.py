"""Amounts of money: decimals with four places, since prices of energy have more than two; each with its currency."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NamedTuple

UNIT = Decimal("0.0001")
"""What amounts are whole multiples of."""
MOST = Decimal(1_000_000_000)
"""No amount is larger: not one that a station tells, and not one that is stored."""


class Money(NamedTuple):
    """An amount in a currency."""

    amount: Decimal
    currency: str
    """Three letters, as in ISO 4217."""


def amount_of(told: object) -> Decimal | None:
    """Return a number of JSON, or its text, as an amount; None: it is none, or too large to be one."""
    if isinstance(told, bool) or not isinstance(told, (int, float, str)):
        return None
    try:
        amount = Decimal(str(told))
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) > MOST:
        return None
    return amount.quantize(UNIT, ROUND_HALF_UP)


def to_units(amount: Decimal) -> int:
    """Return an amount as it is stored: a whole number of `UNIT`."""
    return int((amount / UNIT).to_integral_value(ROUND_HALF_UP))


def from_units(units: int) -> Decimal:
    """Return the amount of `to_units`."""
    return units * UNIT


def written(amount: Decimal) -> str:
    """Return an amount as text: no exponent, and no zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
