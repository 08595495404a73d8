"""Reads pages of the message log: what is looked at and what is shown are bounded, whatever is asked for.

Only the station and the time have an index: each further one would make every message dearer. So of the other filters
some thousand messages are looked at for a page, which then may have few, and goes on where it ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from csms.v1.station_pb2 import LoggedMessage
from csms_db.base import EPOCH
from csms_db.packed import unpack
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import ColumnElement, Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import station_messages

_LOOKED_AT = 5000
"""Messages of a page that are looked at, if a filter leaves some out."""
_READ_AT_ONCE = 50
"""Messages whose content is read at a time,"""
_READ_BYTES = 16 * 1024 * 1024
"""and so many bytes of it for a page, where a text is looked for."""
_COLUMNS = station_messages.c


class Position(NamedTuple):
    """Where a message is in the list."""

    at_us: int
    id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages of a station; None: any."""

    station_key: str
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""
    direction: int | None = None
    action: str | None = None
    outcome: str | None = None
    text: str | None = None
    """What the frames hold, in any case."""

    @property
    def is_filtered(self) -> bool:
        """Whether messages between others may be left out."""
        return any(each is not None for each in (self.direction, self.action, self.outcome, self.text))


@dataclass(frozen=True, slots=True)
class Found:
    """A page."""

    messages: Sequence[LoggedMessage]
    next: Position | None
    """Behind it the next page begins; None: there is none."""


async def page(session: AsyncSession, wanted: Wanted, *, limit: int, after: Position | None) -> Found:
    """Return up to `limit` messages, the newest first, of up to MAX_PAGE_BYTES."""
    most = _LOOKED_AT if wanted.is_filtered else limit
    looked_at = (await session.execute(_heads(wanted, after).limit(most + 1))).all()
    reading = _Reading(wanted, limit)
    fitting = [row for row in looked_at[:most] if _fits(wanted, row)]
    for start in range(0, len(fitting), _READ_AT_ONCE):
        if await reading.full(session, [Position(row.at_us, row.id) for row in fitting[start : start + _READ_AT_ONCE]]):
            return Found(reading.messages, reading.last)
    return Found(reading.messages, Position(*looked_at[most - 1][:2]) if len(looked_at) > most else None)


def _heads(wanted: Wanted, after: Position | None) -> Select[int, int, int, str, str]:
    at_us = _COLUMNS.at_us
    query = select(at_us, _COLUMNS.id, _COLUMNS.direction, _COLUMNS.action, _COLUMNS.outcome)
    query = query.where(_COLUMNS.station_key == wanted.station_key)
    if wanted.since is not None:
        query = query.where(at_us >= to_us(wanted.since))
    if wanted.until is not None:
        query = query.where(at_us < to_us(wanted.until))
    if after is not None:
        query = query.where(at_us <= after.at_us, tuple_(at_us, _COLUMNS.id) < after)
    return query.order_by(at_us.desc(), _COLUMNS.id.desc())


def _fits(wanted: Wanted, row: Row[int, int, int, str, str]) -> bool:
    return (
        (wanted.direction is None or row.direction == wanted.direction)
        and (wanted.action is None or row.action == wanted.action)
        and (wanted.outcome is None or row.outcome == wanted.outcome)
    )


class _Reading:
    """The content of a page, as far as it is read."""

    def __init__(self, wanted: Wanted, limit: int) -> None:
        self.messages: list[LoggedMessage] = []
        self.last: Position | None = None
        """The message that was looked at last."""
        self._wanted = wanted
        self._text = wanted.text.lower().encode() if wanted.text is not None else None
        self._limit = limit
        self._shown = self._read = 0

    async def full(self, session: AsyncSession, positions: Sequence[Position]) -> bool:
        """Read these. True: the page is full, and `last` is where it ends."""
        for message, size in await self._contents(session, positions):
            shows = self._text is None or self._text in message.request.lower() or self._text in message.answer.lower()
            if shows and self.messages and self._shown + size > MAX_PAGE_BYTES:
                return True
            self.last = Position(message.at_us, message.id)
            self._read += size
            if shows:
                self.messages.append(message)
                self._shown += size
            if len(self.messages) == self._limit or self._read > _READ_BYTES:
                return True
        return False

    async def _contents(self, session: AsyncSession, positions: Sequence[Position]) -> list[tuple[LoggedMessage, int]]:
        of_station: ColumnElement[bool] = _COLUMNS.station_key == self._wanted.station_key
        within = _COLUMNS.at_us.between(positions[-1].at_us, positions[0].at_us)  # partitions are chosen by it
        these = tuple_(_COLUMNS.at_us, _COLUMNS.id).in_([tuple(position) for position in positions])
        statement = select(_COLUMNS.content).where(of_station, within, these)
        rows = (await session.scalars(statement.order_by(_COLUMNS.at_us.desc(), _COLUMNS.id.desc()))).all()
        contents = map(unpack, rows)
        return [(LoggedMessage.FromString(content), len(content)) for content in contents]


def to_us(moment: datetime) -> int:
    """Return a moment as Unix time in microseconds."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
