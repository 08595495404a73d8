"""Writes a batch: one database transaction for all its events, and one for each other kind of record."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

import structlog
from csms.v1.auth_pb2 import IdTokenInfo
from csms_db import outbox, settled
from csms_db.direct import Direct
from csms_db.engine import Database
from csms_runtime import metrics
from csms_runtime.clock import utcnow
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.batch import Batch, BatchEvent, BatchMeterValues, BatchResult, Written
from csms_transactions.closing.evidence import note_doubts
from csms_transactions.domain.changes import Change
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import Gap
from csms_transactions.domain_events import authorization_decided, events_of
from csms_transactions.events import meter_values
from csms_transactions.events.applying import Applied, apply_decisions, apply_events
from csms_transactions.events.cache import TransactionCache
from csms_transactions.events.naming import named
from csms_transactions.events.step import Step
from csms_transactions.remote.outcomes import outcome
from csms_transactions.store import authorizations, remote_requests, tables, transaction_limits
from csms_transactions.store.authorizations import Key, Undecided
from csms_transactions.store.events import NewEvent
from csms_transactions.store.remote_requests import RemoteStart, RequestKey, request_of
from csms_transactions.store.transaction_limits import Wanted
from csms_transactions.tokens.question import Asked, Authorized, Decided

_log = structlog.get_logger(__name__)


class BatchWriter:
    """Writes batches. `on_events` is called after a commit that put domain events into the outbox."""

    def __init__(
        self,
        database: Database,
        cache: TransactionCache,
        *,
        on_events: Callable[[], None],
        on_doubts: Callable[[], None],
        most_meter_values: int,
    ) -> None:
        """`most_meter_values`: bytes that a station's MeterValues messages may take.

        `on_doubts` is called after a commit that noted transactions that may have ended.
        """
        self._database = database
        self._most_meter_values = most_meter_values
        self._on_events = on_events
        self._on_doubts = on_doubts
        self._cache = cache
        self._turn = asyncio.Lock()
        """Only one task changes transactions at a time: two would wait for each other's rows."""

    async def write(self, batch: Batch, decisions: Sequence[IdTokenInfo] | None = None) -> Written:
        """Write a batch. To write it again changes nothing, even if an earlier attempt wrote a part of it.

        `decisions` are auth's answers about the tokens in its events, if they are here.
        Raises csms_bus.runner.Later when the database cannot be reached, others as `apply_events`.
        """
        if batch.meter_values:
            await self._store_meter_values(batch.meter_values)
        if batch.results:
            await self._store_results(batch.results)
        return await self._store_events(batch, decisions) if batch.events else Written(Authorized())

    async def limits(self, batch: Batch) -> Mapping[str, Sequence[Wanted]]:
        """Return the limits that are set for transactions of a batch, by the keys of its events.

        Raises csms_bus.runner.Later when the database cannot be reached.
        """
        named = {batch.events[number].identity.key for number in batch.limitable}
        async with self._database.reading() as session:
            return await transaction_limits.of_named(session, named)

    async def _store_events(self, batch: Batch, decisions: Sequence[IdTokenInfo] | None) -> Written:
        arrivals = _by_transaction(await self._named(batch, utcnow()) if batch.unnamed else batch.events)
        keys = [identity.key for identity in arrivals]

        limits: dict[RequestKey, Mapping[str, float]] = {}

        async def applied(session: Direct, now: datetime) -> Applied:
            limits.update(await _limits(session, batch))
            done = await apply_events(session, arrivals, now, self._cache.among(keys), decisions)
            await transaction_limits.tell(session, done.told(batch.limits, now))
            return done

        found = await self._commit(keys, applied)
        stored = found.transactions(limits, batch.limits) if batch.answered_after else {}
        return Written(found.authorized, stored)

    def note_priced(self, batch: Batch) -> None:
        """Have those events answered after they are stored whose answers say what the transaction costs so far.

        One that this process does not know by heart is told that with its next event; at the end every one is.
        """
        running = self._cache.among(item.identity.key for item in batch.events)
        for number, item in enumerate(batch.events):
            known = running.get(item.identity.key)
            if known is not None and known.tariff is not None and item.new.number is None:
                batch.events[number] = item._replace(new=item.new._replace(number=number))
                batch.answered_after.append(number)

    async def _named(self, batch: Batch, now: datetime) -> Sequence[BatchEvent]:
        running = self._cache.among(item.identity.key for item in batch.events)
        return await named(self._database, batch.events, running, now)

    async def decide(self, asked: Mapping[Key, Asked]) -> Mapping[int, IdTokenInfo]:
        """Store decisions that came after their events were stored. Return those that count, by their order in `asked`.

        A token that has a decision keeps it. Raises csms_bus.runner.Later when the database cannot be reached.
        """
        keys = {key.transaction for key in asked}
        applied = await self._commit(keys, lambda session, now: apply_decisions(session, asked, now))
        return applied.authorized.answers

    async def _commit(self, keys: Collection[str], work: Callable[[Direct, datetime], Awaitable[Applied]]) -> Applied:
        """Change transactions, tell others, and keep the new state in the cache."""
        async with self._turn:
            try:
                async with self._database.direct() as session:
                    now = await settled.now_of(session)
                    applied = await work(session, now)
                    await remote_requests.link(session, list(_remote_starts(applied.steps)))
                    doubts = await note_doubts(session, applied.steps, now)
                    told = await _tell(session, applied.steps, now, applied.authorized.decided)
            except BaseException:
                self._cache.forget(keys)
                raise
            self._cache.remember(applied.steps)
        _count(applied, told)
        if told or applied.authorized.decided:
            self._on_events()
        if doubts:
            self._on_doubts()
        return applied

    async def undecided(self, before: datetime, limit: int) -> list[Undecided]:
        """Return tokens without a decision that auth was asked about before that moment. Raises Later."""
        async with self._database.reading() as session:
            return await authorizations.undecided(session, before, limit)

    async def _store_meter_values(self, messages: Sequence[BatchMeterValues]) -> None:
        most, dialect = self._most_meter_values, self._database.dialect
        keys = {message.named.key for message in messages if message.named is not None}
        async with self._turn:
            try:
                async with self._database.transaction() as session:
                    now = await settled.now_of(session)
                    cached = self._cache.among(keys)
                    steps = await meter_values.record(session, dialect, messages, most, now, cached=cached)
                    told = await _tell(session, steps, now)
            except BaseException:
                self._cache.forget(keys)
                raise
            self._cache.remember(steps)
        metrics.METER_VALUES.inc(len(messages))
        metrics.TRANSACTION_ENERGY.inc(sum(map(_more_energy, steps)))
        if told:
            self._on_events()

    async def _store_results(self, found: Sequence[BatchResult]) -> None:
        async with self._database.transaction() as session:
            outcomes = [outcome(item) for item in found]
            await remote_requests.finish(session, outcomes)
        for item, told in zip(found, outcomes, strict=True):
            metrics.REMOTE_REQUESTS.labels(item.result.command.action, told.outcome).inc()


