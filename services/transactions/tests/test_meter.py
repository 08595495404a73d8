from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from csms_transactions.domain.meter import MOST_VALUES, Meter, condensed
from csms_transactions.domain.moments import Moment
from csms_transactions.domain.quality import Quality, Reason, notes_of
from csms_transactions.domain.readings import (
    TOTAL,
    Location,
    Measurand,
    Reading,
    Sample,
    Value,
    location_of,
    measurand_of,
    place_of,
    readings,
    to_wh,
)
from csms_transactions.versions.v201 import messages as v201
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


def values(*samples: Sample) -> list[list[tuple[int, int, float]]]:
    return [[tuple(value) for value in reading.values] for reading in readings([(AT, one) for one in samples], AT)]


def test_total_and_phases_of_one_moment_are_one_reading() -> None:
    samples = (Sample(10, phase="L1"), Sample(20, phase="L2-N"), Sample(31), Sample(9, phase="N"))
    assert values(*samples) == [[(0, TOTAL, 31.0), (0, 1, 10.0), (0, 2, 20.0)]]


def test_each_location_is_a_register_and_the_vehicle_is_never_taken() -> None:
    inlet = place_of(Measurand.REGISTER, Location.INLET)
    samples = (Sample(9, location="Inlet"), Sample(8), Sample(7, location="EV"))
    assert values(*samples) == [[(0, TOTAL, 8.0), (inlet, TOTAL, 9.0)]]
    assert (measurand_of(inlet), location_of(inlet)) == (Measurand.REGISTER, Location.INLET)
    assert values(Sample(7, location="EV")) == []


def test_each_context_gives_its_own_reading() -> None:
    samples = [(AT, Sample(5, "Transaction.End")), (AT, Sample(3)), (AT, Sample(1, "Transaction.Begin"))]
    assert [reading.values[0].wh for reading in readings(samples, AT)] == [1, 3, 5]


def test_what_seems_to_come_after_its_message_was_read_before_the_clock_was_set() -> None:
    samples = [(AT + timedelta(hours=hour), Sample(wh)) for hour, wh in ((0, 300), (-1, 200), (2, 100))]
    assert [reading.values[0].wh for reading in readings(samples, AT)] == [100, 200, 300]


@pytest.mark.parametrize("multiplier", [3, 3.0])
def test_a_multiplier_is_an_integer_however_it_is_written(
    multiplier: float, transaction_event: Callable[..., dict[str, Any]]
) -> None:
    value = {"value": 1.5, "unitOfMeasure": {"unit": "Wh", "multiplier": multiplier}}
    payload = transaction_event(0, meterValue=[{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [value]}])
    assert [reading.values[0].wh for reading in v201.transaction_event(payload).readings] == [1500.0]


def test_the_last_moment_there_is_can_be_the_time_of_a_message() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    found = readings([(AT, Sample(1.0)), (last, Sample(2.0))], last)
    assert [reading.values[0].wh for reading in found] == [1, 2]


class Told(NamedTuple):
    """The only reading of an event, which came then."""

    wh: float
    at: int
    event_at: int
    context: str
    kind: int
    location: Location
    starts: bool
    offline: bool


TOLD = st.builds(
    Told,
    st.sampled_from([0.0, 10.0, 1000.0, 1001.5, 5000.0, 250_000.0]),
    st.integers(0, 40),
    st.integers(0, 40),
    st.sampled_from(["Sample.Periodic"] * 4 + ["Transaction.Begin", "Transaction.End"]),
    st.sampled_from([TOTAL] * 4 + [1]),
    st.sampled_from([Location.OUTLET] * 4 + [Location.INLET]),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(TOLD, min_size=2, max_size=8))
def test_the_short_way_of_a_usual_reading_leads_where_the_long_one_does(course: list[Told]) -> None:
    meter = Meter()
    for told in course:
        value = Value(place_of(Measurand.REGISTER, told.location), told.kind, told.wh)
        reading = Reading(AT + timedelta(minutes=told.at), told.context, (value,))
        at, newest_at = (AT.timestamp() + 60 * minutes for minutes in (told.event_at, told.at))
        moment = Moment(at, "", at, starts=told.starts, offline=told.offline, newest_at=newest_at)
        after = meter.take(reading, moment)
        assert meter.risen(reading, starts=told.starts) in {None, after}
        meter = after


