"""How much is kept of each station, by kind, so that the oldest of a station gives way to its newest.

Rows stay locked until the transaction ends. They are locked in one order, so that two processes do not wait for each
other; rows of what is kept are deleted with SKIP LOCKED for the same reason.
"""

from collections.abc import Collection, Mapping

from csms_db.engine import WriteSession
from csms_db.sql import insert
from sqlalchemy import case, delete, select, update

from csms_history.tables import station_bytes


async def grow(session: WriteSession, kind: str, grown: Mapping[str, int]) -> dict[str, int]:
    """Note how many bytes more of a kind stations have, by key. Return how many they have now."""
    if not grown:
        return {}
    table = station_bytes
    rows = [{"station_key": key, "kind": kind, "bytes": size} for key, size in sorted(grown.items())]
    statement = insert(session, table).values(rows)
    total = table.c.bytes + statement.excluded.bytes
    upsert = statement.on_conflict_do_update(index_elements=["station_key", "kind"], set_={"bytes": total})
    found = await session.execute(upsert.returning(table.c.station_key, table.c.bytes))
    return {station_key: size for station_key, size in found}  # noqa: C416 a Result has rows, not pairs


async def known(session: WriteSession, keys: Collection[str], *, but: str) -> set[str]:
    """Return those of these stations of which anything is kept that is of another kind than `but`."""
    table = station_bytes
    found = select(table.c.station_key).where(table.c.station_key.in_(keys), table.c.kind != but).distinct()
    return set((await session.scalars(found)).all())


async def shrink(session: WriteSession, kind: str, gone: Mapping[str, int]) -> None:
    """Note how many bytes less of a kind stations have, by key. Who has none left has no row."""
    if not gone:
        return
    table = station_bytes
    of_them = (table.c.kind == kind, table.c.station_key.in_(gone))
    await session.execute(select(table.c.station_key).where(*of_them).order_by(table.c.station_key).with_for_update())
    less = case(dict(gone), value=table.c.station_key)
    await session.execute(update(table).where(*of_them).values(bytes=table.c.bytes - less))
    await session.execute(delete(table).where(*of_them, table.c.bytes <= 0))
