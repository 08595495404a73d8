"""What transactions cost, and what the URLs of QR codes say: pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from csms_runtime.money import Money
from csms_testing.totp import code
from csms_transactions.domain.cost import Used, cost, told
from csms_transactions.domain.tariff import Tariff, Usage
from csms_transactions.domain.totp import Totp
from csms_transactions.domain.web_payment import BadUrlError, WebPaymentUrl, read

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TARIFF = Tariff("t-1", "EUR", Decimal(1), Decimal("0.4"), Decimal(2), Decimal(6))
PATH = "/{chargingstationid}/{evse}/{totp}/{version}"


@pytest.mark.parametrize(
    ("usage", "amount"),
    [
        (Usage(10_000, 3600, 1800), "10.00"),  # 1 + 4 + 2 + 3
        (Usage(0, 0, 3600), "0.00"),  # nothing was charged
        (Usage(0, 36, 0), "1.02"),
        (Usage(12.5, 1, 0), "1.01"),  # 0.005 and 0.00056, rounded
        (Usage(None, 3600, 0), None),
    ],
)
def test_a_tariff_says_what_usage_costs(usage: Usage, amount: str | None) -> None:
    assert TARIFF.cost(usage) == (None if amount is None else Money(Decimal(amount), "EUR"))


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "3"), ("KWD", "3.400"), ("EUR", "3.40")])
def test_costs_are_rounded_to_what_is_paid(currency: str, amount: str) -> None:
    found = TARIFF._replace(currency=currency, price_per_hour=Decimal(0)).cost(Usage(6000, 60, 0))
    assert found is not None
    assert str(found.amount) == amount


def test_a_tariff_is_kept_with_the_transaction() -> None:
    assert Tariff.of(TARIFF.stored()) == TARIFF


def test_what_the_station_tells_counts_before_our_tariff() -> None:
    of = Used(10_000.0, 3600.0, T0, T0 + timedelta(hours=1), ended=True)
    total = {"currency": "eur", "typeOfCost": "NormalCost", "total": {"exclTax": 10, "inclTax": 12.1}}
    details = {"costDetails": {"totalCost": total}}
    assert cost(details, TARIFF.stored(), of) == Money(Decimal("12.1"), "EUR")
    assert cost(None, TARIFF.stored(), of) == Money(Decimal("7.00"), "EUR")
    assert cost(None, None, of) is None


@pytest.mark.parametrize("total", [{}, {"total": {"inclTax": 1e300}, "currency": "EUR"}, {"total": {"inclTax": 1}}])
def test_costs_that_make_no_sense_are_none(total: dict[str, object]) -> None:
    assert told({"costDetails": {"totalCost": total}}) is None


def test_while_it_charges_energy_that_is_not_told_is_none_and_without_states_all_time_is_charging() -> None:
    half = T0 + timedelta(minutes=30)
    running = Used(None, None, T0, half, ended=False)
    assert cost(None, TARIFF.stored(), running) == Money(Decimal("2.00"), "EUR")
    assert cost(None, TARIFF.stored(), running._replace(ended=True)) is None


def test_more_than_an_amount_of_money_may_be_is_no_cost() -> None:
    dear = TARIFF._replace(currency="VND", price_per_kwh=Decimal(10_000))
    for energy in (2e8, 1e300):
        assert dear.cost(Usage(energy, 60, 0)) is None
    assert dear.cost(Usage(1000, 3600, 0)) == Money(Decimal(10_003), "VND")


@pytest.mark.parametrize(("told_s", "amount"), [(-(10**9), "11.00"), (2 * 10**9, "7.00"), (1800, "9.00")])
def test_a_station_charges_no_longer_than_its_transaction_takes(told_s: float, amount: str) -> None:
    of = Used(10_000.0, told_s, T0, T0 + timedelta(hours=1), ended=True)
    assert cost(None, TARIFF.stored(), of) == Money(Decimal(amount), "EUR")


def test_time_of_a_clock_that_was_set_meanwhile_has_no_price() -> None:
    since_1970 = Used(10_000.0, 60.0, datetime(1970, 1, 1, tzinfo=UTC), T0, ended=True)
    assert cost(None, TARIFF.stored(), since_1970) is None
    of_energy = TARIFF._replace(price_per_hour=Decimal(0), idle_price_per_hour=Decimal(0))
    assert cost(None, of_energy.stored(), since_1970) == Money(Decimal("5.00"), "EUR")


def test_codes_hold_for_their_interval_and_those_beside_it() -> None:
    totp = Totp("secret", 30, 8)
    shown = code("secret", validity_time_s=30, length=8, at=T0)
    good = [totp.is_valid(shown, T0 + timedelta(seconds=seconds)) for seconds in (-31, -30, 0, 59, 60)]
    assert good == [False, True, True, True, False]
    assert not Totp("another", 30, 8).is_valid(shown, T0)
    assert not totp.is_valid("é" * 8, T0)


def test_a_url_is_read_by_the_template() -> None:
    found = read("https://any.example/CS%201/2/abcdefgh/v1/?maxcost=20.5&maxtime=60&lang=nl", PATH)
    assert found == WebPaymentUrl("CS 1", 2, "abcdefgh", "v1", {"maxCost": 20.5, "maxTime": 60})
    assert read("/pay/CS1/c/v1", "/pay/{chargingstationid}/{totp}/{version}").evse_id is None


@pytest.mark.parametrize(
    "url",
    [
        "https://any.example/CS1/2/c",
        "https://any.example/CS:1/2/c/v1",
        "https://any.example/CS1/x/c/v1",
        "https://any.example/CS1/2/c/v1?maxenergy=0",
        "https://any.example/CS1/2/c/v1?maxenergy=1&maxenergy=2",
        "https://any.example/CS1/2/c/v1?maxtime=99999999999",
        "https://any.example/CS1/2/c/v1?maxcost=NaN",
        "https://[/CS1/2/c/v1",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(BadUrlError):
        read(url, PATH)
