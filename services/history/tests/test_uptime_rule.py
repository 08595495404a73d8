"""The rule of docs/uptime.md: each case of the page, and what holds for all records."""

from datetime import UTC, datetime, timedelta

from csms_history.uptime.rule import AvailabilityOrder, Connection, Records, State, StatusReport, uptime
from hypothesis import given
from hypothesis import strategies as st

DAY = datetime(2026, 11, 27, tzinfo=UTC)


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def status(hour: float, word: str, evse_id: int = 1, connector_id: int = 1) -> StatusReport:
    return StatusReport(at(hour), f"s{hour}/{evse_id}/{connector_id}", evse_id, connector_id, word)


def order(hour: float, *, operative: bool, evse_id: int = 0, connector_id: int = 0, **rest: bool) -> AvailabilityOrder:
    return AvailabilityOrder(at(hour), f"o{hour}", evse_id, connector_id, operative, **rest)


def connected(opened: float, closed: float | None = None) -> Connection:
    return Connection(at(opened), f"c{opened}", None if closed is None else at(closed))


def hours(records: Records, evse_id: int | None = 1, since: float = 0, until: float = 24) -> dict[str, float]:
    found = uptime(records, at(since), at(until))
    sums = found.station if evse_id is None else found.evses[evse_id]
    return {state.value: lasted / timedelta(hours=1) for state, lasted in sums.of.items() if lasted}


def test_before_the_first_record_nobody_knows():
    records = Records([connected(6)], [status(7, "Available")])
    assert hours(records) == {"unknown": 7, "up": 17}
    assert hours(records, None) == {"unknown": 6, "up": 18}
    assert hours(Records(), None) == {"unknown": 24}
    assert uptime(Records(), at(0), at(24)).station.share is None


def test_away_and_faulted_are_down_and_planned_is_apart():
    records = Records(
        [connected(0, 4), connected(5)],
        [
            status(0, "Available"),
            status(8, "Faulted"),
            status(10, "Available"),
            status(12, "Unavailable"),
            status(14, "Available"),
        ],
        [order(12, operative=False, evse_id=1), order(14, operative=True, evse_id=1)],
    )
    assert hours(records) == {"up": 19, "down": 3, "planned": 2}
    assert round(uptime(records, at(0), at(24)).evses[1].share or 0, 3) == 0.864


def test_what_is_ordered_for_later_is_up_while_somebody_charges():
    records = Records([connected(0)], [status(0, "Occupied"), status(6, "Unavailable")], [order(2, operative=False)])
    assert hours(records) == {"up": 6, "planned": 18}


def test_an_operator_may_switch_off_what_was_taken_out_of_service():
    records = Records(
        [connected(0, 10)], [status(0, "Available"), status(8, "Unavailable")], [order(8, operative=False)]
    )
    assert hours(records) == {"up": 8, "planned": 16}
    assert hours(records, None) == {"up": 8, "planned": 16}


def test_a_connection_whose_end_nobody_told_ends_with_the_next():
    records = Records([connected(0), connected(6, 12)], [status(0, "Available")])
    assert hours(records) == {"up": 12, "down": 12}


def test_overlapping_connections_count_once():
    records = Records([connected(0, 10), connected(8, 12), connected(11, 14)], [status(0, "Available")])
    assert hours(records) == {"up": 14, "down": 10}


def test_one_good_connector_is_enough_and_an_evse_speaks_for_itself():
    two = [status(0, "Faulted", 1, 1), status(0, "Available", 1, 2)]
    assert hours(Records([connected(0)], two)) == {"up": 24}
    assert hours(Records([connected(0)], [*two, status(12, "Faulted", 1, 0)])) == {"up": 12, "down": 12}


