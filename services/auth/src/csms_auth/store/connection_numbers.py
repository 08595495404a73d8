"""Numbers the connections that stations are allowed: those of one station only grow (a fencing token).

A station that is deleted and created again goes on where it was. Once all that is left of a deleted one is forgotten
(`csms_auth.store.removed`), the time is above the numbers that it had.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import orjson
import sqlalchemy as sa
from csms_db.engine import WriteSession
from csms_db.sql import dialect_of, insert
from sqlalchemy.dialects.postgresql import Insert

from csms_auth.store.tables import connection_numbers


async def take(session: WriteSession, station_ids: Sequence[str], now_ms: int) -> list[int]:
    """Return a number for each of these ids, in their order; a station that comes twice gets two. One statement.

    A number is above all that the station was given before, and at least the Unix time in milliseconds, so that it is
    above what others remember of it also after the database was lost or an older copy restored.
    """
    wanted = Counter(station_ids)
    last = await _last_numbers(session, wanted, now_ms) if wanted else {}
    numbers = []
    for station_id in station_ids:
        wanted[station_id] -= 1
        numbers.append(last[station_id] - wanted[station_id])
    return numbers


async def _last_numbers(session: WriteSession, wanted: Mapping[str, int], now_ms: int) -> Mapping[str, int]:
    dialect = dialect_of(session)
    # In one order, so that two processes cannot wait for each other.
    given = [(station_id, now_ms + count) for station_id, count in sorted(wanted.items())]
    parameters = {"before": now_ms, **_parameters(dialect, given)}
    return {row.station_id: row.number for row in await session.execute(_statement(dialect), parameters)}


def _parameters(dialect: str, given: Sequence[tuple[str, int]]) -> Mapping[str, object]:
    """Return one or two parameters, however many rows there are, so that the text of the statement stays the same."""
    if dialect == "postgresql":
        return {"ids": [one[0] for one in given], "numbers": [one[1] for one in given]}
    return {"given": orjson.dumps(given).decode()}


@cache
def _statement(dialect: str) -> sa.Executable:
    """`before` is one below the lowest number that a station may get."""
    known = connection_numbers.c.number
    statement: Insert = insert(dialect)(connection_numbers).from_select(["station_id", "number"], _rows(dialect))
    proposed = statement.excluded.number
    following = known + proposed - sa.bindparam("before", type_=sa.BigInteger)
    greatest = sa.func.greatest if dialect == "postgresql" else sa.func.max
    statement = statement.on_conflict_do_update(
        index_elements=["station_id"], set_={"number": greatest(following, proposed)}
    )
    return statement.returning(connection_numbers.c.station_id, known)


def _rows(dialect: str) -> sa.Select[tuple[str, int]]:
    if dialect == "postgresql":
        ids = sa.bindparam("ids", type_=sa.ARRAY(sa.Text))
        numbers = sa.bindparam("numbers", type_=sa.ARRAY(sa.BigInteger))
        columns = sa.column("station_id", sa.Text), sa.column("number", sa.BigInteger)
        given = sa.func.unnest(ids, numbers).table_valued(*columns, name="given").render_derived()
        return sa.select(given.c.station_id, given.c.number)
    row = sa.func.json_each(sa.bindparam("given", type_=sa.Text)).table_valued("value").c.value
    # The WHERE is for SQLite's parser, which would take ON CONFLICT for a join's ON.
    return sa.select(sa.func.json_extract(row, "$[0]"), sa.func.json_extract(row, "$[1]")).where(sa.true())
