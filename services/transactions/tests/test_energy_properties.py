"""A true meter, rendered as legal messages in many ways: what is measured is true, all else says it is a guess."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from csms_transactions.domain.events import TransactionEvent
from csms_transactions.domain.meter import condensed
from csms_transactions.domain.quality import Quality
from csms_transactions.domain.readings import Reading, Value
from csms_transactions.domain.transaction import (
    Transaction,
    advance,
    derive,
    follows_measured,
    lasts_at,
    measure,
)
from csms_transactions.store.facts import event_of, facts_of
from csms_transactions.store.meter_state import meter_of, state_of
from csms_transactions.versions.v201 import messages as v201
from hypothesis import given, settings
from hypothesis import strategies as st

T0 = datetime(2026, 1, 1, tzinfo=UTC)
PHASES = ("L1", "L2", "L3")
MANY = settings(max_examples=150, deadline=None)
Payload = dict[str, Any]


class Course(NamedTuple):
    """What a meter really counted."""

    registers: list[tuple[float, ...]]
    """By moment: the register of each phase, as it shows it."""
    flowed: list[float]
    """By moment: Wh since the start."""


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """A meter of one or three phases; some time it may be reset, and then shows it."""
    count, moments = draw(st.sampled_from([1, 3])), draw(st.integers(2, 7))
    now = [float(draw(st.sampled_from([0, 1000, 20_000, 5_000_000]))) + draw(st.integers(0, 900)) for _ in range(count)]
    registers, flowed = [tuple(now)], [0.0]
    reset_at = draw(st.none() | st.integers(1, moments - 1))
    for moment in range(1, moments):
        steps = [float(draw(st.integers(0, 9000))) for _ in range(count)]
        before = tuple(now)
        now = [wh + step for wh, step in zip(now, steps, strict=True)]
        if moment == reset_at and min(before) > 2000:
            steps = [float(draw(st.integers(0, 100))) for _ in range(count)]
            now = list(steps)  # nothing flowed between the last reading and the reset
        registers.append(tuple(now))
        flowed.append(flowed[-1] + sum(steps))
    return Course(registers, flowed)


class Manner(NamedTuple):
    """How a station tells it."""

    contexts: bool
    forms: list[str]
    """By moment: total, phases or both."""
    kilo: bool
    neutral: bool
    to_neutral: list[bool]
    split: bool
    twice: bool
    place: str
    again: bool
    jump: tuple[int, int]
    """From which moment on the clock is how many hours off."""
    silent: frozenset[int]
    """Moments whose event brings no reading."""
    lost: frozenset[int]
    """Moments whose event never comes."""
    zero: str
    """Whether the first reading is a placeholder."""


@st.composite
def manners(draw: st.DrawFn, moments: int) -> Manner:
    form = st.sampled_from(["total", "phases", "both"])
    same = draw(st.booleans())
    one = draw(form)
    few = st.frozensets(st.integers(0, moments - 1), max_size=2)
    return Manner(
        contexts=draw(st.booleans()),
        forms=[one if same else draw(form) for _ in range(moments)],
        kilo=draw(st.booleans()),
        neutral=draw(st.booleans()),
        to_neutral=draw(st.lists(st.booleans(), min_size=moments, max_size=moments)),
        split=draw(st.booleans()),
        twice=draw(st.booleans()),
        place=draw(st.sampled_from(["Outlet", "Outlet", "Inlet", "Cable", "Outlet+Inlet"])),
        again=draw(st.booleans()),
        jump=(draw(st.integers(0, moments)), draw(st.sampled_from([0, 0, -5, 7, -200_000]))),
        silent=draw(st.just(frozenset()) | few),
        lost=draw(st.just(frozenset()) | few),
        zero=draw(st.sampled_from(["", "", "", "offline"])),
    )


def samples(course: Course, manner: Manner, moment: int, context: str) -> list[Payload]:
    phases = course.registers[moment]
    names = [f"{name}-N" if manner.to_neutral[moment] else name for name in PHASES[: len(phases)]]
    if moment == 0 and manner.zero:
        phases = tuple(0.0 for _ in phases)
    found: list[tuple[str | None, float]] = []
    if manner.forms[moment] != "phases":
        found.append((None, sum(phases)))
    if manner.forms[moment] != "total":
        found += zip(names, phases, strict=True)
        if manner.neutral:
            found.append(("N", sum(phases)))
    if manner.twice:
        found += found
    return [
        _sample(wh, phase, place, context, kilo=manner.kilo) for phase, wh in found for place in manner.place.split("+")
    ]


def _sample(wh: float, phase: str | None, place: str, context: str, *, kilo: bool) -> Payload:
    sample: Payload = {"value": wh / 1000 if kilo else wh, "location": place, "context": context}
    if phase is not None:
        sample["phase"] = phase
    if kilo:
        sample["unitOfMeasure"] = {"unit": "kWh"}
    return sample


def messages(course: Course, manner: Manner) -> list[Payload]:
    last = len(course.registers) - 1
    history: list[Payload] = []
    found = []
    for moment in range(last + 1):
        at = T0 + timedelta(minutes=10 * moment, hours=manner.jump[1] if moment >= manner.jump[0] else 0)
        time = at.isoformat().replace("+00:00", "Z")
        kind = "Started" if moment == 0 else "Ended" if moment == last else "Updated"
        context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind) if manner.contexts else None
        told = samples(course, manner, moment, context or "Sample.Periodic")
        groups = [[sample] for sample in told] if manner.split else [told]
        values = [{"timestamp": time, "sampledValue": group} for group in groups]
        payload = {
            "eventType": kind,
            "timestamp": time,
            "triggerReason": "MeterValuePeriodic",
            "seqNo": moment,
            "offline": moment == 0 and manner.zero == "offline",
            "transactionInfo": {"transactionId": "tx"},
        }
        shown = [] if moment in manner.silent else values
        history += shown
        if kind == "Ended" and manner.again:
            shown = history
        if shown:
            payload["meterValue"] = shown
        if moment not in manner.lost:
            found.append(payload)
    return found


def derived(payloads: Sequence[Payload]) -> Transaction:
    return derive(v201.transaction_event(payload) for payload in payloads)


@st.composite
def streams(draw: st.DrawFn) -> tuple[Course, Manner, list[Payload]]:
    course = draw(courses())
    manner = draw(manners(len(course.registers)))
    told = messages(course, manner)
    if not told:
        return course, manner._replace(lost=frozenset()), messages(course, manner._replace(lost=frozenset()))
    return course, manner, told


@MANY
@given(streams())
def test_what_is_not_a_guess_is_true(stream: tuple[Course, Manner, list[Payload]]) -> None:
    course, manner, told = stream
    transaction = derived(told)
    if transaction.ended_at is not None and transaction.energy.quality in {Quality.MEASURED, Quality.DERIVED}:
        assert transaction.energy.wh is not None
        assert abs(transaction.energy.wh - course.flowed[-1]) < 0.01, (course, manner)


PLAIN = Manner(
    contexts=True,
    forms=[],
    kilo=False,
    neutral=False,
    to_neutral=[],
    split=False,
    twice=False,
    place="Outlet",
    again=False,
    jump=(0, 0),
    silent=frozenset(),
    lost=frozenset(),
    zero="",
)


@MANY
@given(courses(), st.data())
def test_what_a_good_station_tells_is_measured(course: Course, data: st.DataObject) -> None:
    """Not everything is called a guess."""
    moments = len(course.registers)
    form = data.draw(st.sampled_from(["total", "phases", "both"]))
    if any(
        after < before
        for before, after in zip(map(min, course.registers), map(min, course.registers[1:]), strict=False)
    ):
        return  # it was reset
    plain = PLAIN._replace(
        forms=[form] * moments,
        to_neutral=[data.draw(st.booleans())] * moments,
        contexts=data.draw(st.booleans()),
        split=data.draw(st.booleans()),
        neutral=data.draw(st.booleans()),
        kilo=data.draw(st.booleans()),
        again=data.draw(st.booleans()),
        jump=(data.draw(st.integers(0, moments)), data.draw(st.sampled_from([0, -5, 7]))),
    )
    energy = derived(messages(course, plain)).energy
    assert (energy.quality, energy.wh) == (Quality.MEASURED, course.flowed[-1])


@MANY
@given(streams(), st.data())
def test_any_order_of_arrival_gives_the_same(stream: tuple[Any, Any, list[Payload]], data: st.DataObject) -> None:
    _, _, told = stream
    assert derived(data.draw(st.permutations(told))) == derived(told)


@MANY
@given(streams())
def test_a_stored_state_goes_on_as_if_it_had_not_been_stored(stream: tuple[Any, Any, list[Payload]]) -> None:
    _, _, told = stream
    transaction: Transaction | None = None
    for payload in told:
        event = event_of(facts_of(v201.transaction_event(payload)))
        transaction = advance(transaction, event)
        meter = meter_of(orjson.loads(orjson.dumps(state_of(transaction.meter))))
        assert meter == transaction.meter
        transaction = transaction._replace(meter=meter)
    assert transaction == derived(told)


@MANY
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 1, 1, 3, 500_000]), st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 4])),
        min_size=51,
        max_size=90,
    )
)
def test_condensed_readings_lead_to_the_same_energy(steps: list[tuple[int, int, int]]) -> None:
    wh, found = 0.0, []
    for number, (step, kind, place) in enumerate(steps):
        wh = 0.0 if step == 3 else wh + step * 1000
        at = T0 + timedelta(minutes=number)
        found.append(Reading(at, "Sample.Periodic", (Value(place, kind, wh),)))
    assert _energy(condensed(found)) == _energy(found)


def _energy(found: Sequence[Reading]) -> Any:
    event = v201.transaction_event(
        messages(Course([(0.0,), (1.0,)], [0.0, 1.0]), PLAIN._replace(forms=["total"] * 2, to_neutral=[False] * 2))[1]
    )
    return derive([event._replace(at=found[-1].at, readings=tuple(found))]).energy


def test_a_long_series_of_a_rising_register_is_a_few_readings() -> None:
    found = [Reading(T0 + timedelta(minutes=n), "Sample.Periodic", (Value(0, 0, 100.0 + n),)) for n in range(10_000)]
    assert len(condensed(found)) <= 4


@MANY
@given(
    flowed=st.lists(st.integers(0, 5000), min_size=1, max_size=8),
    again=st.booleans(),
    aligned=st.booleans(),
    lost=st.sets(st.integers(1, 8), max_size=2),
    jump=st.sampled_from([0, -300, 300]),
)
def test_intervals_that_are_not_a_guess_add_up_to_the_truth(
    *, flowed: list[int], again: bool, aligned: bool, lost: set[int], jump: int
) -> None:
    told: list[Payload] = [_plain(0, "Started", [])]
    history: list[Payload] = []
    measured: list[bytes] = []
    for number, wh in enumerate(flowed, start=1):
        at = T0 + timedelta(minutes=10 * number + (jump if number > 2 else 0))
        sample = {"value": wh, "measurand": "Energy.Active.Import.Interval"}
        value = {"timestamp": at.isoformat(), "sampledValue": [sample]}
        if aligned and number % 2 == 0:  # one of the clock, a minute later, tells the last two again
            clock = [{**sample, "value": sum(flowed[number - 2 : number]), "context": "Sample.Clock"}]
            later = {"timestamp": (at + timedelta(minutes=1)).isoformat(), "sampledValue": clock}
            measured.append(orjson.dumps({"evseId": 1, "meterValue": [later]}))
        history.append(value)
        is_last = number == len(flowed)
        shown = history if is_last and again else [value]
        if number not in lost or is_last:
            told.append(_plain(number, "Ended" if is_last else "Updated", shown, at))
    events = [v201.transaction_event(payload) for payload in told]
    energy = derive(events, measured=[one for raw in measured for one in v201.meter_values(raw).readings]).energy
    if energy.quality is Quality.DERIVED:
        assert energy.wh == sum(flowed)
    if not lost and not jump:
        assert energy.quality is Quality.DERIVED


def _plain(seq_no: int, kind: str, values: list[Payload], at: datetime = T0) -> Payload:
    return {
        "eventType": kind,
        "timestamp": at.isoformat(),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "tx"},
        "meterValue": values,
    }


@MANY
@given(streams())
def test_a_net_register_that_is_not_a_guess_is_true(stream: tuple[Course, Manner, list[Payload]]) -> None:
    course, manner, told = stream
    if len(set(manner.forms)) > 1:
        return  # a reset that only the phases show, between totals that rise
    for value in (value for payload in told for value in payload.get("meterValue", ())):
        for sample in value["sampledValue"]:
            sample["measurand"] = "Energy.Active.Net"
    transaction = derived(told)
    assert transaction.energy.quality is not Quality.MEASURED
    if transaction.ended_at is not None and transaction.energy.quality is Quality.DERIVED:
        assert transaction.energy.wh is not None
        assert abs(transaction.energy.wh - course.flowed[-1]) < 0.01, (course, manner)


@MANY
@given(streams(), st.data())
def test_messages_of_meter_values_in_any_order_give_the_same(
    stream: tuple[Any, Any, list[Payload]], data: st.DataObject
) -> None:
    """Some of an event's meter values come in a message of their own."""
    _, _, told = stream
    apart = [payload.pop("meterValue") for payload in told if "meterValue" in payload and data.draw(st.booleans())]
    bodies = [orjson.dumps({"evseId": 1, "meterValue": values}) for values in apart]
    measured = [reading for body in bodies for reading in v201.meter_values(body).readings]
    events = [v201.transaction_event(payload) for payload in told]
    whole = derive(events, measured=measured)
    shuffled = derive(data.draw(st.permutations(events)), measured=data.draw(st.permutations(measured)))
    assert shuffled == whole
    transaction = _step_by_step(events, measured, data)
    if transaction is not None:
        assert transaction.energy == whole.energy


def _step_by_step(events: list[TransactionEvent], measured: list[Reading], data: st.DataObject) -> Transaction | None:
    """Apply them one by one, as long as each follows what is known; None: one does not."""
    transaction: Transaction | None = None
    pending = sorted(measured)
    for event in sorted(events, key=lambda event: event.seq_no):
        if transaction is not None and not follows_measured(transaction, event):
            return None
        transaction = advance(transaction, event)
        while pending and data.draw(st.booleans()):
            if not _is_next(transaction, pending[0]):
                return None
            transaction = measure(transaction, [pending.pop(0)])
    if transaction is None or pending:
        return None
    return transaction


def _is_next(transaction: Transaction, reading: Reading) -> bool:
    at, meter = reading.at.timestamp(), transaction.meter
    return at > meter.measured_at and at >= meter.read_at and lasts_at(transaction, reading.at)
