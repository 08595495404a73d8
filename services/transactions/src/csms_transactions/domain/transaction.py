"""A transaction as the fold of its events in seqNo order.

Stations repeat, delay and reorder events (E13), so nothing here depends on the order of arrival: `derive` sorts. An
event newer than all known ones can be applied to the stored state by `advance`, which gives the same result without
reading the others again.

An event whose seqNo another one has already is a `Conflict`: the station lost its counter, or changed what it sends
again. It counts like the others, at the place in their order where it belongs.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from csms_transactions.domain.energy import NOTHING, Energy
from csms_transactions.domain.events import EventType, IdToken, TransactionEvent
from csms_transactions.domain.meter import Meter
from csms_transactions.domain.moments import Moment
from csms_transactions.domain.readings import SLACK_S, Reading

DEFAULT_STOPPED_REASON = "Local"
"""What an Ended event without stoppedReason means."""


class State(StrEnum):
    """Whether a transaction goes on."""

    ACTIVE = "Active"
    ENDED = "Ended"


CHARGING = "Charging"
_LONGEST_S = 7 * 86400
"""Two events are less than so many seconds apart. If they are not, a clock was set."""
NO_METER = Meter()
_APART = Moment(0.0, "", 0.0)
"""The moment of readings in MeterValues messages: they have nothing but their own time."""
Changes = dict[str, Any]
"""New values of a transaction's fields."""
Gap = tuple[int, int]
"""First and last of a run of missing seqNos."""
MAX_GAPS = 200
"""All gaps are written with each event, so there is a limit: a station may leave out every second number."""


class Closed(NamedTuple):
    """Who ended a transaction whose Ended event did not come, when and why."""

    at: datetime
    reason: str
    """Of the CSMS (`csms_transactions.domain.closing`), or in an operator's words."""
    by: str = ""
    """The operator's name; empty: the CSMS."""


class Conflict(NamedTuple):
    """An event with the seqNo of another one."""

    follows: int
    """The seqNo after whose event it belongs."""
    number: int
    """The order among those that follow the same event."""
    event: TransactionEvent


class Transaction(NamedTuple):
    """What the events received so far say; None: they do not say it.

    A named tuple, since one is made for every event: a frozen dataclass of so many fields takes three times as long.
    """

    last_seq_no: int
    started_at: datetime
    """Time of the Started event; while that is missing, of the event with the lowest seqNo."""
    event_count: int = 0
    gaps: tuple[Gap, ...] = ()
    """Missing seqNos, ascending, the first MAX_GAPS runs. Nothing is missing before a Started event."""
    started_seen: bool = False
    state: State = State.ACTIVE
    ended_at: datetime | None = None
    stopped_reason: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    stop_id_token: IdToken | None = None
    charging_state: str | None = None
    time_spent_charging: int | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    number_of_phases_used: int | None = None
    offline_events: int = 0
    meter: Meter = NO_METER
    energy: Energy = NOTHING
    """What the meter says by now."""
    charged_s: float | None = None
    """Seconds in the state Charging, until the newest event; None: no state was told."""
    charging_since: datetime | None = None
    """The newest event, when the state is Charging."""
    conflicts: int = 0
    """Of the events, those that have the seqNo of another one."""
    last_event_at: datetime | None = None
    """The station's time of the newest event."""
    details: Mapping[str, Any] | None = None
    """What only OCPP 2.1 tells, each as it was told last; see `TransactionEvent`."""

    # What no event tells:
    closed: Closed | None = None
    """Stays when an Ended event comes later, which then counts."""
    id_token: IdToken | None = None
    """That of the first accepted authorization, see `csms_transactions.domain.authorization`."""
    token_key: str | None = None
    """What auth compares that token by, with its type."""
    group: IdToken | None = None
    """The group that auth named for it."""
    authorized_by: int | None = None
    """The seqNo of the event it came in; None: auth accepted none, and it is that of our request, or unknown."""
    tariff: Mapping[str, Any] | None = None
    """The prices that held when it began (`csms_transactions.domain.tariff`); None: there were none."""
    reuses: int = 0
    """How often the station used the transactionId again, for other transactions."""
    revision: int = 0
    """Grows with each time it is stored."""

    @property
    def time_charged(self) -> int | None:
        """Seconds: what the station told, else what was derived."""
        if self.time_spent_charging is not None or self.charged_s is None:
            return self.time_spent_charging
        return round(self.charged_s)

    @property
    def end_seen(self) -> bool:
        """Whether the station told the end itself."""
        return self.stopped_reason is not None


