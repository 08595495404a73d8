import pytest
from csms_device_mgmt.reports.assembly import (
    MISSING_SHOWN,
    Assembly,
    ReportStatus,
    after_part,
    after_response,
    assemble,
)
from hypothesis import given
from hypothesis import strategies as st


def test_nothing_yet() -> None:
    assert assemble([]) == Assembly(0, None, ())


def test_one_part_is_a_report() -> None:
    assembly = assemble([(0, False)])
    assert assembly == Assembly(1, 1, ())
    assert assembly.complete


def test_not_complete_before_the_last_part() -> None:
    assembly = assemble([(0, True), (1, True)])
    assert assembly == Assembly(2, None, ())
    assert not assembly.complete


def test_gap_is_named() -> None:
    assembly = assemble([(0, True), (3, False)])
    assert assembly == Assembly(2, 4, (1, 2))
    assert not assembly.complete


@given(st.permutations([(0, True), (1, True), (2, True), (3, False)]), st.data())
def test_order_and_repeats_do_not_matter(parts: list[tuple[int, bool]], data: st.DataObject) -> None:
    repeats = data.draw(st.lists(st.sampled_from(parts)))
    assert assemble([*parts, *repeats]) == Assembly(4, 4, ())


def test_absurd_seq_no_costs_nothing() -> None:
    assert len(assemble([(2**31 - 1, False)]).missing) == MISSING_SHOWN


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("Accepted", ReportStatus.ACCEPTED),
        ("Rejected", ReportStatus.REJECTED),
        ("NotSupported", ReportStatus.NOT_SUPPORTED),
        ("EmptyResultSet", ReportStatus.EMPTY),
        (None, ReportStatus.FAILED),
    ],
)
def test_answer_decides_a_fresh_report(answer: str | None, status: ReportStatus) -> None:
    assert after_response(ReportStatus.REQUESTED, answer) is status


def test_answer_after_the_parts_changes_nothing() -> None:
    assert after_response(ReportStatus.COMPLETE, "Accepted") is ReportStatus.COMPLETE
    assert after_response(ReportStatus.RECEIVING, None) is ReportStatus.RECEIVING


def test_late_answer_revives_a_failed_report() -> None:
    assert after_response(ReportStatus.FAILED, "Accepted") is ReportStatus.ACCEPTED


def test_after_part() -> None:
    assert after_part(assemble([(0, True)])) is ReportStatus.RECEIVING
    assert after_part(assemble([(0, False)])) is ReportStatus.COMPLETE
