"""Ends transactions whose Ended event does not come: on a station's word, on evidence, or for an operator."""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from csms_db import outbox, settled
from csms_db.engine import Database
from csms_runtime import metrics
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.batch import StatusAnswer
from csms_transactions.domain.closing import verdict
from csms_transactions.domain.identity import transaction_key
from csms_transactions.domain.transaction import Closed, State, close, next_revision
from csms_transactions.domain_events import events_of
from csms_transactions.events.cache import TransactionCache
from csms_transactions.events.step import Step
from csms_transactions.store import meter_values, status_checks, tables
from csms_transactions.store import transactions as transaction_store
from csms_transactions.store.transactions import Change

_log = structlog.get_logger(__name__)


class Closing:
    """Ends transactions. `on_events` is called after a commit that put domain events into the outbox."""

    def __init__(self, database: Database, cache: TransactionCache, on_events: Callable[[], None]) -> None:
        self._database = database
        self._cache = cache
        self._on_events = on_events

    async def close(self, key: str, reason: str, by: str) -> bool:
        """End a running transaction for an operator. Return False when it is not running, or does not exist.

        Raises csms_db.errors.DatabaseUnavailable.
        """
        async with self._database.transaction() as session:
            now = await settled.now_of(session)
            closed = await self._close(session, key, Closed(now, reason, by), now)
        self._done([key] if closed else [])
        return closed

    async def hear(self, answers: Sequence[StatusAnswer]) -> None:
        """Take stations' answers, and end the transactions that must end. Idempotent. Raises as `close`."""
        for (
            answer
        ) in answers:  # one at a time: with the rows of several locked, all processes would need the same order
            async with self._database.transaction() as session:
                closed = await self._hear(session, answer, await settled.now_of(session))
            self._done([closed] if closed is not None else [])

    async def _hear(self, session: AsyncSession, answer: StatusAnswer, now: datetime) -> str | None:
        """Return the key of the transaction that was ended, if one was."""
        found = await transaction_store.newest(session, transaction_key(answer.station_id, answer.transaction_id))
        if found is None or found.state != State.ACTIVE:
            return None
        evidence, noted_at = await status_checks.evidence_of(session, found.key)
        told_at = found.updated_at
        if not answer.says.can_say:
            told_at = max(told_at, await meter_values.last_received(session, found.key) or told_at)
        follows = verdict(evidence, answer.says, told_at, noted_at)
        if follows.close is not None:
            await self._close(session, found.key, Closed(now, follows.close), now)
            return found.key
        if not follows.ask_again:
            await status_checks.forget(session, [found.key])
        return None

    async def _close(self, session: AsyncSession, key: str, closed: Closed, now: datetime) -> bool:
        before = (await transaction_store.load(session, [key])).get(key)
        if before is None or before.state is State.ENDED:
            return False
        after = close(before, closed)._replace(revision=next_revision(before, now))
        await transaction_store.save(session, [Change(key, before, after)], now)
        step = Step(await transaction_store.identity(session, key), before, after)
        told = list(events_of([step], now))
        await outbox.add(session, tables.outbox, [outgoing for _, outgoing in told])
        await status_checks.forget(session, [key])
        for change, _ in told:
            metrics.TRANSACTION_CHANGES.labels(change.name.lower()).inc()
        _log.info("transaction closed", transaction=key, station_id=step.identity.station_id, reason=closed.reason)
        return True

    def _done(self, closed: Sequence[str]) -> None:
        self._cache.forget(closed)
        if closed:
            self._on_events()