async def _limits(session: Direct, batch: Batch) -> Mapping[RequestKey, Mapping[str, float]]:
    """Read the limits for those events of a batch that say which request started their transaction, if there are any.

    Only those whose answers are made of what is stored: the first event of a transaction of OCPP 2.1.
    """
    events = [batch.events[number] for number in batch.answered_after]
    keys = (request_of(item.identity.station_id, item.new.event) for item in events)
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return {}
    await remote_requests.respell(session, wanted)
    return await remote_requests.limits(session, wanted)


def _by_transaction(events: Iterable[BatchEvent]) -> dict[Identity, list[NewEvent]]:
    """Group events by transaction. Two spellings of one transactionId are the same transaction."""
    spelled: dict[str, Identity] = {}
    batch: defaultdict[Identity, list[NewEvent]] = defaultdict(list)
    for item in events:
        batch[spelled.setdefault(item.identity.key, item.identity)].append(item.new)
    return batch


def _remote_starts(steps: Iterable[Step]) -> Iterable[RemoteStart]:
    """Yield the transactions that say for the first time which request started them."""
    for identity, before, after in ((step.identity, step.before, step.after) for step in steps):
        if after.remote_start_id is not None and (before is None or before.remote_start_id is None):
            yield RemoteStart(identity.station_id, after.remote_start_id, identity.transaction_id)


async def _tell(
    session: Direct | AsyncSession, steps: Sequence[Step], now: datetime, decided: Sequence[Decided] = ()
) -> list[Change]:
    """Put domain events into the outbox, the decisions on tokens before what followed from them."""
    events = list(events_of(steps, now))
    if events or decided:
        decisions = [authorization_decided(one, now) for one in decided]
        await outbox.add(session, tables.outbox, [*decisions, *(outgoing for _, outgoing in events)])
    return [change for change, _ in events]


def _count(applied: Applied, told: Iterable[Change]) -> None:
    metrics.TRANSACTION_EVENTS.labels("stored").inc(applied.stored - len(applied.conflicts))
    metrics.TRANSACTION_EVENTS.labels("repeat").inc(applied.repeats)
    metrics.TRANSACTION_EVENTS.labels("conflict").inc(len(applied.conflicts))
    metrics.TRANSACTION_EVENTS_LATE.inc(applied.late)
    metrics.TRANSACTION_ENERGY.inc(sum(map(_more_energy, applied.steps)))
    metrics.TRANSACTION_EVENTS_MISSED.inc(sum(_newly_missed(step) for step in applied.steps))
    for change in told:
        metrics.TRANSACTION_CHANGES.labels(change.name.lower()).inc()
    for key, seq_no in applied.conflicts:
        _log.warning("seqNo told twice with different content; both are kept", transaction=key, seq_no=seq_no)


def _more_energy(step: Step) -> float:
    """Return by how many watt-hours the energy of a transaction has grown; 0 when it was corrected downwards."""
    before = step.before.energy.wh if step.before is not None else None
    return max(0.0, (step.after.energy.wh or 0.0) - (before or 0.0))


def _newly_missed(step: Step) -> int:
    if not step.after.gaps:
        return 0
    before = _missing(step.before.gaps) if step.before else 0
    return max(0, _missing(step.after.gaps) - before)


def _missing(gaps: Iterable[Gap]) -> int:
    return sum(last - first + 1 for first, last in gaps)
