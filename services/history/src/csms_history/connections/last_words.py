"""When each gateway was last heard from: connections of one that died without a word ended then, at the latest."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from csms.v1.station_pb2 import GatewayState
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database, WriteSession
from csms_db.sql import insert
from csms_runtime.clock import from_ms, utcnow
from sqlalchemy import case, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import gateways

_EVERY_S = 30.0
"""Gateways say every two seconds that they live; what is kept of it is so old at most."""
SILENT_AFTER = timedelta(seconds=90)
_Process = tuple[int, int]
"""Slot and epoch."""


class GatewayRecords:
    """Handles gateway.status: keeps when each gateway was last heard from, every half a minute and when it stops."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only grow."""
        self._database = database
        self._clock = clock
        self._kept: dict[_Process, float] = {}

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        heard: dict[_Process, datetime] = {}
        stopped = set()
        for incoming in batch:
            if incoming.record is not None and incoming.record.HasField("gateway_status"):
                status = incoming.record.gateway_status
                process, at = (status.gateway_slot, status.gateway_epoch), from_ms(incoming.record.produced_at_ms)
                heard[process] = max(heard.get(process, at), at)
                if status.state == GatewayState.GATEWAY_STATE_STOPPED:
                    stopped.add(process)
        due = {one: at for one, at in heard.items() if one in stopped or self._is_due(one)}
        if due:
            async with self._database.transaction() as session:
                await _keep(session, due)
            self._kept = {one: at for one, at in self._kept.items() if self._clock() - at < 10 * _EVERY_S}
            self._kept.update(dict.fromkeys(due, self._clock()))
        return []

    def _is_due(self, process: _Process) -> bool:
        return self._clock() - self._kept.get(process, float("-inf")) >= _EVERY_S


async def _keep(session: WriteSession, heard: Mapping[_Process, datetime]) -> None:
    rows = [{"slot": slot, "epoch": epoch, "heard_at": at} for (slot, epoch), at in sorted(heard.items())]
    statement = insert(session, gateways).values(rows)
    new, old = statement.excluded.heard_at, gateways.c.heard_at
    later = case((new > old, new), else_=old)
    await session.execute(statement.on_conflict_do_update(index_elements=["slot", "epoch"], set_={"heard_at": later}))


async def delete_old(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` gateways that were last heard before that moment; return how many."""
    columns = gateways.c
    old = select(columns.slot, columns.epoch).where(columns.heard_at < before).limit(limit)
    keys = [tuple(key) for key in await session.execute(old)]
    if keys:
        await session.execute(delete(gateways).where(tuple_(columns.slot, columns.epoch).in_(keys)))
    return len(keys)


class LastWords:
    """Answers when connections ended whose end nobody told. `now` is the time by the wall clock."""

    def __init__(self, now: Callable[[], datetime] = utcnow) -> None:
        self._now = now

    async def ends(self, session: AsyncSession, rows: Iterable[Any]) -> Mapping[str, datetime]:
        """Return the end of each of these connections that counts as ended with its gateway, by connection id."""
        open_ones = [row for row in rows if row["closed_at"] is None and row["gateway_epoch"] is not None]
        processes = {(row["gateway_slot"], row["gateway_epoch"]) for row in open_ones}
        if not processes:
            return {}
        columns = gateways.c
        query = select(gateways).where(tuple_(columns.slot, columns.epoch).in_(sorted(processes)))
        heard = {(slot, epoch): at for slot, epoch, at in await session.execute(query)}
        silent = self._now() - SILENT_AFTER
        found = {}
        for row in open_ones:
            at = heard.get((row["gateway_slot"], row["gateway_epoch"]))
            if at is not None and at < silent:
                found[row["connection_id"]] = max(at, row["begun_at"])
        return found