def derive(
    events: Iterable[TransactionEvent],
    conflicts: Iterable[Conflict] = (),
    known: Transaction | None = None,
    measured: Sequence[Reading] = (),
) -> Transaction:
    """The transaction made of these events, in any order; of several with one seqNo the first given counts.

    What no event tells is that of `known`. `measured` came in MeterValues messages for its EVSE; those of the time of
    the transaction count. Raises ValueError when there is no event.
    """
    by_seq_no: dict[int, TransactionEvent] = {}
    for event in events:
        by_seq_no.setdefault(event.seq_no, event)
    beside = list(conflicts)
    transaction = _derived(by_seq_no, beside, known)
    within = [reading for reading in measured if lasts_at(transaction, reading.at)]
    if not within:
        return transaction
    by_seq_no, beside, rest = _merged(by_seq_no, beside, within)
    return measure(_derived(by_seq_no, beside, known), rest)


def _derived(
    events: Mapping[int, TransactionEvent], conflicts: Iterable[Conflict], known: Transaction | None
) -> Transaction:
    transaction = follow(None, events, conflicts)
    if transaction is None:
        raise ValueError("a transaction has at least one event")
    return transaction if known is None else _carried(transaction, known)


def lasts_at(transaction: Transaction, at: datetime) -> bool:
    """Whether the transaction was running then. One without an Ended event was running until it was closed."""
    if transaction.closed is not None and not transaction.end_seen:
        return transaction.started_at <= at <= transaction.closed.at
    return transaction.started_at <= at and (transaction.ended_at is None or at <= transaction.ended_at)


def measure(transaction: Transaction, readings: Sequence[Reading]) -> Transaction:
    """The transaction after readings of its EVSE that came in MeterValues messages and follow all it has seen."""
    meter = transaction.meter
    for reading in readings:
        meter = meter.take(reading, _APART)
    after = transaction._replace(meter=meter)
    return after._replace(energy=_energy_of(after))


def follows_measured(transaction: Transaction, event: TransactionEvent) -> bool:
    """Whether `advance` gives what deriving again would: the event is newer than what MeterValues messages told."""
    measured_at = transaction.meter.measured_at
    if not measured_at:
        return True
    moves = event.evse_id is not None and event.evse_id != transaction.evse_id
    times = [reading.at.timestamp() for reading in event.readings]
    if event.type is EventType.ENDED:
        times.append(event.at.timestamp())
    return not moves and event.type is not EventType.STARTED and all(at > measured_at for at in times)


def _merged(
    events: Mapping[int, TransactionEvent], conflicts: Sequence[Conflict], measured: Sequence[Reading]
) -> tuple[dict[int, TransactionEvent], list[Conflict], list[Reading]]:
    """The events, each with those readings before its own that are older and not with an earlier one; and the rest."""
    pending = deque(sorted(set(measured)))
    told, beside = dict(events), list[Conflict]()
    for seq_no, number, event in sorted((*_sequence(events), *conflicts), key=_place_in_order):
        readings: list[Reading] = []
        for reading in event.readings:
            while pending and pending[0].at < reading.at:
                readings.append(pending.popleft())
            readings.append(reading)
        merged = event._replace(readings=tuple(readings))
        if number < 0:
            told[seq_no] = merged
        else:
            beside.append(Conflict(seq_no, number, merged))
    return told, beside, list(pending)


def _sequence(events: Mapping[int, TransactionEvent]) -> list[tuple[int, int, TransactionEvent]]:
    return [(seq_no, -1, event) for seq_no, event in events.items()]


def follow(
    transaction: Transaction | None, events: Mapping[int, TransactionEvent], conflicts: Iterable[Conflict] = ()
) -> Transaction | None:
    """The transaction after events, by seqNo, and conflicts that all follow what it has seen.

    Raises ValueError for others.
    """
    news = [*_sequence(events), *conflicts]
    if len(news) > 1:
        news.sort(key=_place_in_order)
    for _, number, event in news:
        if number < 0:
            transaction = advance(transaction, event)
        elif transaction is None:
            raise ValueError(f"there is no event {event.seq_no} to be in conflict with")
        else:
            transaction = _advance_beside(transaction, event)
    return transaction