def test_a_station_is_up_with_any_evse_and_may_speak_against_itself():
    records = Records(
        [connected(0)],
        [status(0, "Available", 1), status(0, "Available", 2), status(6, "Faulted", 1), status(12, "Faulted", 0, 0)],
    )
    assert hours(records, None) == {"up": 12, "down": 12}
    assert (hours(records, 1), hours(records, 2)) == ({"up": 6, "down": 18}, {"up": 12, "down": 12})


def test_an_order_for_all_connectors_is_one_for_the_evse():
    records = Records(
        [connected(0)],
        [status(0, "Unavailable", 1, 1), status(0, "Unavailable", 1, 2)],
        [order(0, operative=False, evse_id=1, connector_id=1), order(6, operative=False, evse_id=1, connector_id=2)],
    )
    assert hours(records) == {"down": 6, "planned": 18}


def test_in_ocpp_16_an_order_for_connector_0_is_for_all():
    records = Records(
        [connected(0)],
        [status(0, "Unavailable")],
        [order(0, operative=False, evse_id=1), order(6, operative=True, with_parts=True)],
    )
    assert hours(records) == {"planned": 6, "down": 18}


def test_what_was_before_the_period_counts_in_it():
    records = Records([connected(-100)], [status(-50, "Available")])
    assert hours(records) == {"up": 24}
    assert hours(Records([connected(-100, -1)], [status(-50, "Available")])) == {"down": 24}


moments = st.integers(-24 * 4, 24 * 4).map(lambda quarter: at(quarter / 4))
connections = st.builds(
    lambda opened, number, lasted: Connection(opened, f"c{number}", None if lasted is None else opened + lasted),
    moments,
    st.integers(0, 9),
    st.none() | st.integers(-4, 48).map(lambda quarter: timedelta(minutes=15 * quarter)),
)
words = st.sampled_from(["Available", "Occupied", "Reserved", "Unavailable", "Faulted"])
statuses = st.builds(StatusReport, moments, st.uuids().map(str), st.integers(0, 2), st.integers(0, 2), words)
orders = st.builds(AvailabilityOrder, moments, st.uuids().map(str), st.integers(0, 2), st.integers(0, 2), st.booleans())
histories = st.builds(
    Records, st.lists(connections, max_size=8), st.lists(statuses, max_size=12), st.lists(orders, max_size=5)
)


@given(histories, st.randoms())
def test_order_and_repeats_change_nothing(records: Records, random):
    def shaken(items):
        again = [*items, *random.sample(list(items), len(items) // 2)]
        random.shuffle(again)
        return again

    other = Records(shaken(records.connections), shaken(records.statuses), shaken(records.orders))
    assert uptime(records, at(0), at(24)) == uptime(other, at(0), at(24))


@given(histories, moments)
def test_every_moment_counts_once_wherever_the_period_is_cut(records: Records, cut: datetime):
    since, until = at(-30), at(30)
    whole, first, second = uptime(records, since, until), uptime(records, since, cut), uptime(records, cut, until)
    for state in State:
        assert whole.station.of[state] == first.station.of[state] + second.station.of[state]
    for evse_id, sums in whole.evses.items():
        assert sum(sums.of.values(), timedelta()) == until - since
        before = first.evses[evse_id].of if evse_id in first.evses else {State.UNKNOWN: cut - since}
        for state in State:
            assert sums.of[state] == before.get(state, timedelta()) + second.evses[evse_id].of[state]


@given(histories, statuses)
def test_a_later_record_does_not_change_what_was_before(records: Records, later: StatusReport):
    more = Records(records.connections, [*records.statuses, later], records.orders)
    before, after = (uptime(one, at(-30), max(later.at, at(-30))) for one in (records, more))
    assert before.station == after.station
    assert before.evses == {evse_id: after.evses[evse_id] for evse_id in before.evses}


@given(histories)
def test_nothing_is_up_before_the_first_connection(records: Records):
    first = min((one.opened_at for one in records.connections), default=at(30))
    found = uptime(records, at(-30), max(first, at(-30)))
    assert found.station.of[State.UNKNOWN] == max(first, at(-30)) - at(-30)
