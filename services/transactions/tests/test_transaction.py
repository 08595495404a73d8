from datetime import UTC, datetime, timedelta

import pytest
from csms_transactions.domain.authorization import accepted, requested
from csms_transactions.domain.changes import Change, changes
from csms_transactions.domain.events import MASK, EventType, IdToken, TransactionEvent
from csms_transactions.domain.readings import Reading, Value
from csms_transactions.domain.transaction import Closed, State, Transaction, advance, close, derive, next_revision
from hypothesis import given
from hypothesis import strategies as st

T0 = datetime(2026, 1, 1, tzinfo=UTC)
RFID = IdToken("04A1B2C3", "ISO14443")


def event(seq_no: int, kind: str = "Updated", **fields: object) -> TransactionEvent:
    fields.setdefault("at", T0 + timedelta(seconds=seq_no))
    return TransactionEvent(seq_no=seq_no, type=EventType(kind), **fields)  # type: ignore[arg-type]


def reading(wh: float, context: str = "Sample.Periodic", place: int = 0, kind: int = 0) -> Reading:
    return Reading(T0, context, (Value(place, kind, wh),))


def whole() -> list[TransactionEvent]:
    return [
        event(0, "Started", trigger_reason="CablePluggedIn", evse_id=1, charging_state="EVConnected"),
        event(1, trigger_reason="Authorized", id_token=RFID, evse_id=1, connector_id=2),
        event(2, charging_state="Charging", readings=(reading(1000, "Transaction.Begin"),)),
        event(3, readings=(reading(1500),), number_of_phases_used=3),
        event(4, trigger_reason="StopAuthorized", id_token=IdToken("OTHER", "Central"), charging_state="EVConnected"),
        event(5, "Ended", readings=(reading(2000, "Transaction.End"),), stopped_reason="EVDisconnected"),
    ]


def test_a_whole_transaction() -> None:
    transaction = derive(whole())
    assert transaction.state is State.ENDED
    assert (transaction.started_at, transaction.ended_at) == (T0, T0 + timedelta(seconds=5))
    assert (transaction.evse_id, transaction.connector_id) == (1, 2)
    assert (transaction.id_token, transaction.stop_id_token) == (None, IdToken("OTHER", "Central"))
    by_card = accepted(transaction, 1, RFID, "04a1b2c3")
    assert (by_card.id_token, by_card.authorized_by) == (RFID, 1)
    assert transaction.energy.wh == 1000
    assert transaction.stopped_reason == "EVDisconnected"
    assert transaction.number_of_phases_used == 3
    assert transaction.event_count == 6
    assert transaction.gaps == ()


def test_ended_alone_is_a_transaction_with_all_before_missing() -> None:
    transaction = derive([event(3, "Ended")])
    assert transaction.state is State.ENDED
    assert transaction.gaps == ((0, 2),)
    assert not transaction.started_seen
    assert transaction.stopped_reason == "Local"
    assert (transaction.evse_id, transaction.connector_id) == (None, None)


def test_a_started_event_with_a_high_seq_no_lost_nothing_before_it() -> None:
    assert derive([event(100, "Started"), event(101)]).gaps == ()


def test_gaps_close_when_late_events_arrive() -> None:
    events = [event(0, "Started"), event(2), event(6, "Ended")]
    assert derive(events).gaps == ((1, 1), (3, 5))
    assert derive([*events, event(4)]).gaps == ((1, 1), (3, 3), (5, 5))
    assert derive([*events, *(event(n) for n in (1, 3, 4, 5))]).gaps == ()


def test_an_update_after_the_end_does_not_reopen() -> None:
    assert derive([event(0, "Started"), event(1, "Ended"), event(2)]).state is State.ENDED


def test_an_old_offline_event_is_not_the_live_state() -> None:
    late = event(1, charging_state="SuspendedEV", offline=True)
    transaction = derive([event(0, "Started"), event(2, charging_state="Charging"), late])
    assert transaction.charging_state == "Charging"
    assert transaction.offline_events == 1


