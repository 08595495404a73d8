"""Statements on `meter_values`, and on `meter_value_bytes`: a station's oldest messages give way to its newest."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from csms_db.direct import Direct
from csms_db.sql import insert
from csms_db.statements import Lookup, SpanLookup, Update
from csms_runtime import metrics
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.batch import BatchMeterValues
from csms_transactions.domain.identity import Spot
from csms_transactions.store.facts import facts_of_readings
from csms_transactions.store.tables import meter_value_bytes, meter_values

ROW_BYTES = 250
"""About so many bytes a row and its indexes take beside the payload and the facts."""
STEP_ROWS = 500
"""At most so many rows are deleted at a time."""
MOST_FREE = 1000
"""At most so many messages that came before their transactions are read at a time."""
MAX_STEPS = 4
"""At most so often rows are deleted in one transaction. The next message of the station has more of them deleted."""


class Span(NamedTuple):
    """An EVSE from one moment to another, both included."""

    station_id: str
    evse_id: int
    since: datetime
    until: datetime


class Free(NamedTuple):
    """A message that belongs to no transaction."""

    id: str
    station_id: str
    evse_id: int
    at: datetime
    facts: bytes


_COLUMNS = meter_values.c
ROW_SIZE = func.length(_COLUMNS.payload) + func.coalesce(func.length(_COLUMNS.facts), 0) + ROW_BYTES
"""Bytes that a row takes."""
_OF = Lookup((_COLUMNS.transaction, _COLUMNS.facts), by=(_COLUMNS.transaction,), where="facts IS NOT NULL")
_FREE = SpanLookup(
    (_COLUMNS.id, _COLUMNS.station_id, _COLUMNS.evse_id, _COLUMNS.timestamp, _COLUMNS.facts),
    by=(_COLUMNS.station_id, _COLUMNS.evse_id),
    within=_COLUMNS.timestamp,
    where='"transaction" IS NULL AND facts IS NOT NULL',
    most=MOST_FREE,
)
_CLAIM = Update(meter_values, by=("id",), names=("transaction",))


async def add(
    session: AsyncSession,
    dialect: str,
    messages: Sequence[BatchMeterValues],
    most: int,
    key_of: Callable[[BatchMeterValues], str | None] = lambda _message: None,
) -> list[BatchMeterValues]:
    """Store messages and return those that were not stored yet. `most`: bytes that a station's messages may take.

    Beyond them its oldest ones are deleted, a bounded number at a time. `key_of`: the transaction that a message is of.
    """
    by_id = {message_id(message): message for message in messages}
    rows = {key: _row(key, message, key_of(message)) for key, message in by_id.items()}
    statement = insert(dialect)(meter_values).on_conflict_do_nothing(index_elements=["id"])
    added = (await session.scalars(statement.returning(meter_values.c.id), list(rows.values()))).all()
    grown: Counter[str] = Counter()
    for row in (rows[key] for key in added):
        grown[row["station_id"]] += len(row["payload"]) + len(row["facts"] or b"") + ROW_BYTES
    for station_id, excess in (await _grow(session, dialect, grown, most)).items():
        await _make_room(session, station_id, excess)
    return [by_id[key] for key in added]


async def of_transactions(session: AsyncSession | Direct, keys: Collection[str]) -> dict[str, list[bytes]]:
    """The facts of the messages that belong to some transactions."""
    found: dict[str, list[bytes]] = {key: [] for key in keys}
    for key, facts in await _OF.fetch(session, keys):
        found[key].append(facts)
    return found


async def last_received(session: AsyncSession, transaction: str) -> datetime | None:
    """Return when the newest message that belongs to a transaction came, whatever it measured."""
    newest = select(func.max(_COLUMNS.received_at)).where(_COLUMNS.transaction == transaction)
    found: datetime | None = (await session.execute(newest)).scalar_one()
    return found


async def free(session: AsyncSession | Direct, spans: Sequence[Span]) -> list[Free]:
    """Messages of these spans with readings of energy that belong to no transaction, up to MOST_FREE."""
    return [Free(*row) for row in await _FREE.fetch(session, spans)]


async def claim(session: AsyncSession | Direct, claimed: Mapping[str, str]) -> None:
    """Note which messages, by id, belong to which transactions."""
    await _CLAIM.execute(session, list(claimed.items()))


async def _grow(session: AsyncSession, dialect: str, grown: Mapping[str, int], most: int) -> dict[str, int]:
    """Add to the bytes that stations have. Return by how many bytes some have too much."""
    if not grown:
        return {}
    table = meter_value_bytes
    # In one order, so that two processes cannot wait for each other.
    rows = [{"station_id": station_id, "bytes": size} for station_id, size in sorted(grown.items())]
    statement = insert(dialect)(table).values(rows)
    total = table.c.bytes + statement.excluded.bytes
    upsert = statement.on_conflict_do_update(index_elements=["station_id"], set_={"bytes": total})
    found = await session.execute(upsert.returning(table.c.station_id, table.c.bytes))
    return {station_id: size - most for station_id, size in found if size > most}


async def _make_room(session: AsyncSession, station_id: str, excess: int) -> None:
    freed = 0
    for _ in range(MAX_STEPS):
        count, size = await _delete_oldest(session, station_id, excess - freed)
        freed += size
        metrics.METER_VALUES_GAVE_WAY.inc(count)
        if not count or freed >= excess:
            break
    table = meter_value_bytes
    statement = update(table).where(table.c.station_id == station_id).values(bytes=table.c.bytes - freed)
    await session.execute(statement)


async def _delete_oldest(session: AsyncSession, station_id: str, wanted: int) -> tuple[int, int]:
    """Delete the oldest messages, up to so many bytes or a step's rows; return how many rows and bytes there were."""
    columns = meter_values.c
    oldest = select(columns.id, ROW_SIZE).where(columns.station_id == station_id)
    size, chosen = 0, []
    for key, bytes_ in await session.execute(oldest.order_by(columns.timestamp).limit(STEP_ROWS)):
        if size >= wanted:
            break
        size += bytes_
        chosen.append(key)
    await session.execute(delete(meter_values).where(columns.id.in_(chosen)))
    return len(chosen), size


def spot_of(message: BatchMeterValues) -> Spot:
    """Return where and when it was measured."""
    return Spot(message.station_id, message.evse_id, message.timestamp)


def message_id(message: BatchMeterValues) -> str:
    """A message has no number of its own: its id is a digest of who said what."""
    digest = blake2b(message.station_id.encode(), digest_size=16)
    digest.update(b"\0" + message.call.payload)
    return digest.hexdigest()


def _row(key: str, message: BatchMeterValues, transaction: str | None) -> dict[str, Any]:
    return {
        "id": key,
        "station_id": message.station_id,
        "evse_id": message.evse_id,
        "timestamp": message.timestamp,
        "received_at": message.received_at,
        "payload": message.packed,
        "transaction": transaction,
        "facts": facts_of_readings(message.readings) if message.readings else None,
    }
