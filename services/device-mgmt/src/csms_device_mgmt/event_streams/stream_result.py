"""What commands change of event streams and monitors, once the station took them (N04, N12, N14)."""

from collections.abc import Sequence
from datetime import datetime

from csms_device_mgmt import versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.event_streams import stream_rows
from csms_device_mgmt.event_streams.streams import Stream, monitors_set
from csms_device_mgmt.unit import Unit


async def apply_monitors(unit: Unit, executed: Executed) -> None:
    """Keep what the monitors monitor that the station set."""
    if executed.response is None:
        return
    at = executed.completion.completed_at
    await stream_rows.store_monitors(unit.session, executed.station_id, monitors_set(executed.response), at)


async def apply_streams(unit: Unit, executed: Executed) -> None:
    """Keep what holds of the streams now."""
    read = versions.of(executed.protocol).stream_changes.get(executed.action)
    if read is None or executed.response is None:
        return
    change = read(executed.request, executed.response)
    if change.adjusted is not None:
        stream_id, params = change.adjusted
        await stream_rows.change(unit.session, executed.station_id, stream_id, params=dict(params))
    if change.open is None:
        return
    await _apply_open(unit, executed.station_id, change.open, executed.completion.completed_at)


async def _apply_open(unit: Unit, station_id: str, told: Sequence[Stream], at: datetime) -> None:
    """Keep which streams were open at a time. What a stream's own message says later than that counts more."""
    rows = {row.stream_id: row for row, _ in await stream_rows.streams(unit.session, station_id)}
    opened: dict[int, Stream] = {}
    for stream in told:
        row = rows.pop(stream.stream_id, None)
        if row is None or (row.closed_at is not None and row.closed_at <= at):
            opened.setdefault(stream.stream_id, stream)
        elif row.opened_at <= at and row.monitor_id != stream.monitor_id:
            opened[stream.stream_id] = stream
        elif row.closed_at is None and dict(stream.params) != row.params:
            await stream_rows.change(unit.session, station_id, stream.stream_id, params=dict(stream.params))
    await stream_rows.open_streams(unit.session, station_id, list(opened.values()), at)
    for row in rows.values():
        if row.closed_at is None and row.opened_at <= at:
            await stream_rows.change(unit.session, station_id, row.stream_id, closed_at=at)
