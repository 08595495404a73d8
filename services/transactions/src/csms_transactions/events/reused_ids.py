"""Decides which transaction an event belongs to, where a station uses a transactionId again.

Some stations count from 1 after each boot. These events begin another transaction:

* A Started event after the end. But it is the late one of this transaction if none was seen and it happened no more
  than RESTART after the end.
* A Started event more than RESTART after the first Started event of a running transaction, whose end was lost.
* An event with a used seqNo more than REST after the end. The Started event of its transaction was lost.

Events that were sent again are known by their heads, among the last MOST transactions with that id.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from csms_db.direct import Direct
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.closing import CloseReason
from csms_transactions.domain.events import EventType, TransactionEvent
from csms_transactions.domain.identity import Identity, transaction_key
from csms_transactions.domain.transaction import Closed, State, Transaction, close
from csms_transactions.events.step import Step
from csms_transactions.store import events as event_store
from csms_transactions.store import transactions as transaction_store
from csms_transactions.store.events import Head, NewEvent

RESTART = timedelta(minutes=1)
REST = timedelta(minutes=10)
MOST = 32


@dataclass(frozen=True, slots=True)
class Reused:
    """A transactionId that a batch uses again."""

    first: Identity
    """The first transaction that had it."""
    before: int
    """How often it had been used again before the batch."""
    after: int
    """How often it has been used again after the batch."""

    def amend(self, steps: dict[str, Step], stored: Mapping[str, Transaction], now: datetime) -> None:
        """Note the reuse in the first transaction, and end the transactions that new ones replaced."""
        closed = Closed(now, CloseReason.ID_USED_AGAIN)
        for reuse in range(self.before, self.after):
            identity = reused(self.first, reuse)
            step = _step(steps, identity, stored)
            steps[identity.key] = replace(step, after=close(step.after, closed))
        step = _step(steps, self.first, stored)
        steps[self.first.key] = replace(step, after=step.after._replace(reuses=self.after))


class Placed(NamedTuple):
    """The events of a batch under the transactions that they belong to."""

    batch: Mapping[Identity, Sequence[NewEvent]]
    stored: Mapping[str, Transaction]
    """Those of these transactions that are stored, by key."""
    reused: Sequence[Reused] = ()


NOWHERE = Placed({}, {})


async def place(
    session: AsyncSession | Direct, batch: Mapping[Identity, Sequence[NewEvent]], stored: Mapping[str, Transaction]
) -> Placed:
    """Find the transactions that events belong to. `stored`: of each id the first transaction, if it is stored."""
    doubtful = [identity for identity, news in batch.items() if _is_doubtful(stored.get(identity.key), news)]
    if not doubtful:
        return Placed(batch, stored)
    newest = {identity: _reuses(stored.get(identity.key)) for identity in doubtful}
    others = [reused(identity, count).key for identity, count in newest.items() if count]
    if others:
        stored = {**stored, **await transaction_store.load(session, others)}
    keys = {identity: _keys(identity, count) for identity, count in newest.items()}
    seq_nos = {new.event.seq_no for identity in doubtful for new in batch[identity]}
    heads: defaultdict[str, list[Head]] = defaultdict(list)
    for head in await event_store.heads(session, [key for some in keys.values() for key in some], seq_nos):
        heads[head.transaction].append(head)
    found: dict[Identity, Sequence[NewEvent]] = {i: news for i, news in batch.items() if i not in newest}
    told: list[Reused] = []
    for identity, count in newest.items():
        of_it = [head for key in keys[identity] for head in heads[key]]
        among = _Placing(identity, count, stored.get(reused(identity, count).key), of_it)
        for new in batch[identity]:
            among.add(new)
        found.update(among.found)
        if among.count > count:
            told.append(Reused(identity, count, among.count))
    older = [identity.key for identity in found if identity.key not in stored]
    if older and others:  # events that were sent again may belong to one of them
        stored = {**stored, **await transaction_store.load(session, older)}
    return Placed(found, stored, told)


def reused(first: Identity, reuse: int) -> Identity:
    """Return the transaction that got the id when it was used again for the `reuse`-th time; 0: the first one."""
    return first._replace(key=transaction_key(first.station_id, first.transaction_id, reuse)) if reuse else first


def _is_doubtful(first: Transaction | None, news: Sequence[NewEvent]) -> bool:
    """Whether any of the events may belong to another transaction than the first one with that id."""
    starts, turns_back = 0, False
    last: int | None = None
    for new in news:
        event = new.event
        starts += event.type is EventType.STARTED
        turns_back = turns_back or (last is not None and event.seq_no <= last)
        last = event.seq_no
    if first is None:
        return starts > 1 or turns_back
    if starts or turns_back or first.reuses:
        return True
    return first.state is State.ENDED and any(new.event.seq_no <= first.last_seq_no for new in news)


def _reuses(first: Transaction | None) -> int:
    return 0 if first is None else first.reuses


def _keys(first: Identity, count: int) -> list[str]:
    return [reused(first, reuse).key for reuse in range(max(0, count - MOST + 1), count + 1)]


_HeadOf = tuple[int, str, datetime]


def _head(event: TransactionEvent) -> _HeadOf:
    return event.seq_no, event.type.value, event.at


class _Placing:
    """Gives the events of one id to transactions, in the order in which they arrived."""

    def __init__(self, first: Identity, count: int, newest: Transaction | None, heads: Sequence[Head]) -> None:
        """`heads`: those of stored events, the newest transaction's last."""
        self.count = count
        self.found: dict[Identity, list[NewEvent]] = {}
        self._first = first
        self._heads = {(head.seq_no, head.type, head.at): head.transaction for head in heads}
        self._used = {head.seq_no for head in heads if head.transaction == reused(first, count).key}
        self._started_at = newest.started_at if newest is not None and newest.started_seen else None
        self._ended_at = newest.ended_at if newest is not None and newest.state is State.ENDED else None
        self._last = newest.last_seq_no if newest is not None else None

    def add(self, new: NewEvent) -> None:
        key = self._heads.get(_head(new.event))
        if key is None:
            identity = self._next(new.event)
            self._heads[_head(new.event)] = identity.key
        else:
            identity = self._first._replace(key=key)
        self.found.setdefault(identity, []).append(new._replace(key=identity.key))

    def _next(self, event: TransactionEvent) -> Identity:
        """Return the transaction of an event that is not stored yet."""
        is_start = event.type is EventType.STARTED
        if self._is_another(event) if is_start else self._is_of_another(event):
            self.count += 1
            self._started_at = self._ended_at = self._last = None
            self._used = set()
        if is_start and self._started_at is None:
            self._started_at = event.at
        if event.type is EventType.ENDED:
            self._ended_at = event.at
        self._last = event.seq_no if self._last is None else max(self._last, event.seq_no)
        self._used.add(event.seq_no)
        return reused(self._first, self.count)

    def _is_another(self, event: TransactionEvent) -> bool:
        """Whether a Started event begins another transaction than the newest one with its id."""
        if self._ended_at is not None:
            # It may be the late one of this transaction: stations' clocks need not be right to the second.
            return self._started_at is not None or event.seq_no in self._used or event.at - self._ended_at > RESTART
        return self._started_at is not None and event.at - self._started_at > RESTART

    def _is_of_another(self, event: TransactionEvent) -> bool:
        """Whether an event belongs to a transaction whose Started event was lost. An Ended event may be sent again."""
        if self._ended_at is None or event.at - self._ended_at <= REST or event.seq_no not in self._used:
            return False
        return event.type is not EventType.ENDED or event.seq_no != self._last


def _step(steps: Mapping[str, Step], identity: Identity, stored: Mapping[str, Transaction]) -> Step:
    found = steps.get(identity.key)
    if found is not None:
        return found
    transaction = stored[identity.key]
    return Step(identity, transaction, transaction)
