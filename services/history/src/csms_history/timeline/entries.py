"""Keeps domain events as entries of stations' timelines."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from csms_bus.topics import EVENTS_GATEWAY
from csms_db.engine import WriteSession
from csms_db.packed import pack
from csms_ocpp import station_ids
from csms_runtime import metrics
from csms_runtime.clock import from_ms
from csms_runtime.texts import storable

from csms_history import station_bytes
from csms_history.events import Event, shown
from csms_history.timeline import entry_rows
from csms_history.timeline.entry_rows import ROW_BYTES

KIND = "timeline"
"""In `station_bytes`."""
MOST_DETAIL_BYTES = 64 * 1024
"""Of an entry, as JSON. What is larger is left out: the entry says so."""
_REFUSALS_EVERY_MS = 60_000
"""Of one address and kind, so often at most: who is refused again and again must not push out what the station did."""


class TimelineEntries:
    """A handler of domain events. Idempotent: the same event is the same entry."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes`: of a station's entries together; beyond them its oldest go."""
        self._most_bytes = most_bytes

    async def __call__(self, session: WriteSession, events: Sequence[Event]) -> None:
        """Keep events that are about a station."""
        rows = [_row(event) for event in events if not station_ids.fault_of(event.body.station_id)]
        if rows:
            await self.add(session, rows)

    async def add(self, session: WriteSession, rows: Sequence[dict[str, Any]]) -> None:
        """Keep entries, made by `row`."""
        grown: Counter[str] = Counter()
        for key, size in await entry_rows.add(session, rows):
            grown[key] += size
        for key, size in (await station_bytes.grow(session, KIND, grown)).items():
            if size > self._most_bytes:
                freed, gone = await entry_rows.delete_oldest(session, key, size - self._most_bytes)
                metrics.HISTORY_GAVE_WAY.labels(KIND).inc(gone)
                await station_bytes.shrink(session, KIND, {key: freed})


def row(station_id: str, occurred_at: datetime, entry_id: str, kind: str, detail: object) -> dict[str, Any]:
    """Return a row of `timeline_entries`. `entry_id`: the same for the same thing, of 64 characters at most."""
    text = orjson.dumps(detail)
    if len(text) > MOST_DETAIL_BYTES:
        text = orjson.dumps({"omitted_bytes": len(text)})
    packed = pack(text)
    return {
        "station_key": station_ids.key(station_id),
        "occurred_at": occurred_at,
        "entry_id": entry_id,
        "station_id": station_id,
        "type": kind,
        "detail": packed,
        "size": len(packed) + ROW_BYTES,
    }


def _row(event: Event) -> dict[str, Any]:
    body = event.body
    at_ms, entry_id = body.occurred_at_ms, storable(body.event_id)[:64]
    detail = shown(event.content)
    if event.type == "connection_refused":
        at_ms -= at_ms % _REFUSALS_EVERY_MS
        refused = body.connection_refused
        entry_id = _digest(event.topic, refused.remote_address, refused.kind, str(refused.http_status))
        detail["checked"] = event.topic != EVENTS_GATEWAY.name
    return row(body.station_id, from_ms(at_ms), entry_id, event.type, detail)


def _digest(*words: str) -> str:
    return blake2b("\0".join(words).encode(errors="replace"), digest_size=16).hexdigest()
