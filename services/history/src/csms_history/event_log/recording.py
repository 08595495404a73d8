"""Records domain events in the order in which others are told them."""

from collections.abc import Sequence
from typing import Any

import orjson
from csms.v1.events_pb2 import StationChanged
from csms_bus.events import as_json
from csms_bus.topics import EVENTS_GATEWAY
from csms_db.engine import WriteSession
from csms_db.packed import pack
from csms_ocpp import station_ids
from csms_runtime.clock import utcnow
from csms_runtime.texts import storable

from csms_history.event_log import log_rows
from csms_history.events import Event

_MOST_BYTES = 256 * 1024
"""Of an event as JSON. Of a larger one the payload is left out."""
_LONGEST_ID = 100


class EventLog:
    """A handler of domain events of every type. Idempotent by the event's id."""

    async def __call__(self, session: WriteSession, events: Sequence[Event]) -> None:
        """Record events, with the sites that their stations belong to now."""
        await log_rows.note_sites(session, dict(map(_site, filter(_tells_site, events))))
        sites = await log_rows.sites_of(session, map(_station_key, events))
        rows = [row for event in events if (row := _row(event, sites)) is not None]
        if rows:
            await log_rows.add(session, rows)


def _row(event: Event, sites: dict[str, str]) -> dict[str, Any] | None:
    told = as_json(event.body, event.topic)
    if told is None:
        return None
    text = orjson.dumps(told)
    if len(text) > _MOST_BYTES:
        told["data"] = {name: None if isinstance(value, dict) else value for name, value in told["data"].items()}
        text = orjson.dumps({**told, "data": {**told["data"], "payload_omitted": True}})
    station_key, packed = _station_key(event), pack(text)
    return {
        "topic": event.topic,
        "event_id": storable(event.body.event_id)[:_LONGEST_ID],
        "type": event.type,
        "station_key": station_key or None,
        "site_id": sites.get(station_key),
        "recorded_at": utcnow(),
        "text": packed,
        "size": len(text),
    }


def _station_key(event: Event) -> str:
    """Return the station's key; empty: it is about none, or nobody has checked which one."""
    station_id = event.body.station_id
    if event.topic == EVENTS_GATEWAY.name or station_ids.fault_of(station_id):
        return ""
    return station_ids.key(station_id)


def _tells_site(event: Event) -> bool:
    return event.type == "station_changed" and bool(_station_key(event))


def _site(event: Event) -> tuple[str, str]:
    changed = event.body.station_changed
    is_gone = changed.change == StationChanged.CHANGE_DELETED
    return _station_key(event), "" if is_gone else changed.site_id
