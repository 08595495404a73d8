"""Presence summaries: which stations a gateway heard from."""

from collections.abc import Iterable
from datetime import datetime

from csms.v1.station_pb2 import PresenceSummary
from csms_runtime.clock import from_ms

from csms_device_mgmt.store import stations
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, summaries: Iterable[PresenceSummary]) -> None:
    """Remember when each station was last heard from, in one statement for many summaries."""
    last_seen: dict[str, datetime] = {}
    for summary in summaries:
        for presence in summary.stations:
            at = from_ms(presence.last_seen_ms)
            last_seen[presence.station_id] = max(last_seen.get(presence.station_id, at), at)
    if last_seen:
        await stations.seen(unit.session, last_seen)
