"""Finds the transactions of events whose ids are no station's own (OCPP 1.6): a batch at a time, before it is stored.

The beginning of a transaction gets an id from us, and its end names that. Both are committed before the events are, so
that a batch which is read again finds the same ids. An end with an id that the station does not have from us is kept
as a transaction of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from csms_db.engine import Database

from csms_transactions.batch import BatchEvent
from csms_transactions.domain.identity import identity_of
from csms_transactions.domain.open_starts import OpenStart, matched
from csms_transactions.store import given_ids, remote_requests
from csms_transactions.store import transactions as transaction_store
from csms_transactions.store.facts import facts_of

REMOTE_START = "RemoteStart"
"""What triggers a transaction that we asked for, by the name that 2.0.1 has for it."""


async def named(
    database: Database, events: Sequence[BatchEvent], running: Collection[str], now: datetime
) -> list[BatchEvent]:
    """Return the events of a batch, each with its transaction. `running`: keys of transactions that are known to exist.

    Raises csms_db.errors.DatabaseUnavailable.
    """
    begun = list(dict.fromkeys(item.beginning for item in events if item.beginning))
    ids: Mapping[str, int] = {}
    starts: Sequence[OpenStart] = ()
    if begun:
        stations = {item.identity.station_id for item in events if item.beginning}
        async with database.transaction() as session:
            ids = await given_ids.of(session, database.dialect, begun, now)
            starts = await remote_requests.open_starts(session, stations, now)
    found = _begun(events, ids, starts)
    doubtful = {item.identity.key for item in found if item.else_id} - set(running)
    if doubtful:
        async with database.reading() as session:
            doubtful -= await transaction_store.existing(session, doubtful)
        doubtful -= {item.identity.key for item in found if item.beginning}
    return [_kept_apart(item) if item.else_id and item.identity.key in doubtful else item for item in found]


def _begun(events: Sequence[BatchEvent], ids: Mapping[str, int], starts: Sequence[OpenStart]) -> list[BatchEvent]:
    """Return the events, those with a beginning under its id and with the request that they come of."""
    found: list[BatchEvent] = []
    of_beginning: dict[str, int | None] = {}
    free = list(starts)
    for item in events:
        if not item.beginning:
            found.append(item)
            continue
        named_item = _under(item, str(ids[item.beginning]))
        if item.beginning not in of_beginning:
            start = matched(named_item.identity.station_id, named_item.new.event, named_item.new.received_at, free)
            of_beginning[item.beginning] = None if start is None else start.remote_start_id
            if start is not None:
                free.remove(start)
        found.append(_asked_for(named_item, of_beginning[item.beginning]))
    return found


def _under(item: BatchEvent, transaction_id: str) -> BatchEvent:
    identity = identity_of(item.identity.station_id, transaction_id)
    return item._replace(identity=identity, new=item.new._replace(key=identity.key))


def _asked_for(item: BatchEvent, remote_start_id: int | None) -> BatchEvent:
    """Return the event of a transaction that we asked for: the station does not say so, thus its facts are kept."""
    if remote_start_id is None:
        return item
    event = item.new.event._replace(remote_start_id=remote_start_id, trigger_reason=REMOTE_START)
    return item._replace(new=item.new._replace(event=event, facts=facts_of(event)))


def _kept_apart(item: BatchEvent) -> BatchEvent:
    return _under(item, item.else_id)