def _place_in_order(new: tuple[int, int, TransactionEvent]) -> tuple[int, int]:
    return new[:2]


def advance(transaction: Transaction | None, event: TransactionEvent) -> Transaction:
    """The transaction after an event that follows all it has seen. Raises ValueError for an older or repeated one."""
    if transaction is None:
        transaction = _blank(event)
    seq_no, last = event.seq_no, transaction.last_seq_no
    if seq_no <= last:
        raise ValueError(f"event {seq_no} does not follow {last}")
    changes: Changes = {"last_seq_no": seq_no}
    if seq_no > last + 1 and len(transaction.gaps) < MAX_GAPS:
        changes["gaps"] = (*transaction.gaps, (last + 1, seq_no - 1))
    return _told(changes, transaction, event)


def _advance_beside(transaction: Transaction, event: TransactionEvent) -> Transaction:
    """Return the transaction after an event in conflict. Its seqNo says nothing about the order."""
    return _told({"conflicts": transaction.conflicts + 1}, transaction, event)


def _told(changes: Changes, transaction: Transaction, event: TransactionEvent) -> Transaction:
    # Taken apart, since to ask a named tuple for a field takes as long as a call.
    _, kind, at, _, offline, evse_id, connector_id, id_token, charging_state, *seldom, _ = event
    changes["event_count"] = transaction.event_count + 1
    changes["last_event_at"] = at
    if kind is not EventType.UPDATED or transaction.closed is not None:
        _course(changes, transaction, event)
    if evse_id is not None:
        _place(changes, transaction, evse_id, connector_id)
    if id_token is not None and event.stops:  # one that came to stop it; the others, their decisions tell
        changes["stop_id_token"] = id_token.masked()
    _charged(changes, transaction, event)
    if charging_state is not None:
        changes["charging_state"] = charging_state
    if offline:
        changes["offline_events"] = transaction.offline_events + 1
    if seldom != _NOTHING_SELDOM:
        _seldom(changes, transaction, event)
    _energy(changes, transaction, event)
    values = list(transaction)
    for name, value in changes.items():
        values[_POSITIONS[name]] = value
    return Transaction._make(values)  # `_replace` would take three times as long


_NOTHING_SELDOM: list[object] = [None] * 5
_POSITIONS = {name: position for position, name in enumerate(Transaction._fields)}


_REVISIONS_SINCE = 1_577_836_800
"""2020-01-01 as a Unix time: a revision has 31 bits."""


def next_revision(before: Transaction | None, now: datetime) -> int:
    """Return a higher revision than was told of this transaction: a time in seconds, or one more than the last.

    It may have been told of changes that a database does not know any more, which was restored to an earlier moment.
    """
    return max(1 if before is None else before.revision + 1, int(now.timestamp()) - _REVISIONS_SINCE)


def revised(transaction: Transaction, revision: int) -> Transaction:
    """The transaction with another revision: `_replace`, in a third of the time."""
    return Transaction._make((*transaction[:-1], revision))


def close(transaction: Transaction, closed: Closed) -> Transaction:
    """The transaction, ended without an Ended event; it ended no earlier than the newest event was. Idempotent."""
    if transaction.state is State.ENDED:
        return transaction
    ended_at = transaction.last_event_at or transaction.started_at
    ended = transaction._replace(state=State.ENDED, ended_at=ended_at, closed=closed, charging_since=None)
    return ended if transaction.meter.outdated else ended._replace(energy=_energy_of(ended))


def _carried(transaction: Transaction, known: Transaction) -> Transaction:
    """Return the transaction with the facts that no event tells."""
    if known.closed is not None:
        transaction = close(transaction, known.closed)._replace(closed=known.closed)
    return transaction._replace(
        id_token=known.id_token,
        token_key=known.token_key,
        group=known.group,
        authorized_by=known.authorized_by,
        tariff=known.tariff,
        reuses=known.reuses,
        revision=known.revision,
    )


def _blank(event: TransactionEvent) -> Transaction:
    """Before its first event. seqNo counts from 0 (TC_E_53); a station that starts elsewhere has lost nothing."""
    before = event.seq_no - 1
    return Transaction(
        last_seq_no=before if event.type is EventType.STARTED else min(before, -1),
        started_at=event.at,
    )


