"""docs/energy.md is the rule; its table of cases is this test."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from csms_testing.energy_streams import payloads
from csms_transactions.domain.doubts import MEANINGS, Doubt, Quality, notes_of
from csms_transactions.domain.transaction import Transaction, derive
from csms_transactions.protocols import ocpp201

PAGE = Path(__file__).parents[3] / "docs" / "energy.md"


class Case(NamedTuple):
    name: str
    stream: str
    wh: float | None
    quality: str | None
    doubts: frozenset[str]


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
    return derive(ocpp201.transaction_event(body).event for _, body in payloads(stream))


def test_the_page_has_the_table() -> None:
    assert len(CASES) >= 70
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    if any(action == "MeterValues" for action, _ in payloads(case.stream)):
        pytest.skip("stored messages: test_meter_values_messages.py")
    energy = told(case.stream).energy
    doubts = {doubt.name.lower() for doubt in Doubt if energy.doubts & doubt and doubt.name}
    assert (energy.wh, energy.quality, doubts) == (case.wh, case.quality, case.doubts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_order_of_arrival_does_not_matter(case: Case) -> None:
    events = [
        ocpp201.transaction_event(body).event for action, body in payloads(case.stream) if action != "MeterValues"
    ]
    for again in (events[::-1], events[1:] + events, events[::2] + events[::-1]):
        assert derive(again) == derive(events)


def test_each_doubt_has_a_meaning_and_a_case() -> None:
    assert set(MEANINGS) == set(Doubt)
    named = frozenset[str]().union(*(case.doubts for case in CASES))
    assert {doubt.name.lower() for doubt in Doubt if doubt.name} - named == {"earlier_rule"}


def test_qualities_are_explained_on_the_page() -> None:
    text = PAGE.read_text()
    assert all(f"| `{quality}` |" in text for quality in Quality)


def test_notes_are_sentences_for_people() -> None:
    assert notes_of(Doubt.RESET | Doubt.NO_END) == [MEANINGS[Doubt.NO_END].note, MEANINGS[Doubt.RESET].note]
    assert notes_of(0) == []
