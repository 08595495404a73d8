from decimal import Decimal

import pytest
from csms_runtime.money import amount_of, from_units, to_units, written


@pytest.mark.parametrize(
    ("told", "amount"),
    [
        (12.1, "12.1"),
        (0, "0"),
        ("3.00005", "3.0001"),
        (-1, "-1"),
        (1e300, None),
        ("NaN", None),
        (True, None),
        ({}, None),
    ],
)
def test_numbers_of_json_become_amounts(told: object, amount: str | None) -> None:
    assert amount_of(told) == (None if amount is None else Decimal(amount))


def test_amounts_are_stored_as_whole_numbers_and_written_without_zeros() -> None:
    amount = Decimal("12.1000")
    assert from_units(to_units(amount)) == amount
    assert (written(amount), written(Decimal(100)), written(Decimal("0.0000"))) == ("12.1", "100", "0")