def _course(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    """Note the begin or the end. What has ended stays so: later events may still bring meter values (TC_E_31)."""
    if event.type is EventType.ENDED:
        reason = event.stopped_reason or DEFAULT_STOPPED_REASON
        changes.update(state=State.ENDED, ended_at=event.at, stopped_reason=reason)
        return
    if event.type is EventType.STARTED and not transaction.started_seen:
        changes.update(started_seen=True, started_at=event.at)
    if transaction.closed is not None and not transaction.end_seen:
        changes["ended_at"] = event.at


def _place(changes: Changes, transaction: Transaction, evse_id: int, connector_id: int | None) -> None:
    """EVSE and connector may come late or never (E01.FR.16); an absent connector is not connector 1."""
    if evse_id != transaction.evse_id or connector_id not in {None, transaction.connector_id}:
        changes["evse_id"], changes["connector_id"] = evse_id, connector_id


def _charged(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    """Time passes in the state that was told last. A clock that was set adds nothing."""
    since, at, told = transaction.charging_since, event.at, event.charging_state
    if since is not None:
        seconds = (at - since).total_seconds()
        changes["charged_s"] = (transaction.charged_s or 0.0) + (seconds if 0 < seconds < _LONGEST_S else 0.0)
    elif told is not None and transaction.charged_s is None:
        changes["charged_s"] = 0.0
    state = told or transaction.charging_state
    is_charging = state == CHARGING and event.type is not EventType.ENDED and transaction.state is not State.ENDED
    if is_charging or since is not None:
        changes["charging_since"] = at if is_charging else None


def _seldom(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    """Note what few events tell."""
    if event.time_spent_charging is not None:
        changes["time_spent_charging"] = event.time_spent_charging
    if event.number_of_phases_used is not None:
        changes["number_of_phases_used"] = event.number_of_phases_used
    if event.remote_start_id is not None and transaction.remote_start_id is None:
        changes["remote_start_id"] = event.remote_start_id
    if event.reservation_id is not None and transaction.reservation_id is None:
        changes["reservation_id"] = event.reservation_id
    if event.details is not None:
        changes["details"] = {**(transaction.details or {}), **event.details}


def _energy(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    meter, before, at, readings = transaction.meter, transaction.last_event_at, event.at, event.readings
    set_back = before is not None and at < before and (before - at).total_seconds() > SLACK_S
    if set_back and not meter.set_back:
        changes["meter"] = meter = meter._replace(set_back=True)
    if readings:
        changes["meter"] = meter = _read(meter, transaction, event)
    ended = changes.get("state", transaction.state) is State.ENDED
    if readings or ended or set_back or "gaps" in changes:
        gaps, started_at = changes.get("gaps", transaction.gaps), changes.get("started_at", transaction.started_at)
        changes["energy"] = meter.energy(ended=ended, gaps=bool(gaps), started_at=started_at)


def _read(meter: Meter, transaction: Transaction, event: TransactionEvent) -> Meter:
    """The meter after the readings of an event."""
    kind, readings = event.type, event.readings
    starts = kind is EventType.STARTED or _is_before_charging(transaction)
    ends = kind is EventType.ENDED or transaction.state is State.ENDED
    if len(readings) == 1 and not ends:
        risen = meter.risen(readings[0], starts=starts)
        if risen is not None:
            return risen
    at = event.at.timestamp()
    newest_at = readings[-1].at.timestamp()
    # What was told in a Started event that is missing, and is told again, may have been read offline.
    offline = event.offline or not (transaction.started_seen or event.type is EventType.STARTED)
    began_at = transaction.started_at.timestamp()
    told = Moment(at, "", at, starts, ends, offline, newest_at=newest_at, began_at=began_at)
    for reading in readings:
        meter = meter.take(reading, told)
    return meter


def _energy_of(transaction: Transaction) -> Energy:
    ended, gaps = transaction.state is State.ENDED, bool(transaction.gaps)
    return transaction.meter.energy(ended=ended, gaps=gaps, started_at=transaction.started_at)


def _is_before_charging(transaction: Transaction) -> bool:
    """Whether all is known since the start and nothing was charged yet: a reading is then one from the start."""
    charged = transaction.charged_s != 0 or transaction.charging_since is not None  # asked first: nearly always so
    return not charged and transaction.started_seen and not transaction.gaps
