"""Rows of log uploads. A file lies in pieces, so that nobody holds all of it in memory."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.log_uploads.upload import UploadState
from csms_device_mgmt.tables import LogPiece, LogUpload
from csms_device_mgmt.unit import Units

MOST_OF_STATION = 20
"""Of a station's uploads the newest are kept: none fills the database."""
_QUIETLY = {"synchronize_session": False}


async def expect(
    session: AsyncSession, upload_id: str, station_id: str, *, request_id: int, password: bytes, now: datetime
) -> None:
    """Note that a station is asked for a log, by this requestId; the oldest uploads of the station give way."""
    row = {"upload_id": upload_id, "station_id": station_id, "request_id": request_id, "asked_at": now}
    new = {**row, "password_digest": password, "state": UploadState.EXPECTED, "attempt": 0, "size": 0}
    await session.execute(insert(LogUpload).values(new))
    order = (LogUpload.asked_at.desc(), LogUpload.upload_id.desc())
    ids = select(LogUpload.upload_id).where(LogUpload.station_id == station_id).order_by(*order)
    await _delete(session, (await session.scalars(ids.offset(MOST_OF_STATION))).all())


async def find(session: AsyncSession, upload_id: str) -> LogUpload | None:
    """Return an upload."""
    return await session.get(LogUpload, upload_id, populate_existing=True)


class Attempt(NamedTuple):
    """A file on its way: a station may try again before the first one ended."""

    upload_id: str
    number: int
    station_id: str


async def begin(session: AsyncSession, upload_id: str) -> Attempt | None:
    """Begin to receive a file; earlier attempts end and leave nothing. None: it is received, or there is no such."""
    expected = _of(upload_id).where(LogUpload.state == UploadState.EXPECTED)
    new = expected.values(attempt=LogUpload.attempt + 1, size=0).returning(LogUpload.attempt, LogUpload.station_id)
    row = (await session.execute(new)).one_or_none()
    if row is None:
        return None
    await session.execute(delete(LogPiece).where(LogPiece.upload_id == upload_id).execution_options(**_QUIETLY))
    return Attempt(upload_id, *row)


async def add_piece(session: AsyncSession, to: Attempt, number: int, content: bytes) -> bool:
    """Store the next piece of a file. Return False: the station began anew meanwhile, or the upload is gone."""
    # Locks the upload, so that it is not deleted and leaves this piece behind.
    counted = _underway(to).values(size=LogUpload.size + len(content)).returning(LogUpload.upload_id)
    if await session.scalar(counted) is None:
        return False
    row = {"upload_id": to.upload_id, "attempt": to.number, "station_id": to.station_id}
    await session.execute(insert(LogPiece).values({**row, "number": number, "content": content}))
    return True


async def finish(session: AsyncSession, of: Attempt, **file: Any) -> bool:  # noqa: ANN401 columns
    """Note that a file is received as a whole. Return False: the station began anew meanwhile, or it is gone."""
    statement = _underway(of).values(state=UploadState.RECEIVED, **file).returning(LogUpload.upload_id)
    return await session.scalar(statement) is not None


async def drop(session: AsyncSession, attempt: Attempt) -> None:
    """Delete the pieces of an attempt that came to nothing; not of one that was received and only not answered."""
    received = exists().where(
        LogUpload.upload_id == attempt.upload_id,
        LogUpload.attempt == attempt.number,
        LogUpload.state == UploadState.RECEIVED,
    )
    which = (LogPiece.upload_id == attempt.upload_id, LogPiece.attempt == attempt.number, ~received)
    await session.execute(delete(LogPiece).where(*which).execution_options(**_QUIETLY))


async def content(units: Units, upload_id: str, attempt: int) -> AsyncIterator[bytes]:
    """Yield the pieces of a file, each read on its own."""
    number = 0
    while True:
        async with units.reading() as session:
            piece = await session.get(LogPiece, (upload_id, attempt, number))
        if piece is None:
            return
        yield piece.content
        number += 1


async def page(
    session: AsyncSession, station_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[LogUpload]:
    """Return up to `limit` uploads of a station, the newest first: there are MOST_OF_STATION at most."""
    order = (LogUpload.asked_at.desc(), LogUpload.upload_id.desc())
    rows = (await session.scalars(select(LogUpload).where(LogUpload.station_id == station_id).order_by(*order))).all()
    behind = [row for row in rows if before is None or (row.asked_at, row.upload_id) < before]
    return behind[:limit]


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` uploads that were asked for before that moment; return how many."""
    old = select(LogUpload.upload_id).where(LogUpload.asked_at < before).order_by(LogUpload.asked_at).limit(limit)
    found = (await session.scalars(old.with_for_update(skip_locked=True))).all()
    await _delete(session, found)
    return len(found)


async def _delete(session: AsyncSession, upload_ids: Sequence[str]) -> None:
    for table in (LogUpload, LogPiece):  # no piece is added to an upload that is gone
        await session.execute(delete(table).where(table.upload_id.in_(upload_ids)).execution_options(**_QUIETLY))


def _underway(attempt: Attempt) -> Any:  # noqa: ANN401 a statement
    is_newest = LogUpload.attempt == attempt.number
    return _of(attempt.upload_id).where(is_newest, LogUpload.state == UploadState.EXPECTED)


def _of(upload_id: str) -> Any:  # noqa: ANN401 a statement
    return update(LogUpload).where(LogUpload.upload_id == upload_id).execution_options(**_QUIETLY)
