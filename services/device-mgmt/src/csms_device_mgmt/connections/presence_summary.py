"""Presence summaries: which stations a gateway heard from."""

from collections.abc import Iterable
from datetime import datetime

from csms.v1.station_pb2 import PresenceSummary
from csms_runtime.clock import from_ms

from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Units


async def handle(units: Units, summaries: Iterable[PresenceSummary]) -> None:
    """Remember when each station was last heard from, some stations in a transaction: others wait for their rows."""
    last_seen: dict[str, datetime] = {}
    for summary in summaries:
        for presence in summary.stations:
            at = from_ms(presence.last_seen_ms)
            last_seen[presence.station_id] = max(last_seen.get(presence.station_id, at), at)
    ids = sorted(last_seen)
    for first in range(0, len(ids), station_rows.SEEN_AT_ONCE):
        some = ids[first : first + station_rows.SEEN_AT_ONCE]
        async with units.open() as unit:
            await station_rows.seen(unit.session, {name: last_seen[name] for name in some})