def test_most_readings_go_the_short_way() -> None:
    readings_in_a_row = [
        Reading(AT + timedelta(minutes=n), "Sample.Periodic", (Value(0, TOTAL, 5.0 * n),)) for n in (1, 2, 3)
    ]
    first, *others = readings_in_a_row
    meter = Meter().take(first, Moment(AT.timestamp(), "", AT.timestamp(), starts=True))
    for reading in others:
        risen = meter.risen(reading, starts=False)
        assert risen is not None
        meter = risen
    assert meter.energy(ended=False, gaps=False).wh == 10


def folded(found: Sequence[Reading]) -> Meter:
    end = found[-1].at.timestamp()
    meter = Meter()
    for reading in found:
        meter = meter.take(reading, Moment(end, "", end, newest_at=end))
    return meter


def course(count: int, *values: Value) -> list[Reading]:
    seconds = (timedelta(seconds=number) for number in range(count))
    return [Reading(AT + after, "Sample.Periodic", (values[n % len(values)],)) for n, after in enumerate(seconds)]


INTERVAL = place_of(Measurand.INTERVAL, Location.OUTLET)
VALUES_OF_ALL = [Value(place, kind, 5.0) for place in range(12) for kind in range(7)]


@pytest.mark.parametrize(
    "values",
    [
        [Value(INTERVAL, TOTAL, 0.5)],
        [Value(0, TOTAL, 1000.0), Value(0, TOTAL, 1005.0)],
        [Value(0, kind, 5.0) for kind in (1, 2, 3)],
        VALUES_OF_ALL,
    ],
)
def test_a_message_keeps_a_bounded_number_of_values(values: list[Value]) -> None:
    found = course(3 * MOST_VALUES, *values)
    kept = condensed(found)
    assert sum(len(reading.values) for reading in kept) < 1.1 * MOST_VALUES
    assert (kept[0], kept[-2]) == (found[0], found[-1])
    assert folded(kept).energy(ended=False, gaps=False).reasons & Reason.MERGED


def test_intervals_that_are_made_one_are_added_up() -> None:
    kept = condensed(course(10_000, Value(INTERVAL, TOTAL, 0.5)))
    energy = folded(kept).energy(ended=False, gaps=False)
    assert (energy.wh, energy.quality) == (5_000.0, Quality.ESTIMATED)
    assert "a message had so many readings that several were made one" in notes_of(energy.reasons)


def test_sampled_intervals_and_those_of_the_clock_are_made_one_apart() -> None:
    sampled = course(10_000, Value(INTERVAL, TOTAL, 0.5))
    aligned = [reading._replace(context="Sample.Clock") for reading in sampled]
    kept = condensed([reading for pair in zip(sampled, aligned, strict=True) for reading in pair])
    ((_, intervals),) = folded(kept).intervals
    assert (intervals.sampled.wh, intervals.aligned.wh) == (5_000, 5_000)


def test_registers_that_are_made_one_show_what_they_showed_last() -> None:
    values = [Value(0, kind, float(wh)) for wh in range(2_000) for kind in (1, 2, 3)]
    energy = folded(condensed(course(6_000, *values))).energy(ended=False, gaps=False)
    assert energy.wh == 3 * 1_999


def test_fewer_values_are_all_kept() -> None:
    found = course(MOST_VALUES, Value(INTERVAL, TOTAL, 0.5))
    assert condensed(found) == tuple(found)


@pytest.mark.parametrize("context", ["Transaction.Begin", "Transaction.End"])
def test_of_very_many_readings_of_one_moment_some_are_kept(context: str) -> None:
    found = [reading._replace(context=context) for reading in course(5_000, Value(0, TOTAL, 1.0), Value(0, TOTAL, 9.0))]
    kept = condensed(found)
    assert len(kept) <= 51
    assert (kept[0], kept[-2]) == (found[0], found[-1])