def test_the_connector_survives_an_event_that_names_only_the_evse() -> None:
    transaction = derive([event(0, "Started", evse_id=2, connector_id=3), event(1, evse_id=2)])
    assert (transaction.evse_id, transaction.connector_id) == (2, 3)


def test_another_evse_does_not_inherit_the_connector() -> None:
    transaction = derive([event(0, "Started", evse_id=2, connector_id=3), event(1, evse_id=1)])
    assert (transaction.evse_id, transaction.connector_id) == (1, None)


def test_a_key_code_is_never_kept() -> None:
    code = IdToken("1234", "KeyCode")
    transaction = derive([event(0, "Started", id_token=code), event(1, "Ended", id_token=code)])
    assert transaction.stop_id_token == IdToken(MASK, "KeyCode")
    assert accepted(transaction, 0, code, "digest").id_token == IdToken(MASK, "KeyCode")
    assert requested(transaction, code).id_token == IdToken(MASK, "KeyCode")
    assert "1234" not in repr(event(0, id_token=code))


def test_a_revision_is_higher_than_those_that_a_restored_database_forgot() -> None:
    stored = derive(whole())._replace(revision=next_revision(None, T0))
    told = stored
    for _ in range(30):  # some at once, half a minute before the restore
        told = told._replace(revision=next_revision(told, T0 + timedelta(seconds=5)))
    assert next_revision(stored, T0 + timedelta(seconds=60)) > told.revision
    assert next_revision(stored, T0 - timedelta(days=1)) == stored.revision + 1  # a clock was set back
    assert next_revision(None, T0 - timedelta(days=10_000)) == 1


def test_an_older_event_cannot_be_applied() -> None:
    transaction = derive(whole())
    with pytest.raises(ValueError, match="does not follow"):
        advance(transaction, event(5))


def test_no_events_are_no_transaction() -> None:
    with pytest.raises(ValueError, match="at least one"):
        derive([])


# Properties: the order of arrival and repeats never matter.

optional_ids = st.none() | st.integers(1, 3)
tokens = st.none() | st.sampled_from([RFID, IdToken("1234", "KeyCode"), IdToken("", "NoAuthorization")])
contexts = st.sampled_from(["Transaction.Begin", "Transaction.End", "Sample.Periodic", "Sample.Clock"])
any_readings = st.lists(
    st.builds(reading, st.floats(0, 1e9, allow_nan=False), contexts, st.sampled_from([0, 3, 4, 8]), st.integers(0, 3)),
    max_size=3,
).map(tuple)


@st.composite
def an_event(draw: st.DrawFn, seq_no: int) -> TransactionEvent:
    return event(
        seq_no,
        draw(st.sampled_from(list(EventType))),
        at=T0 + timedelta(seconds=draw(st.integers(0, 100))),
        trigger_reason=draw(st.sampled_from(["Authorized", "StopAuthorized", "MeterValuePeriodic"])),
        offline=draw(st.booleans()),
        evse_id=draw(optional_ids),
        connector_id=draw(optional_ids),
        id_token=draw(tokens),
        charging_state=draw(st.none() | st.sampled_from(["Charging", "SuspendedEV"])),
        time_spent_charging=draw(optional_ids),
        stopped_reason=draw(st.none() | st.just("Remote")),
        remote_start_id=draw(optional_ids),
        reservation_id=draw(optional_ids),
        number_of_phases_used=draw(optional_ids),
        readings=draw(any_readings),
    )


@st.composite
def events(draw: st.DrawFn) -> list[TransactionEvent]:
    seq_nos = draw(st.lists(st.integers(-2, 12), min_size=1, max_size=8, unique=True))
    return [draw(an_event(seq_no)) for seq_no in seq_nos]


@given(events(), st.data())
def test_order_and_repeats_never_matter(told: list[TransactionEvent], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(told)))
    shuffled = data.draw(st.permutations(told + again))
    assert derive(shuffled) == derive(told)


@given(events())
def test_advancing_gives_what_deriving_gives(told: list[TransactionEvent]) -> None:
    transaction: Transaction | None = None
    told.sort(key=lambda item: item.seq_no)
    for count, item in enumerate(told, start=1):
        transaction = advance(transaction, item)
        assert transaction == derive(told[:count])


