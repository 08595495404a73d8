"""Keeps domain events, and what people asked for, as entries of stations' timelines."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
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
from csms_runtime.texts import is_storable

from csms_history import station_bytes
from csms_history.events import Event, shown
from csms_history.timeline import entry_rows
from csms_history.timeline.entry_rows import ROW_BYTES, Row
from csms_history.timeline.facts import Facts, Kind, facts_of
from csms_history.uptime import baselines

KIND = "timeline"
"""In metrics, and the beginning of the kinds in `station_bytes`: each type of entry has its own room."""
ORDERED = "availability_ordered"
MOST_DETAIL_BYTES = 64 * 1024
"""Of an entry, as JSON. What is larger is left out: the entry says so."""
_LONGEST_ID = 64


class TimelineEntries:
    """A handler of domain events. Idempotent: the same event is the same entry."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes`: of each type of a station's entries; beyond them its oldest of that type go."""
        self._most_bytes = most_bytes

    async def __call__(self, session: WriteSession, events: Sequence[Event]) -> None:
        """Keep events that are about a station."""
        made = (_row(event) for event in events if not station_ids.fault_of(event.body.station_id))
        rows = [one for one in made if one is not None]
        refused = [one for one in rows if one["kind"] == Kind.REFUSAL]
        told = [one for one in rows if one["kind"] != Kind.REFUSAL]
        if told:
            await self.add(session, told)
        if refused:
            await self._add_refused(session, refused)

    async def _add_refused(self, session: WriteSession, rows: Sequence[Row]) -> None:
        """Keep refusals of stations of which anything else is kept: strangers who make up names must not fill the disk.

        Those of others are in /refused-handshakes, which is bounded.
        """
        keys = {row["station_key"] for row in rows}
        known = await station_bytes.known(session, keys, but=room_of(Kind.REFUSAL))
        ours = [row for row in rows if row["station_key"] in known]
        if ours:
            await self.add(session, ours)

    async def add(self, session: WriteSession, rows: Sequence[Row]) -> None:
        """Keep entries, made by `row`."""
        grown: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for key, kind, size in await entry_rows.add(session, rows):
            grown[kind][key] += size
        for kind, of_stations in sorted(grown.items()):
            sizes = await station_bytes.grow(session, room_of(kind), of_stations)
            for key, size in sizes.items():
                if size > self._most_bytes:
                    gone = await entry_rows.delete_oldest(session, key, kind, size - self._most_bytes)
                    metrics.HISTORY_GAVE_WAY.labels(KIND).inc(len(gone))
                    await forget(session, gone)


def room_of(kind: str | None) -> str:
    """Return the kind in `station_bytes` of entries of a kind; None: from before there were any."""
    return KIND if kind is None else f"{KIND}/{kind}"


async def delete_old(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` entries of timelines from before that moment; return how many."""
    gone = await entry_rows.delete_old(session, before, limit)
    await forget(session, gone)
    return len(gone)


async def forget(session: WriteSession, gone: Iterable[Row]) -> None:
    """Note that entries were deleted: their bytes, and what was last known of statuses and of availability."""
    sizes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    last = []
    for one in gone:
        sizes[room_of(one["kind"])][one["station_key"]] += one["size"]
        place = one["station_key"], one["evse_id"] or 0, one["connector_id"] or 0, one["occurred_at"], one["status"]
        if one["kind"] == Kind.STATUS:
            last.append(baselines.of_status(*place))
        elif one["type"] == ORDERED:
            last.append(baselines.of_order(*place))
    for kind, of_stations in sorted(sizes.items()):
        await station_bytes.shrink(session, kind, of_stations)
    await baselines.keep(session, last)


def row(station_id: str, entry_id: str, event: str, *, told_at: datetime, facts: Facts, detail: object) -> Row:
    """Return a row of `timeline_entries`. `entry_id`: the same for the same thing. `event`: what it is, in a word."""
    text = orjson.dumps(detail)
    if len(text) > MOST_DETAIL_BYTES:
        text = orjson.dumps({"omitted_bytes": len(text)})
    packed = pack(text)
    return {
        "station_key": station_ids.key(station_id),
        "occurred_at": facts.at,
        "entry_id": entry_id if len(entry_id) <= _LONGEST_ID and is_storable(entry_id) else _digest(entry_id),
        "station_id": station_id,
        "type": event,
        "detail": packed,
        "size": len(packed) + ROW_BYTES,
        "kind": str(facts.kind),
        "told_at": told_at,
        "evse_id": facts.evse_id or None,
        "connector_id": facts.connector_id or None,
        "status": facts.status or None,
        "fault": facts.fault or None,
        "token_key": facts.token_key or None,
    }


def _row(event: Event) -> Row | None:
    facts = facts_of(event.body)
    if facts is None:
        return None
    body, detail = event.body, shown(event.content)
    entry_id = body.event_id
    if event.type == "connection_refused":
        entry_id, detail = _refusal(event, detail)
    told_at = from_ms(body.occurred_at_ms)
    return row(body.station_id, entry_id, event.type, told_at=told_at, facts=facts, detail=detail)


def _refusal(event: Event, detail: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return id and detail of one that stands for all of its minute."""
    refused = event.body.connection_refused
    name = _digest(event.topic, refused.remote_address, refused.kind, str(refused.http_status))
    at = from_ms(event.body.occurred_at_ms)
    return name, {**detail, "checked": event.topic != EVENTS_GATEWAY.name, "first_at": at.isoformat()}


def _digest(*words: str) -> str:
    return blake2b("\0".join(words).encode(errors="replace"), digest_size=16).hexdigest()
