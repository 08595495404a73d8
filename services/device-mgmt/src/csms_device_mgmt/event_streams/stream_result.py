"""What commands change of event streams and monitors, once the station took them (N04, N12, N14)."""

from csms_device_mgmt import versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.event_streams import stream_rows
from csms_device_mgmt.event_streams.streams import monitors_set
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
    known = {row.stream_id: row for row, _ in await stream_rows.streams(unit.session, executed.station_id)}
    at = executed.completion.completed_at
    for stream in change.open:
        row = known.pop(stream.stream_id, None)
        if row is None or row.monitor_id != stream.monitor_id or row.closed_at is not None:
            await stream_rows.open_stream(unit.session, executed.station_id, stream, at)
        else:
            await stream_rows.change(unit.session, executed.station_id, stream.stream_id, params=dict(stream.params))
    for row in known.values():
        if row.closed_at is None:
            await stream_rows.change(unit.session, executed.station_id, row.stream_id, closed_at=at)
