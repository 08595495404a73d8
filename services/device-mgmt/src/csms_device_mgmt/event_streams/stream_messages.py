"""What stations tell of event streams (OCPP 2.1): each is opened, closed, and brings values that nobody answers."""

from functools import partial

import orjson
from csms_db.packed import pack

from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey
from csms_device_mgmt.event_streams import stream_rows
from csms_device_mgmt.event_streams.streams import is_id, monitors_reported, stream, timed_values
from csms_device_mgmt.monitoring.recorded_messages import publish, record
from csms_device_mgmt.reports.report_part import take_part
from csms_device_mgmt.reports.series import MONITORS
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.tables import MonitoredVariable
from csms_device_mgmt.unit import Unit

_MOST_PENDING = 2**31 - 1


async def opened(unit: Unit, message: StationMessage) -> Answer:
    """OpenPeriodicEventStream: Accepted (N11.FR.06), or Rejected for ids that cannot be kept (N11.FR.05)."""
    is_new = await record(unit, message)
    found = stream(message.payload["constantStreamData"])
    if found is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "OutOfRange"}}
    if is_new:
        await stream_rows.open_streams(unit.session, message.station_id, [found], message.received_at)
    return {"status": "Accepted"}


async def closed(unit: Unit, message: StationMessage) -> Answer:
    """ClosePeriodicEventStream (N13.FR.02)."""
    is_new = await record(unit, message)
    stream_id = message.payload["id"]
    if is_new and is_id(stream_id):
        await stream_rows.change(unit.session, message.station_id, int(stream_id), closed_at=message.received_at)
    return {}


async def values_arrived(unit: Unit, message: StationMessage) -> Answer:
    """NotifyPeriodicEventStream (N15): the values are stored with their times, the last one as the variable's value.

    Values of a variable that is known to be secret are not stored, nor are secrets in those of others.
    """
    stream_id = message.payload["id"]
    if not is_id(stream_id):
        return {}
    open_stream = await stream_rows.find(unit.session, message.station_id, int(stream_id))
    monitor_id = None if open_stream is None else open_stream.monitor_id
    monitor = None
    if monitor_id is not None:
        monitor = await stream_rows.monitored(unit.session, message.station_id, monitor_id)
    key = None if monitor is None else VariableKey.of(monitor.component, monitor.variable)
    if key is not None and key.is_secret:
        return {}
    if not await _store(unit, message, int(stream_id), monitor_id, monitor):
        return {}
    shown = await message.shown()
    publish(unit, message, shown)
    pending = int(min(message.payload["pending"], _MOST_PENDING))
    told = {"pending": pending, "last_values_at": message.received_at}
    await stream_rows.change(unit.session, message.station_id, int(stream_id), **told)
    if key is not None:
        last = {key.path: shown.payload["data"][-1]["v"]}
        await variable_rows.update_known(unit.session, message.station_id, last, message.received_at)
    return {}


async def _store(
    unit: Unit, message: StationMessage, stream_id: int, monitor_id: int | None, monitor: MonitoredVariable | None
) -> bool:
    base = message.moment(message.payload["basetime"])
    data: list[JsonObject] = (await message.shown()).payload["data"]
    text = await message.work(lambda: orjson.dumps(timed_values(data, base)))
    packed = await message.work(partial(pack, text))
    added = await stream_rows.add_values(
        unit.session,
        {
            "record_id": message.record_id,
            "station_id": message.station_id,
            "stream_id": stream_id,
            "monitor_id": monitor_id,
            "component": monitor and monitor.component,
            "variable": monitor and monitor.variable,
            "received_at": message.received_at,
            "size": len(text),
            "data": packed,
        },
    )
    if added:
        unit.kept(message.station_id, len(packed))
    return added


async def monitors_told(unit: Unit, message: StationMessage) -> Answer:
    """NotifyMonitoringReport (N02): a part of a report, which also says what the monitors of streams monitor."""
    await record(unit, message)
    taken = await take_part(unit, message, MONITORS)
    monitors = await message.work(lambda: list(monitors_reported({"monitor": taken.entries})))
    await stream_rows.store_monitors(unit.session, message.station_id, monitors, message.received_at)
    return {}
