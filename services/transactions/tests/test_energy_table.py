"""docs/energy.md is the rule; its table of cases is this test."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from csms_testing.energy_streams import payloads
from csms_transactions.domain.events import TransactionEvent
from csms_transactions.domain.quality import MEANINGS, Quality, Reason, notes_of
from csms_transactions.domain.transaction import Transaction, advance, derive
from csms_transactions.store.meter_state import meter_of, state_of
from csms_transactions.versions.v201 import messages as v201

PAGE = Path(__file__).parents[3] / "docs" / "energy.md"


class Case(NamedTuple):
    name: str
    stream: str
    wh: float | None
    quality: str | None
    reasons: frozenset[str]


def cases() -> list[Case]:
    rows = PAGE.read_text().partition("## Cases")[2].splitlines()
    found = []
    for row in rows:
        if row.startswith("| ") and not row.startswith("| case"):
            name, stream, wh, quality, notes = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1])
            known = None if quality == "-" else quality
            energy = None if wh == "-" else float(wh)
            found.append(Case(name, stream.replace("\\|", "|"), energy, known, frozenset(notes.split())))
    return found


CASES = cases()


def told(stream: str) -> Transaction:
    messages = payloads(stream)
    measured = [orjson.dumps(body) for action, body in messages if action == "MeterValues"]
    return derive(
        events_of(messages),
        measured=[reading for raw in measured for reading in v201.meter_values(raw).readings],
    )


def events_of(messages: list[tuple[str, dict[str, Any]]]) -> list[TransactionEvent]:
    return [v201.transaction_event(body) for action, body in messages if action == "TransactionEvent"]


def test_the_page_has_the_table() -> None:
    assert len(CASES) >= 70
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    energy = told(case.stream).energy
    reasons = {reason.name.lower() for reason in Reason if energy.reasons & reason and reason.name}
    assert (energy.wh, energy.quality, reasons) == (case.wh, case.quality, case.reasons)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_order_of_arrival_does_not_matter(case: Case) -> None:
    events = events_of(payloads(case.stream))
    for again in (events[::-1], events[1:] + events, events[::2] + events[::-1]):
        assert derive(again) == derive(events)


def test_each_reason_has_a_meaning_and_a_case() -> None:
    assert set(MEANINGS) == set(Reason)
    named = frozenset[str]().union(*(case.reasons for case in CASES))
    assert {reason.name.lower() for reason in Reason if reason.name} - named == {"earlier_rule", "merged"}


def test_qualities_are_explained_on_the_page() -> None:
    text = PAGE.read_text()
    assert all(f"| `{quality}` |" in text for quality in Quality)


def test_notes_are_sentences_for_people() -> None:
    assert notes_of(Reason.RESET | Reason.NO_END) == [MEANINGS[Reason.NO_END].note, MEANINGS[Reason.RESET].note]
    assert notes_of(0) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_stored_meter_goes_on_as_if_it_had_not_been_stored(case: Case) -> None:
    transaction: Transaction | None = None
    events = {event.seq_no: event for event in events_of(payloads(case.stream))}
    for _, event in sorted(events.items()):
        transaction = advance(transaction, event)
        meter = meter_of(orjson.loads(orjson.dumps(state_of(transaction.meter))))
        assert meter == transaction.meter
        transaction = transaction._replace(meter=meter)
    assert transaction == derive(events.values())
