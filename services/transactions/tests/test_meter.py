from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from csms_transactions.domain.meter import Meter, Reading, Sample, condensed, readings, to_wh
from csms_transactions.protocols import ocpp201
from hypothesis import given, settings
from hypothesis import strategies as st

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sample", "wh"),
    [
        (Sample(1234.5), 1234.5),
        (Sample(12, unit="kWh"), 12000.0),
        (Sample(1.1, unit="kWh"), 1100.0),
        (Sample(0.3, unit="kWh", multiplier=-1), 30.0),
        (Sample(5, multiplier=3), 5000.0),
        (Sample(2, unit="MWh"), 2_000_000.0),
        (Sample(2, unit="varh"), None),
        (Sample(float("inf")), None),
        (Sample(1, multiplier=400), None),
        (Sample(1e15), 1e15),
        (Sample(1.1e15), None),
        (Sample(1e308, unit="kWh"), None),
        (Sample(-1.7e308), None),
    ],
)
def test_a_sample_in_wh(sample: Sample, wh: float | None) -> None:
    assert to_wh(sample) == wh


def test_the_total_is_preferred_to_the_phases() -> None:
    samples = [Sample(10, phase="L1"), Sample(20, phase="L2"), Sample(31)]
    assert readings(AT, samples) == [Reading(AT, 31.0, "Sample.Periodic", 0)]


def test_phases_are_summed_when_there_is_no_total() -> None:
    samples = [Sample(10, phase="L1"), Sample(20.5, phase="L2"), Sample(30, phase="L3")]
    assert [reading.wh for reading in readings(AT, samples)] == [60.5]


def test_the_outlet_is_preferred_to_the_inlet_and_the_vehicle_is_never_taken() -> None:
    assert [r.wh for r in readings(AT, [Sample(9, location="Inlet"), Sample(8), Sample(7, location="EV")])] == [8]
    assert readings(AT, [Sample(7, location="EV")]) == []


def test_each_context_gives_its_own_reading() -> None:
    samples = [Sample(1, "Transaction.Begin"), Sample(5, "Transaction.End")]
    assert [(r.context, r.wh) for r in readings(AT, samples)] == [("Transaction.Begin", 1), ("Transaction.End", 5)]


def meter(*told: tuple[float, str] | tuple[float, str, int]) -> Meter:
    result = Meter()
    for wh, context, *source in told:
        result = result.take(Reading(AT, wh, context, *source))
    return result


@pytest.mark.parametrize(
    ("told", "energy"),
    [
        ([], None),
        ([(100, "Sample.Periodic")], None),
        ([(100, "Sample.Periodic"), (150, "Sample.Periodic")], 50),
        ([(100, "Transaction.Begin")], None),
        ([(100, "Transaction.End")], None),
        ([(100, "Transaction.Begin"), (300, "Transaction.End"), (310, "Sample.Periodic")], 200),
        # the series of an Ended event may tell the begin late
        ([(150, "Sample.Periodic"), (100, "Transaction.Begin")], 50),
        ([(150, "Sample.Periodic"), (100, "Transaction.Begin"), (200, "Transaction.End")], 100),
        ([(100, "Transaction.Begin"), (40, "Transaction.End")], None),
        # a register in another place is another register
        (
            [
                (100, "Transaction.Begin", 6),
                (5, "Transaction.Begin", 0),
                (205, "Transaction.End", 6),
                (25, "Transaction.End", 0),
            ],
            20,
        ),
    ],
)
def test_energy(told: list[tuple[float, str]], energy: float | None) -> None:
    assert meter(*told).energy_wh == energy


def test_energy_has_no_noise_of_binary_fractions() -> None:
    assert meter((1000.3, "Transaction.Begin"), (1234.1, "Transaction.End")).energy_wh == 233.8


CONTEXTS = st.sampled_from(["Transaction.Begin", "Transaction.End", "Sample.Periodic", "Sample.Clock"])


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.tuples(st.integers(0, 9), CONTEXTS, st.integers(0, 2)), max_size=12),
    st.lists(st.tuples(st.integers(0, 9), CONTEXTS, st.integers(0, 2)), max_size=3),
)
def test_condensed_readings_lead_to_the_same_meter(told, before):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    found = [
        Reading(at, float(wh), context, source) for wh, context, source in told for _ in range(60 // len(told) + 1)
    ]
    meter = Meter()
    for wh, context, source in before:
        meter = meter.take(Reading(at, float(wh), context, source))
    whole = short = meter
    for reading in found:
        whole = whole.take(reading)
    for reading in condensed(found):
        short = short.take(reading)
    assert whole == short
    assert len(condensed(found)) <= 18


@pytest.mark.parametrize("multiplier", [3, 3.0])
def test_a_multiplier_is_an_integer_however_it_is_written(
    multiplier: float, transaction_event: Callable[..., dict[str, Any]]
) -> None:
    value = {"value": 1.5, "unitOfMeasure": {"unit": "Wh", "multiplier": multiplier}}
    payload = transaction_event(0, meterValue=[{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [value]}])
    assert [reading.wh for reading in ocpp201.transaction_event(payload).event.readings] == [1500.0]
