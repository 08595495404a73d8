"""What people asked for of a station over the HTTP API, as entries of its timeline."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from csms.v1.bus_pb2 import Record
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_ocpp.station_ids import fault_of
from csms_runtime.clock import from_ms

from csms_history.timeline.entries import TimelineEntries, row
from csms_history.timeline.entry_rows import Row
from csms_history.timeline.facts import Facts, Kind

EVENT = "asked_for"
_OF_STATION = re.compile(r"/api/v1/stations/(?P<station>[^/]+)")
_UNMATCHED = "unmatched"
_SHOWN = ("principal", "method", "path", "route", "status", "remote_address", "request_id", "service")


class AuditRecords:
    """Handles the topics of the audit log. Idempotent by the record's id."""

    def __init__(self, database: Database, entries: TimelineEntries) -> None:
        self._database = database
        self._entries = entries

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Keep what concerns a station (a csms_bus BatchHandler). Raises Later."""
        rows = [one for item in batch if item.record is not None for one in rows_of(item.record)]
        if rows:
            async with self._database.transaction() as session:
                await self._entries.add(session, rows)
        return []


def rows_of(record: Record) -> Iterator[Row]:
    """Yield what was asked for of one station, by somebody who is known: strangers' requests did nothing.

    The body stays in the audit log.
    """
    one = record.audit_entry
    found = _OF_STATION.match(one.path)
    if found is None or one.route == _UNMATCHED or not one.principal or fault_of(found["station"]):
        return
    at = from_ms(one.occurred_at_ms)
    detail: Mapping[str, Any] = {name: getattr(one, name) for name in _SHOWN}
    facts = Facts(kind=Kind.AUDIT, at=at)
    yield row(found["station"], record.record_id, EVENT, told_at=at, facts=facts, detail=detail)
