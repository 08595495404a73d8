"""What this service reads from the bus: record → handler."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import orjson
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import ConnectionState
from csms_bus.flow import Never
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import error_to, reply_to
from csms_ocpp.errors import ErrorCode, OcppError
from csms_runtime import tracing

from csms_device_mgmt.battery_swap import notify_battery_swap
from csms_device_mgmt.boot import boot_notification, heartbeat
from csms_device_mgmt.commands import call_order, command_result, held_calls
from csms_device_mgmt.connections import close_order, connection_record, presence_summary
from csms_device_mgmt.der import control_messages
from csms_device_mgmt.device_model import notify_report
from csms_device_mgmt.event_streams import stream_messages
from csms_device_mgmt.jobs.job_status import followed
from csms_device_mgmt.monitoring import data_transfer, notify_event
from csms_device_mgmt.monitoring.recorded_messages import record as record_message
from csms_device_mgmt.monitoring.recorded_messages import recorded, recorded_with
from csms_device_mgmt.payment import notify_settlement, vat_number_validation
from csms_device_mgmt.payment.vat_register import BuiltInRegister
from csms_device_mgmt.refused_messages import refused_message
from csms_device_mgmt.reports.report_part import assembled
from csms_device_mgmt.smart_charging import notify_ev_charging_needs, pull_dynamic_schedule_update
from csms_device_mgmt.station_message import Handler, station_message
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.stations.unknown_stations import create_missing
from csms_device_mgmt.status import status_notification
from csms_device_mgmt.unit import Unit, Units
from csms_device_mgmt.versions import VERSIONS
from csms_device_mgmt.versions.version import DeviceVersion, Told

_BY_MEANING: Mapping[Told, Handler] = {
    Told.ALIVE: heartbeat.handle,
    Told.EVENTS: notify_event.handle,
    Told.DEVICE_MODEL: notify_report.handle,
    Told.VENDORS_OWN: data_transfer.handle,
    Told.CHARGING_NEEDS: notify_ev_charging_needs.handle,
    Told.SCHEDULE_WANTED: pull_dynamic_schedule_update.handle,
    Told.CONTROLS: control_messages.told,
    Told.CONTROL_STARTED: control_messages.started_or_stopped,
    Told.BATTERY_SWAPPED: notify_battery_swap.handle,
    Told.SETTLED: notify_settlement.handle,
    Told.VAT_NUMBER: vat_number_validation.handler(BuiltInRegister()),
    Told.MONITORS: stream_messages.monitors_told,
    Told.STREAM_OPENED: stream_messages.opened,
    Told.STREAM_CLOSED: stream_messages.closed,
    Told.STREAM_VALUES: stream_messages.values_arrived,
}


def _handlers(version: DeviceVersion) -> Mapping[str, Handler]:
    return {
        **{action: boot_notification.handler(read) for action, read in version.boots.items()},
        **{action: status_notification.handler(read) for action, read in version.statuses.items()},
        **{action: _BY_MEANING[told] for action, told in version.told.items()},
        **{action: recorded(answer) for action, answer in version.recorded.items()},
        **{action: recorded_with(write) for action, write in version.recorded_with.items()},
        **{series.message: assembled(series) for series in version.assembled},
        **{course.notification: followed(course) for course in version.courses.values()},
    }


HANDLERS: Mapping[tuple[str, str], Handler] = {
    (protocol, action): handler
    for protocol, version in VERSIONS.items()
    for action, handler in _handlers(version).items()
}
"""(protocol, action) of a station's CALL → handler."""

_BOOTS = frozenset(action for version in VERSIONS.values() for action in version.boots)
_STATUSES = frozenset(
    action
    for version in VERSIONS.values()
    for action in (*version.statuses, *(action for action, told in version.told.items() if told is Told.EVENTS))
)


_WITHOUT_ANSWER: Mapping[str, Callable[[Unit, Record], Awaitable[None]]] = {
    "close_connection": close_order.handle,
    "refused_message": refused_message.handle,
}


class DeviceRecords:
    """Handles what stations and services want of device-mgmt, results and connections: a batch in one transaction."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later, Never, or whatever a handler raises."""
        outgoing: list[Outgoing] = []
        async with self._units.open() as unit:
            loaded = await _load(unit, [item.record for item in batch if item.record])
            for item in batch:
                if item.record is not None:
                    outgoing += await handled(unit, item, item.record)
            del loaded  # kept until here: the session forgets rows that nobody holds, and would read them again
        return [*unit.first, *outgoing]


async def _load(unit: Unit, records: Sequence[Record]) -> tuple[object, ...]:
    """Read what most records of a batch need, in a few statements instead of one or two for each record."""
    known = await station_rows.lock(unit.session, (record.station_id for record in records))
    results = {record.command_result.command.correlation_id for record in records if record.HasField("command_result")}
    await held_calls.load(unit, results)
    arriving = {record.station_id for record in records if _may_create(record)} - known.keys()
    created = await create_missing(unit, arriving)
    reporting = {record.station_id for record in records if record.station_call.action in _STATUSES}
    await unit.statuses.load(unit.session, reporting)
    return known, created


def _may_create(record: Record) -> bool:
    """Whether the record is one with which a station that nobody created may appear."""
    is_boot = record.station_call.action in _BOOTS
    return is_boot or record.connection.state == ConnectionState.CONNECTION_STATE_OPEN


async def handled(unit: Unit, item: Incoming, record: Record) -> list[Outgoing]:
    """Handle one record in the unit's transaction and return what to publish after its commit."""
    if tracing.active is not None:
        tracing.active.turn_to(record.record_id, record.station_id)
    body = record.WhichOneof("body")
    if body == "station_call":
        return [*await _answered(unit, record), *unit.take_following()]
    if body == "command_result":
        return [*await command_result.handle(unit, record), *unit.take_following()]
    if body == "call_order":
        return await call_order.handle(unit, record)
    if body == "connection":
        await connection_record.handle(unit, record)
        return unit.take_following()
    quiet = _WITHOUT_ANSWER.get(body or "")
    if quiet is None:
        raise Never(f"{item.topic} carries no {body}")
    await quiet(unit, record)
    return []


async def _answered(unit: Unit, record: Record) -> list[Outgoing]:
    call = record.station_call
    if call.no_reply:
        await _sent(unit, record)
        return []
    handler = HANDLERS.get((call.protocol, call.action))
    if handler is None:
        return [error_to(call, record.station_id, ErrorCode.NOT_IMPLEMENTED, f"{call.action} is not handled")]
    try:
        payload = await handler(unit, await station_message(record))
    except OcppError as error:
        answer = error_to(call, record.station_id, error.code, error.description)
    else:
        answer = reply_to(call, payload=orjson.dumps(payload), station_id=record.station_id)
    return [answer]


async def _sent(unit: Unit, record: Record) -> None:
    """Handle a SEND, which is never answered; what has no handler is recorded as it came."""
    call = record.station_call
    message = await station_message(record)
    handler = HANDLERS.get((call.protocol, call.action))
    if handler is None:
        await record_message(unit, message)
        return
    with suppress(OcppError):  # there is nobody to tell
        await handler(unit, message)


class PresenceRecords:
    """Handles gateway.presence, some of a batch's stations in a transaction."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        summaries = [item.record.presence for item in batch if item.record and item.record.HasField("presence")]
        await presence_summary.handle(self._units, summaries)
        return []
