import itertools
from dataclasses import replace

from csms_device_mgmt.connections.connection_order import Change, Connection, change, must_be_told
from hypothesis import given
from hypothesis import strategies as st

KNOWN = Connection(is_open=True, number=5, slot=0, epoch=100, connection_id="a")
LATER = Connection(is_open=True, number=6, slot=1, epoch=200, connection_id="b")


def test_first_connection() -> None:
    assert change(None, LATER) is Change.NEWER


def test_a_higher_number_wins() -> None:
    assert change(KNOWN, LATER) is Change.NEWER
    assert change(replace(KNOWN, is_open=False), LATER) is Change.NEWER


def test_a_lower_number_never_does_and_has_to_end() -> None:
    assert change(LATER, KNOWN) is Change.OUTDATED
    assert change(replace(LATER, is_open=False), KNOWN) is Change.OUTDATED
    assert change(LATER, replace(KNOWN, is_open=False)) is Change.NOTHING


def test_the_same_record_again() -> None:
    assert change(KNOWN, KNOWN) is Change.NOTHING
    closed = replace(KNOWN, is_open=False)
    assert change(KNOWN, closed) is Change.CLOSED
    assert change(closed, closed) is Change.NOTHING
    assert change(closed, KNOWN) is Change.NOTHING


def test_a_refresh_repairs_a_row_that_missed_the_opening_and_nothing_else() -> None:
    again = replace(LATER, refresh=True)
    assert change(None, again) is Change.NEWER
    assert change(KNOWN, again) is Change.NEWER
    assert change(replace(LATER, is_open=False), again) is Change.NOTHING


def test_records_without_a_number_count_in_their_order() -> None:
    """A gateway or auth from before there were numbers."""
    old, older = replace(LATER, number=0), replace(KNOWN, number=0)
    assert change(older, old) is Change.NEWER
    assert change(KNOWN, old) is Change.NEWER
    assert change(old, old) is Change.NOTHING
    assert change(old, replace(old, is_open=False)) is Change.CLOSED
    assert change(old, replace(older, is_open=False)) is Change.NOTHING
    assert change(older, replace(old, refresh=True)) is Change.NOTHING
    assert change(replace(older, is_open=False), replace(old, refresh=True)) is Change.NEWER
    assert change(old, replace(KNOWN, number=1)) is Change.NEWER


def test_only_another_gateway_is_told() -> None:
    assert must_be_told(KNOWN, LATER)
    assert not must_be_told(KNOWN, replace(LATER, slot=0))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Connection], Connection]:
    """What gateways say of connections 1 to n, each at least once, in any order; and how it must end."""
    connections = [
        Connection(is_open=True, number=number, slot=draw(st.integers(0, 2)), epoch=100, connection_id=f"c{number}")
        for number in range(1, draw(st.integers(1, 5)) + 1)
    ]
    last_ended = draw(st.booleans())
    said: list[Connection] = []
    for connection in connections:
        kinds = [connection, replace(connection, refresh=True)]
        if connection is not connections[-1] or last_ended:
            kinds.append(replace(connection, is_open=False))
        said += [*kinds, *draw(st.lists(st.sampled_from(kinds), max_size=3))]
    return list(draw(st.permutations(said))), replace(connections[-1], is_open=not last_ended)


@given(histories())
def test_in_any_order_it_ends_with_the_newest_connection(history: tuple[list[Connection], Connection]) -> None:
    said, expected = history
    row: Connection | None = None
    for seen in said:
        what = change(row, seen)
        if what in {Change.NEWER, Change.CLOSED}:
            row = seen
    assert row is not None
    assert (row.is_open, row.number, row.connection_id) == (expected.is_open, expected.number, expected.connection_id)


def test_every_order_of_two_connections() -> None:
    ended = [KNOWN, replace(KNOWN, is_open=False), LATER]
    for order in itertools.permutations([*ended, *ended]):
        row: Connection | None = None
        for seen in order:
            if change(row, seen) in {Change.NEWER, Change.CLOSED}:
                row = seen
        assert row == LATER
