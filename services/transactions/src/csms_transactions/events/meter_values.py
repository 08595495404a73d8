"""Stores MeterValues messages. At the EVSE of a transaction their readings count like those of events (J01.FR.14).

They carry no seqNo, so their time decides where they belong among the events. Readings that are newer than all others
are added to the stored state. Else the transaction is derived again, with the same result.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import NamedTuple

import structlog
from csms_db.direct import Direct
from csms_runtime import heavy
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.batch import BatchMeterValues
from csms_transactions.domain.identity import Identity, Spot
from csms_transactions.domain.readings import Reading
from csms_transactions.domain.transaction import Transaction, lasts_at, measure, next_revision
from csms_transactions.events.rederiving import Fresh, again
from csms_transactions.events.step import Step
from csms_transactions.events.weight import weight
from csms_transactions.store import meter_values
from csms_transactions.store import transactions as transaction_store
from csms_transactions.store.facts import readings_of
from csms_transactions.store.meter_values import MOST_FREE, Free, Span, spot_of
from csms_transactions.store.transactions import Change

_log = structlog.get_logger(__name__)
MAX_STEPS = 20
"""So often MOST_FREE messages are claimed at most for the transactions of a batch: other stations wait meanwhile."""
_FOR_EVER = datetime.max.replace(microsecond=0, tzinfo=UTC)


async def record(
    session: AsyncSession,
    dialect: str,
    messages: Sequence[BatchMeterValues],
    most: int,
    now: datetime,
    *,
    cached: Mapping[str, Transaction],
) -> list[Step]:
    """Store messages, and add their readings to the transactions that were running. `most`: as in `meter_values.add`.

    `cached`: transactions as this process stored them last, by key. Raises OutdatedError when another process changed
    these meanwhile: then the batch must be tried again, with nothing cached.
    """
    places = await _places(session, messages, cached)
    fresh: dict[Identity, list[Reading]] = {}
    for message in await meter_values.add(session, dialect, messages, most, places.key_of):
        identity = places.counting(message)
        if identity is not None:
            fresh.setdefault(identity, []).extend(message.readings)
    stored = places.stored
    steps = await _steps(session, fresh, stored, now)
    changes = [Change(step.identity.key, step.before, step.after) for step in steps if step.before is not None]
    await transaction_store.save(session, changes, now)
    return steps


class _Places(NamedTuple):
    """Where the messages of a batch belong."""

    stored: Mapping[str, Transaction]
    at: Mapping[Spot, Identity]
    """The transactions that went on at these spots."""

    def key_of(self, message: BatchMeterValues) -> str | None:
        """Return the key of the transaction that a message belongs to: the one that it names, if there is one."""
        identity = self._of(message)
        return None if identity is None else identity.key

    def counting(self, message: BatchMeterValues) -> Identity | None:
        """Return the transaction that its readings count for: they are of its time."""
        identity = self._of(message) if message.readings else None
        if identity is None or identity is not message.named:
            return identity
        transaction = self.stored[identity.key]
        return identity if any(lasts_at(transaction, reading.at) for reading in message.readings) else None

    def _of(self, message: BatchMeterValues) -> Identity | None:
        if message.named is not None and message.named.key in self.stored:
            return message.named
        return self.at.get(spot_of(message))


async def _places(
    session: AsyncSession, messages: Sequence[BatchMeterValues], cached: Mapping[str, Transaction]
) -> _Places:
    unknown = {message.named.key for message in messages if message.named is not None} - cached.keys()
    stored = {**cached, **(await transaction_store.load(session, unknown) if unknown else {})}
    lost = [message for message in messages if message.named is None or message.named.key not in stored]
    found = await transaction_store.at_spots(session, {spot_of(message) for message in lost if message.readings})
    others = {identity.key for identity in found.values()} - stored.keys()
    if others:
        stored |= await transaction_store.load(session, others)
    going_on = {spot: identity for spot, identity in found.items() if lasts_at(stored[identity.key], spot.at)}
    return _Places(stored, going_on)


async def _steps(
    session: AsyncSession,
    fresh: Mapping[Identity, Sequence[Reading]],
    stored: Mapping[str, Transaction],
    now: datetime,
) -> list[Step]:
    late = {key: Fresh(measured=new) for (key, *_), new in fresh.items() if not _follow(stored[key], new)}
    derived = await again(session, stored, late) if late else {}
    following = {identity.key: new for identity, new in fresh.items() if identity.key not in derived}
    derived |= await heavy.run(
        sum(map(weight, following.values())), partial(_measured, stored, following), awaited=True
    )
    steps = []
    for identity in fresh:
        before, after = stored[identity.key], derived[identity.key]
        steps.append(Step(identity, before, after._replace(revision=next_revision(before, now))))
    return steps


def _measured(stored: Mapping[str, Transaction], readings: Mapping[str, Sequence[Reading]]) -> dict[str, Transaction]:
    return {key: measure(stored[key], sorted(new)) for key, new in readings.items()}


def _follow(transaction: Transaction, readings: Iterable[Reading]) -> bool:
    """Whether they are newer than all readings of the transaction so far, and were made while it lasted."""
    meter = transaction.meter
    return not meter.outdated and all(
        reading.at.timestamp() > meter.measured_at
        and reading.at.timestamp() >= meter.read_at
        and lasts_at(transaction, reading.at)
        for reading in readings
    )


async def claim(session: AsyncSession | Direct, steps: Iterable[Step]) -> dict[str, list[Reading]]:
    """Give earlier messages to the transactions whose time they are of. Return their readings, by transaction."""
    wider = [step for step in steps if step.after.evse_id is not None and _reaches_further(step)]
    if not wider:
        return {}
    claimed: dict[str, list[bytes]] = {}
    for _ in range(MAX_STEPS):
        found = await meter_values.free(session, [_span(step) for step in wider])
        of = {message: step.identity.key for message in found for step in wider if _is_of(message, step)}
        if of:
            await meter_values.claim(session, {message.id: key for message, key in of.items()})
        for message, key in of.items():
            claimed.setdefault(key, []).append(message.facts)
        if len(found) < MOST_FREE or not of:
            break
    else:
        _log.warning("more meter values came before their transaction than are read at a time", transactions=[*claimed])
    size = sum(len(facts) for of in claimed.values() for facts in of)
    return await heavy.run(size, partial(_told, claimed), awaited=True)


def _told(claimed: Mapping[str, Sequence[bytes]]) -> dict[str, list[Reading]]:
    return {key: [*chain.from_iterable(map(readings_of, facts))] for key, facts in claimed.items()}


def _span(step: Step) -> Span:
    """Where and when the transaction was running, as `lasts_at` has it."""
    after = step.after
    is_closed = after.closed is not None and not after.end_seen
    until = after.closed.at if after.closed is not None and is_closed else after.ended_at
    return Span(step.identity.station_id, after.evse_id or 0, after.started_at, until or _FOR_EVER)


def _reaches_further(step: Step) -> bool:
    before, after = step.before, step.after
    if before is None or after.started_at < before.started_at or after.evse_id != before.evse_id:
        return True
    return before.ended_at is not None and (after.ended_at is None or after.ended_at > before.ended_at)


def _is_of(message: Free, step: Step) -> bool:
    is_there = (message.station_id, message.evse_id) == (step.identity.station_id, step.after.evse_id)
    return is_there and lasts_at(step.after, message.at)
