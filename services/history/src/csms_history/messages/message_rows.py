"""Rows of `station_messages`, and how many bytes each station has of a day."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from csms_db.direct import Direct
from csms_db.engine import WriteSession
from csms_db.sql import dialect_of
from csms_db.statements import Increase, Lookup, Upsert
from csms_runtime.clock import utcnow
from sqlalchemy import delete, exists, literal_column, select, tuple_, update
from sqlalchemy.sql.elements import ColumnElement

from csms_history.messages.partitions import DAY_US, day_of
from csms_history.tables import message_bytes, message_log_settings, station_messages

ROW_BYTES = 150
"""About so many bytes a row and its index take beside its content."""
_STEP_ROWS = 1000
"""At most so many rows give way at a time; a station that needs more gets it with its next messages."""
_COLUMNS = station_messages.c
_KEY = (_COLUMNS.station_key, _COLUMNS.at_us, _COLUMNS.id)


class Row(NamedTuple):
    """A row of the table."""

    station_key: str
    at_us: int
    id: int
    direction: int
    action: str
    outcome: str
    content: bytes
    size: int


class Owner(NamedTuple):
    """A station on a day."""

    day: int
    station_key: str


_IN_NO_DAY: ColumnElement[bool] = literal_column("station_messages.tableoid = 'station_messages_other'::regclass")
_COUNTED = (
    (_COLUMNS.station_key == message_bytes.c.station_key)
    & (_COLUMNS.at_us >= message_bytes.c.day * DAY_US)
    & (_COLUMNS.at_us < (message_bytes.c.day + 1) * DAY_US)
)
"""Which messages a count is of."""
_ADD = Upsert(
    station_messages,
    Row._fields,
    by=("station_key", "at_us", "id"),
    changed=("direction", "action", "outcome", "content", "size"),
)
_GROW = Increase(message_bytes, by=Owner._fields, number="bytes")
_BYTES = Lookup(
    (message_bytes.c.day, message_bytes.c.station_key, message_bytes.c.bytes),
    by=(message_bytes.c.day, message_bytes.c.station_key),
)


async def add(direct: Direct, rows: Sequence[Row]) -> None:
    """Store messages. One that is stored is stored again, and its bytes are counted again: its oldest go sooner."""
    await _ADD.execute(direct, rows)


async def grow(direct: Direct, grown: Counter[Owner]) -> dict[Owner, int]:
    """Note how many bytes more stations have of a day. Return how many they have now."""
    owners = sorted(grown)
    await _GROW.execute(direct, [(*owner, grown[owner]) for owner in owners])
    days, keys = {owner.day for owner in owners}, {owner.station_key for owner in owners}
    found = await _BYTES.fetch(direct, days, keys)
    return {Owner(day, key): size for day, key, size in found if Owner(day, key) in grown}


async def make_room(session: WriteSession, owner: Owner, excess: int) -> int:
    """Delete a station's oldest messages of a day, up to so many bytes or a step's rows. Return how many there were."""
    oldest = (
        select(*_KEY, _COLUMNS.size)
        .where(_COLUMNS.station_key == owner.station_key, _within(owner.day))
        .order_by(_COLUMNS.at_us, _COLUMNS.id)
        .limit(_STEP_ROWS)
        .with_for_update(skip_locked=True)
    )
    freed, chosen = 0, []
    for *key, size in await session.execute(oldest):
        if freed >= excess:
            break
        freed += size
        chosen.append(tuple(key))
    await session.execute(delete(station_messages).where(tuple_(*_KEY).in_(chosen), _within(owner.day)))
    table = message_bytes
    # Where nothing is left, too much was counted: else all that comes would have to go at once.
    left = update(table).values(bytes=table.c.bytes - freed if chosen else 0)
    await session.execute(left.where(table.c.day == owner.day, table.c.station_key == owner.station_key))
    return len(chosen)


async def delete_old(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` messages from before that moment that are in no partition of a day; return how many."""
    before_us = day_of(before) * DAY_US
    if dialect_of(session) == "postgresql":
        some = select(*_KEY).where(_IN_NO_DAY, _COLUMNS.at_us < before_us).limit(limit)
        found = [tuple(key) for key in await session.execute(some)]
        await session.execute(delete(station_messages).where(tuple_(*_KEY).in_(found)))
        return len(found)
    rowid: ColumnElement[int] = literal_column("station_messages.rowid")
    days = message_bytes.c  # by them a day's messages are found, in whatever order they came
    old = select(rowid).select_from(message_bytes.join(station_messages, _COUNTED)).where(days.day < day_of(before))
    gone = delete(station_messages).where(rowid.in_(old.order_by(days.day).limit(limit)))
    return len((await session.execute(gone.returning(_COLUMNS.id))).all())


async def delete_old_bytes(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` counts of days before that moment; return how many."""
    table = message_bytes.c
    old = select(table.day, table.station_key).where(table.day < day_of(before)).limit(limit)
    if dialect_of(session) != "postgresql":  # `delete_old` needs them
        old = old.where(~exists().where(_COUNTED))
    found = [tuple(key) for key in await session.execute(old)]
    await session.execute(delete(message_bytes).where(tuple_(table.day, table.station_key).in_(found)))
    return len(found)


async def delete_of_stations(session: WriteSession, _before: datetime, limit: int) -> int:
    """Delete up to `limit` messages of stations that keep theirs shorter than others; return how many."""
    today = day_of(utcnow())
    settings = message_log_settings.c
    shorter = select(settings.station_key, settings.keep_days).where(settings.keep_days.is_not(None))
    deleted = 0
    for station_key, days in (await session.execute(shorter)).all():
        old = select(*_KEY).where(_COLUMNS.station_key == station_key, _COLUMNS.at_us < (today - days) * DAY_US)
        found = [tuple(key) for key in await session.execute(old.order_by(_COLUMNS.at_us).limit(limit - deleted))]
        await session.execute(delete(station_messages).where(tuple_(*_KEY).in_(found)))
        deleted += len(found)
        if deleted >= limit:
            break
    return deleted


def _within(day: int) -> ColumnElement[bool]:
    return (_COLUMNS.at_us >= day * DAY_US) & (_COLUMNS.at_us < (day + 1) * DAY_US)