@given(events())
def test_gaps_are_exactly_the_missing_numbers(told: list[TransactionEvent]) -> None:
    transaction = derive(told)
    present = {item.seq_no for item in told}
    first = min(told, key=lambda item: item.seq_no)
    start = first.seq_no if first.type is EventType.STARTED else min(first.seq_no, 0)
    missing = set(range(start, max(present))) - present
    assert {n for low, high in transaction.gaps for n in range(low, high + 1)} == missing


@given(events())
def test_a_transaction_is_ended_when_any_event_says_so(told: list[TransactionEvent]) -> None:
    assert (derive(told).state is State.ENDED) == any(item.type is EventType.ENDED for item in told)


# Changes


def test_the_first_news_is_a_start_and_a_lone_end_is_both() -> None:
    assert changes(None, derive([event(0, "Started")])) == [Change.STARTED]
    assert changes(None, derive([event(7, "Ended")])) == [Change.STARTED, Change.ENDED]


def test_a_meter_value_is_no_change_of_a_running_transaction() -> None:
    before = derive(whole()[:3])
    assert changes(before, derive(whole()[:4])) == []
    assert changes(before, before._replace(charging_state="SuspendedEV")) == [Change.UPDATED]


def test_the_end_is_told_once_and_later_corrections_of_energy_as_update() -> None:
    told = whole()
    ended = derive([*told[:2], told[5]])
    assert changes(derive(told[:2]), ended) == [Change.ENDED]
    assert changes(ended, derive([*told[:2], told[5], told[3]])) == [Change.UPDATED]


def test_a_late_start_corrects_the_beginning_of_an_ended_transaction() -> None:
    end, middle, start = event(2, "Ended"), event(1), event(0, "Started", at=T0 - timedelta(hours=3))
    before, after = derive([end, middle]), derive([end, middle, start])
    assert before.started_at != after.started_at
    assert changes(before, after) == [Change.UPDATED]


@pytest.mark.parametrize(
    "later",
    [
        event(9, "Ended", stopped_reason="EVDisconnected"),
        event(9, trigger_reason="Authorized", id_token=IdToken("LATE", "ISO14443")),
        event(9, trigger_reason="StopAuthorized", id_token=IdToken("LATE", "ISO14443")),
        event(9, evse_id=7),
        event(9, time_spent_charging=600),
        event(9, readings=(reading(12_000, "Transaction.End"),)),
    ],
)
def test_every_change_of_what_is_billed_is_told_after_the_end(later: TransactionEvent) -> None:
    told = [event(0, "Started", readings=(reading(1000, "Transaction.Begin"),)), event(1, "Ended")]
    assert changes(derive(told), derive([*told, later])) == [Change.UPDATED]


def test_counting_alone_is_no_change_after_the_end() -> None:
    told = [event(0, "Started"), event(1, "Ended")]
    before, after = derive(told), derive([*told, event(2, offline=True)])
    assert before.event_count != after.event_count
    assert changes(before, after) == []


def test_an_ended_event_after_the_closing_counts_and_is_told() -> None:
    told = [event(0, "Started"), event(1)]
    closed = close(derive(told), Closed(T0 + timedelta(days=1), "lost", "Ann"))
    assert (closed.state, closed.ended_at, closed.end_seen) == (State.ENDED, T0 + timedelta(seconds=1), False)
    assert changes(derive(told), closed) == [Change.ENDED]
    ended = advance(closed, event(5, "Ended", stopped_reason="PowerLoss"))
    assert (ended.ended_at, ended.stopped_reason) == (T0 + timedelta(seconds=5), "PowerLoss")
    assert ended.closed == closed.closed
    assert changes(closed, ended) == [Change.UPDATED]
    assert derive([*told, event(5, "Ended", stopped_reason="PowerLoss")], known=closed) == ended
    later = advance(closed, event(3))
    assert (later.state, later.ended_at) == (State.ENDED, T0 + timedelta(seconds=3))
    assert derive([*told, event(3)], known=closed) == later
    assert close(ended, Closed(T0, "again")) == ended
