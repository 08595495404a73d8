"""Keeps the connections of stations, from the events that tell of their beginning and their end."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from csms_db.engine import WriteSession
from csms_ocpp import station_ids
from csms_runtime import metrics
from csms_runtime.clock import from_ms
from csms_runtime.texts import storable

from csms_history import station_bytes
from csms_history.connections import connection_rows
from csms_history.connections.connection_rows import ROW_BYTES, Row
from csms_history.events import Event
from csms_history.uptime import baselines

KIND = "connections"
"""In `station_bytes`."""
_ID, _REASON, _ADDRESS, _WORD = 64, 500, 64, 50


class Connections:
    """A handler of station_connected and station_disconnected. Idempotent, in any order."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes`: of a station's connections together; beyond them its oldest go."""
        self._most_bytes = most_bytes

    async def __call__(self, session: WriteSession, events: Sequence[Event]) -> None:
        """Keep what events say of connections."""
        rows = [_row(event) for event in events if not station_ids.fault_of(event.body.station_id)]
        added = Counter(await connection_rows.add(session, rows))
        grown = {key: count * ROW_BYTES for key, count in added.items()}
        for key, size in (await station_bytes.grow(session, KIND, grown)).items():
            if size > self._most_bytes:
                excess = -(-(size - self._most_bytes) // ROW_BYTES)
                gone = await connection_rows.delete_oldest(session, key, excess)
                metrics.HISTORY_GAVE_WAY.labels(KIND).inc(len(gone))
                await forget(session, gone)


async def delete_old(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` connections that were over before that moment; return how many."""
    gone = await connection_rows.delete_old(session, before, limit)
    await forget(session, gone)
    return len(gone)


async def forget(session: WriteSession, gone: Iterable[Row]) -> None:
    """Note that rows were deleted: their bytes, and that each station was away when its last one had ended."""
    count: Counter[str] = Counter()
    ended: dict[str, datetime] = {}
    for row in gone:
        key = row["station_key"]
        count[key] += ROW_BYTES
        ended[key] = max(ended.get(key, row["closed_at"]), row["closed_at"])
    await station_bytes.shrink(session, KIND, count)
    await baselines.keep(session, [baselines.of_connection(key, at) for key, at in ended.items()])


def _row(event: Event) -> Row:
    body = event.body
    occurred_at = from_ms(body.occurred_at_ms)
    row: dict[str, Any] = {
        "station_key": station_ids.key(body.station_id),
        "station_id": body.station_id,
        "begun_at": occurred_at,
        **dict.fromkeys(("protocol", "security_profile", "remote_address", "gateway_slot", "gateway_epoch")),
        **dict.fromkeys(("closed_at", "close_code", "close_reason")),
    }
    return row | (_opened(event) if event.type == "station_connected" else _closed(event, occurred_at))


def _opened(event: Event) -> Row:
    one = event.body.station_connected
    return {
        "connection_id": storable(one.connection_id)[:_ID],
        "protocol": storable(one.protocol)[:_WORD],
        "security_profile": one.security_profile,
        "remote_address": storable(one.remote_address)[:_ADDRESS] or None,
        "gateway_slot": one.gateway_slot if one.gateway_epoch else None,
        "gateway_epoch": one.gateway_epoch or None,
    }


def _closed(event: Event, closed_at: datetime) -> Row:
    one = event.body.station_disconnected
    begun_at = from_ms(one.connected_at_ms) if one.connected_at_ms else closed_at
    return {
        "connection_id": storable(one.connection_id)[:_ID],
        "begun_at": min(begun_at, closed_at),
        "closed_at": closed_at,
        "close_code": one.close_code or None,
        "close_reason": storable(one.reason)[:_REASON],
    }
