"""Keeps what gateways tell of messages (the topic station.messages)."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from csms.v1.station_pb2 import LoggedMessage
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_db.packed import pack
from csms_ocpp import station_ids
from csms_runtime import metrics

from csms_history.messages import message_rows
from csms_history.messages.log_settings import Off
from csms_history.messages.message_rows import ROW_BYTES, Owner, Row
from csms_history.messages.partitions import DAY_US

_STEP = 100
"""So many messages are read and written in a row; in one process with the others, stations then have their turn."""


class MessageRecords:
    """Handles station.messages: a batch in one transaction. Idempotent: the same message is the same row."""

    def __init__(self, database: Database, off: Off, most_bytes: int) -> None:
        """`most_bytes`: of a station's messages of a day; beyond them its oldest of that day go."""
        self._database = database
        self._off = off
        self._most_bytes = most_bytes

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        off = await self._off.keys()
        rows: dict[tuple[str, int, int], Row] = {}
        for incoming in batch:
            if incoming.record is None:
                continue
            key = station_ids.key(incoming.record.station_id)
            for message in incoming.record.message_log.messages if key not in off else ():
                row = _row(key, message)
                rows[row[:3]] = row
                if len(rows) % _STEP == 0:
                    await asyncio.sleep(0)
        if rows:
            await self._make_room(await self._write(list(rows.values())))
        return []

    async def _write(self, rows: Sequence[Row]) -> Mapping[Owner, int]:
        grown: Counter[Owner] = Counter()
        for row in rows:
            grown[Owner(row.at_us // DAY_US, row.station_key)] += row.size
        async with self._database.direct() as direct:
            for start in range(0, len(rows), _STEP):
                await message_rows.add(direct, rows[start : start + _STEP])
                await asyncio.sleep(0)
            return await message_rows.grow(direct, grown)

    async def _make_room(self, kept: Mapping[Owner, int]) -> None:
        for owner, size in kept.items():
            if size > self._most_bytes:
                async with self._database.transaction() as session:
                    gone = await message_rows.make_room(session, owner, size - self._most_bytes)
                metrics.HISTORY_GAVE_WAY.labels("messages").inc(gone)


def _row(station_key: str, message: LoggedMessage) -> Row:
    content = pack(message.SerializeToString())
    size = len(content) + ROW_BYTES
    outcome = message.outcome
    return Row(station_key, message.at_us, message.id, message.direction, message.action, outcome, content, size)
