"""Applies the events of a batch to their transactions, and writes both.

It takes a number of statements that does not depend on the size of the batch, and the same batch again changes nothing.
The usual event follows all that is known of its transaction: it is applied to the stored state. Where one fills a gap,
the transaction is derived again from all its events.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from csms.v1.auth_pb2 import IdTokenInfo
from csms_db.direct import Direct
from csms_runtime import heavy
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import (
    Conflict,
    Transaction,
    advance,
    follow,
    follows_measured,
    next_revision,
    revised,
)
from csms_transactions.events import meter_values
from csms_transactions.events.news import Arrivals, News, sort
from csms_transactions.events.rederiving import Fresh, again
from csms_transactions.events.reused_ids import NOWHERE, Placed, place
from csms_transactions.events.step import Step
from csms_transactions.events.weight import weight
from csms_transactions.store import events as event_store
from csms_transactions.store import tariffs
from csms_transactions.store import transactions as transaction_store
from csms_transactions.store.authorizations import Key
from csms_transactions.store.events import EventKey, NewConflict, NewEvent
from csms_transactions.store.facts import event_of
from csms_transactions.store.remote_requests import RequestKey, request_of
from csms_transactions.store.transaction_limits import Told, Wanted
from csms_transactions.store.transactions import Change
from csms_transactions.tokens.decisions import authorize, settle
from csms_transactions.tokens.question import Asked, Authorized
from csms_transactions.versions.version import StoredTransaction


@dataclass(slots=True)
class Applied:
    """What the events of a batch led to."""

    steps: list[Step] = field(default_factory=list)
    stored: int = 0
    late: int = 0
    """Of the stored ones, those that came after an event with a higher seqNo."""
    repeats: int = 0
    conflicts: list[EventKey] = field(default_factory=list)
    """Of the stored ones, those with the seqNo of another one."""
    authorized: Authorized = field(default_factory=Authorized)
    """What came of the questions about tokens."""
    placed: Placed = NOWHERE
    """Where the events of the batch belong."""

    def transactions(
        self, limits: Mapping[RequestKey, Mapping[str, float]], wanted: Mapping[int, Sequence[Wanted]]
    ) -> dict[int, StoredTransaction]:
        """Return the transactions of the events that have a number, as they are stored now.

        `limits`: those that they were to be started with, by the request. `wanted`: those that were set since, by the
        number of the event that is answered.
        """
        after = {step.identity.key: step.after for step in self.steps}
        return {
            number: StoredTransaction(
                identity,
                after.get(identity.key) or self.placed.stored[identity.key],
                _limit(limits, identity, new, wanted.get(number, ())),
                _held(identity, wanted.get(number, ())),
            )
            for identity, new, number in self._numbered()
        }

    def told(self, wanted: Mapping[int, Sequence[Wanted]], at: datetime) -> list[Told]:
        """Return the limits that go with the answers to these events."""
        return [
            Told(one.transaction, one.number, new.event.seq_no, at)
            for identity, new, number in self._numbered()
            if (one := _going(wanted.get(number, ()), identity, new)) is not None
        ]

    def _numbered(self) -> Iterator[tuple[Identity, NewEvent, int]]:
        for identity, news in self.placed.batch.items():
            for new in news:
                if new.number is not None:
                    yield identity, new, new.number


def _limit(
    limits: Mapping[RequestKey, Mapping[str, float]], identity: Identity, new: NewEvent, wanted: Sequence[Wanted]
) -> Mapping[str, float] | None:
    going = _going(wanted, identity, new)
    if going is not None:
        return going.limit
    key = request_of(identity.station_id, new.event)
    return None if key is None else limits.get(key)


def _held(identity: Identity, wanted: Sequence[Wanted]) -> Mapping[str, float] | None:
    since = _set_since(wanted, identity)
    return None if since is None else since.limit


def _going(wanted: Sequence[Wanted], identity: Identity, new: NewEvent) -> Wanted | None:
    since = _set_since(wanted, identity)
    return since if since is not None and since.goes_with(new.event.seq_no) else None


def _set_since(wanted: Sequence[Wanted], identity: Identity) -> Wanted | None:
    return next((one for one in wanted if one.transaction == identity.key), None)


NOTHING: Mapping[str, Transaction] = {}


async def apply_events(
    session: AsyncSession | Direct,
    batch: Arrivals,
    now: datetime,
    cached: Mapping[str, Transaction] = NOTHING,
    decisions: Sequence[IdTokenInfo] | None = None,
) -> Applied:
    """Store the events of a batch, and the changes of their transactions.

    `decisions` are auth's answers to the batch's questions, if they are here. `cached` are transactions as this process
    stored them last, by key; the others are read.

    Raises an error of the database or OutdatedError when another process changed the same transactions meanwhile (a
    rebalance). Then try again with nothing cached.
    """
    applied = Applied()
    unknown = [identity.key for identity in batch if identity.key not in cached]
    stored = {**cached, **await transaction_store.load(session, unknown)} if unknown else cached
    placed = applied.placed = await place(session, batch, stored)
    found = await sort(session, placed.batch, placed.stored)
    news, applied.late, applied.repeats = found.news, found.late, found.repeats
    steps = await _steps(session, news, placed.stored)
    for reused in placed.reused:
        reused.amend(steps, placed.stored, now)
    await _price(session, steps)
    applied.authorized = await authorize(session, placed.batch, steps, placed.stored, now, decisions=decisions)
    applied.steps = _revised(steps, now)
    await _write(session, news, applied, now)
    return applied


async def apply_decisions(session: AsyncSession | Direct, asked: Mapping[Key, Asked], now: datetime) -> Applied:
    """Store decisions that came after their events were stored, and change the transactions accordingly."""
    applied = Applied()
    stored = await transaction_store.load(session, {key.transaction for key in asked})
    steps: dict[str, Step] = {}
    rows, applied.authorized.decided = await settle(session, asked, steps, stored, now)
    for number, key in enumerate(asked):
        info = rows[key].info
        if info is not None:
            applied.authorized.answers[number] = IdTokenInfo.FromString(info)
    applied.steps = _revised(steps, now)
    await _write(session, {}, applied, now)
    return applied


async def _steps(
    session: AsyncSession | Direct, news: Mapping[Identity, News], stored: Mapping[str, Transaction]
) -> dict[str, Step]:
    """Return how the news change their transactions."""
    fresh = {identity: new for identity, new in news.items() if new}
    late = {
        identity.key: _fresh(new)
        for identity, new in fresh.items()
        if (before := stored.get(identity.key)) is not None and not _follows(new, before)
    }
    derived = await again(session, stored, late) if late else {}
    following = {identity.key: new for identity, new in fresh.items() if identity.key not in derived}
    work = partial(_followed, stored, following)
    derived |= await heavy.run(sum(map(_weight, following.values())), work, awaited=True)
    steps = {key: Step(identity, stored.get(key), derived[key]) for identity in fresh if (key := identity.key)}
    claimed = await meter_values.claim(session, steps.values())
    if claimed:
        told = {identity.key: _fresh(new) for identity, new in fresh.items()}
        derived = await again(session, stored, {key: told[key]._replace(measured=new) for key, new in claimed.items()})
        steps.update({key: replace(steps[key], after=after) for key, after in derived.items()})
    return steps


async def _price(session: AsyncSession | Direct, steps: dict[str, Step]) -> None:
    """Note the tariffs of transactions that are new here."""
    new = {key: step for key, step in steps.items() if step.before is None}
    if not new:
        return
    found = await tariffs.of_stations(session, {step.identity.station_id for step in new.values()})
    for key, step in new.items():
        tariff = found.get(step.identity.station_id)
        if tariff is not None:
            steps[key] = replace(step, after=step.after._replace(tariff=tariff.stored()))


def _follows(news: News, before: Transaction) -> bool:
    """Whether all these events can be applied to the stored state."""
    if before.meter.outdated or _is_behind(news, before.last_seq_no):
        return False
    if not before.meter.measured_at:
        return True
    events = (new.event for new in (*news.fresh.values(), *(conflict.new for conflict in news.conflicts)))
    return all(follows_measured(before, event) for event in events)


def _fresh(news: News) -> Fresh:
    return Fresh([new.event for new in news.fresh.values()], list(map(_conflict, news.conflicts)))


def _is_behind(news: News, last_seq_no: int) -> bool:
    """Whether any of these events belongs before one that is known."""
    follows = [*news.fresh, *(conflict.follows for conflict in news.conflicts)] if news.conflicts else news.fresh
    return min(follows) < last_seq_no


def _weight(news: News) -> int:
    """Return how much work it is to follow them (`csms_runtime.heavy`)."""
    found = 0
    for new in (*news.fresh.values(), *(conflict.new for conflict in news.conflicts)):
        found += weight(new.event.readings)
    return found


def _followed(stored: Mapping[str, Transaction], news: Mapping[str, News]) -> dict[str, Transaction]:
    return {key: _follow(stored.get(key), new) for key, new in news.items()}


def _follow(before: Transaction | None, news: News) -> Transaction:
    if len(news.fresh) == 1 and not news.conflicts:  # the usual event
        return advance(before, next(iter(news.fresh.values())).event)
    events = {seq_no: new.event for seq_no, new in news.fresh.items()}
    after = follow(before, events, map(_conflict, news.conflicts))
    if after is None:
        raise ValueError("a transaction has at least one event")
    return after


def _conflict(item: NewConflict) -> Conflict:
    """Return what counts of an event in conflict: its facts. They are fewer where it was changed and sent again."""
    facts = item.new.facts
    return Conflict(item.follows, item.number, item.new.event if facts is None else event_of(facts))


def _revised(steps: Mapping[str, Step], now: datetime) -> list[Step]:
    for step in steps.values():
        step.after = revised(step.after, next_revision(step.before, now))
    return list(steps.values())


async def _write(
    session: AsyncSession | Direct, found: Mapping[Identity, News], applied: Applied, now: datetime
) -> None:
    created = {step.identity: step.after for step in applied.steps if step.before is None}
    changed = [Change(step.identity.key, step.before, step.after) for step in applied.steps if step.before is not None]
    await transaction_store.create(session, created, now)
    await transaction_store.save(session, changed, now)
    fresh = [new for news in found.values() for new in news.fresh.values()]
    conflicts = [conflict for news in found.values() for conflict in news.conflicts]
    await event_store.add(session, fresh)
    await event_store.add_conflicts(session, conflicts)
    applied.stored = len(fresh) + len(conflicts)
    applied.conflicts = [(conflict.new.key, conflict.new.event.seq_no) for conflict in conflicts]
