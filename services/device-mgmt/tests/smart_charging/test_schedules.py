"""Schedules are within what vehicle and station can do, and bring the energy that is needed."""

from datetime import UTC, datetime, timedelta

import pytest
from csms_device_mgmt.smart_charging.charging_needs import Needs, read
from csms_device_mgmt.smart_charging.schedules import LOSSES, Limits, Period, made
from csms_ocpp.times import format_datetime
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_MORNING = NOW + timedelta(hours=8)
AC = {"energyAmount": 8000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 400}
DC = {"evMaxCurrent": 200, "evMaxVoltage": 500}
V2X = {"minChargePower": 500, "minChargePower_L2": 500, "maxChargePower": 4000, "maxChargePower_L2": 3000}


def told(transfer="DC", **fields):
    return {"evseId": 1, "maxScheduleTuples": 3, "chargingNeeds": {"requestedEnergyTransfer": transfer, **fields}}


@pytest.mark.parametrize(
    ("payload", "needs"),
    [
        (told(), Needs("DC", most_periods=3)),
        (
            told("AC_three_phase", acChargingParameters=AC, departureTime=format_datetime(AT_MORNING)),
            Needs("AC_three_phase", energy_wh=8000, departure_at=AT_MORNING, min_w=4140, max_w=11_040, most_periods=3),
        ),
        (
            told("AC_single_phase", acChargingParameters=AC),
            Needs("AC_single_phase", energy_wh=8000, min_w=1380, max_w=3680, most_periods=3),
        ),
        (told(dcChargingParameters=DC), Needs("DC", max_w=100_000, most_periods=3)),
        (
            told(dcChargingParameters={**DC, "evMaxPower": 50_000, "evEnergyCapacity": 60_000, "stateOfCharge": 40}),
            Needs("DC", energy_wh=36_000, max_w=50_000, most_periods=3),
        ),
        (
            told(controlMode="DynamicControl", v2xChargingParameters={**V2X, "evTargetEnergyRequest": 9000}),
            Needs("DC", is_20=True, is_dynamic=True, energy_wh=9000, min_w=1000, max_w=7000, most_periods=3),
        ),
        (  # what makes no sense was not told
            told(departureTime="soon", v2xChargingParameters={"maxChargePower": -1, "evTargetEnergyRequest": 1e300}),
            Needs("DC", is_20=True, most_periods=3),
        ),
    ],
)
def test_needs_are_read(payload, needs):
    assert read(payload) == needs
    assert Needs.from_json(needs.to_json()) == needs


def test_the_energy_comes_evenly_and_then_all_may_be_drawn():
    needs = Needs("DC", energy_wh=8000, departure_at=AT_MORNING, max_w=22_000)
    assert made(needs, Limits(max_w=11_000), NOW) == (Period(0, 1000 * LOSSES), Period(8 * 3600, 11_000))
    assert made(needs, Limits(max_w=11_000, most_periods=1), NOW) == (Period(0, 1000 * LOSSES),)


@pytest.mark.parametrize(
    "needs",
    [
        Needs("DC", max_w=22_000),
        Needs("DC", energy_wh=8000, max_w=22_000),
        Needs("DC", departure_at=AT_MORNING, max_w=22_000),
        Needs("DC", energy_wh=800_000, departure_at=AT_MORNING, max_w=22_000),
        Needs("DC", energy_wh=8000, departure_at=NOW, max_w=22_000),
        Needs("DC", energy_wh=8000, departure_at=NOW + timedelta(days=400), max_w=22_000),
    ],
)
def test_all_there_is_where_nothing_can_be_spread(needs):
    assert made(needs, Limits(max_w=11_000), NOW) == (Period(0, 11_000),)


def test_nothing_is_made_of_nothing():
    assert made(Needs("DC", energy_wh=8000, departure_at=AT_MORNING), Limits(), NOW) is None


def test_a_station_that_knows_amperes_only():
    needs = Needs("AC_three_phase", energy_wh=24_000, departure_at=AT_MORNING, min_w=4140, max_w=22_080)
    limits = Limits(max_w=11_000, is_in_amperes=True)
    assert made(needs, limits, NOW) == (Period(0, 6.0), Period(8 * 3600, 15.9))


_POWERS = st.one_of(st.none(), st.floats(1, 400_000))


@given(
    energy=st.one_of(st.none(), st.floats(1, 200_000)),
    hours=st.one_of(st.none(), st.floats(-1, 200)),
    powers=st.tuples(st.floats(0, 20_000), _POWERS, _POWERS),
    periods=st.one_of(st.none(), st.integers(1, 5)),
    is_in_amperes=st.booleans(),
)
def test_a_schedule_is_within_all_limits(energy, hours, powers, periods, is_in_amperes):
    departure = None if hours is None else NOW + timedelta(hours=hours)
    least, of_vehicle, of_station = powers
    needs = Needs(
        "AC_three_phase",
        energy_wh=energy,
        departure_at=departure,
        min_w=least,
        max_w=of_vehicle,
        most_periods=periods,
    )
    found = made(needs, Limits(of_station, is_in_amperes=is_in_amperes), NOW)
    known = [power for power in (of_vehicle, of_station) if power is not None]
    if not known:
        assert found is None
        return
    factor = 690 if is_in_amperes else 1
    assert found is not None
    assert 1 <= len(found) <= (periods or 2)
    assert [period.start_s for period in found] == sorted({period.start_s for period in found})
    assert all(0 <= period.limit * factor <= min(known) + 1e-6 for period in found)
    if least <= min(known):
        assert found[0].limit * factor >= min(least, min(known) - factor)
