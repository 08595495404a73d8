"""What transactions tells of transactions: which one is at an EVSE, so that its vehicle can get a schedule."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent, Transaction
from csms_bus.ports import Incoming, Outgoing
from csms_ocpp import station_ids
from csms_runtime.clock import from_ms

from csms_device_mgmt.commands.command import target_of_station
from csms_device_mgmt.smart_charging import charging_evse_rows
from csms_device_mgmt.smart_charging.offering import Line, offer
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import ChargingEvse, Station
from csms_device_mgmt.unit import Unit, Units

_KINDS = ("transaction_started", "transaction_updated", "transaction_ended")
_ENDED = "Ended"
_LONGEST_ID = 36


class _Told(NamedTuple):
    transaction: Transaction
    at: datetime


class TransactionEventRecords:
    """Handles events.transactions, a batch in one transaction. The same record again changes nothing.

    Only of stations whose vehicles get schedules anything is kept.
    """

    def __init__(self, units: Units) -> None:
        self._units = units

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        told = [one for item in batch if item.record is not None and (one := _told(item.record)) is not None]
        keys = {station_ids.key(one.transaction.station_id) for one in told}
        if not keys:
            return []
        async with self._units.reading() as session:
            wanted = await charging_evse_rows.with_schedules(session, keys)
        if wanted:
            await self._apply([one for one in told if station_ids.key(one.transaction.station_id) in wanted])
        return []

    async def _apply(self, told: Sequence[_Told]) -> None:
        async with self._units.open() as unit:
            stations = await station_rows.lock_any_case(
                unit.session, sorted({one.transaction.station_id for one in told})
            )
            for one in told:
                station = stations.get(one.transaction.station_id)
                if station is not None:
                    await _charges(unit, station, one)


def _told(record: Record) -> _Told | None:
    """Return the transaction of an event; None: it is of none, or of one that is not at an EVSE yet."""
    event: DomainEvent = record.event
    kind = event.WhichOneof("event")
    if kind not in _KINDS:
        return None
    transaction: Transaction = getattr(event, kind).transaction
    is_placed = transaction.evse_id > 0 and 0 < len(transaction.transaction_id) <= _LONGEST_ID
    return _Told(transaction, from_ms(event.occurred_at_ms)) if is_placed else None


async def _charges(unit: Unit, station: Station, told: _Told) -> None:
    """Note the transaction at its EVSE, and offer its vehicle the schedule that it waits for."""
    transaction, at = told
    row = await charging_evse_rows.lock(unit.session, station.station_id, transaction.evse_id, at)
    if not _is_news(row, transaction):
        return
    over = _over_since(row, told)
    if over is not None and row.needs_at is not None and row.needs_at < over:
        row.needs, row.needs_at, row.offered_to = None, None, None
    row.transaction_id, row.started_at = transaction.transaction_id, from_ms(transaction.started_at_ms)
    row.revision, row.is_running = transaction.revision, transaction.state != _ENDED
    row.updated_at = at
    target = target_of_station(unit, station)
    if target is not None and station.connection_protocol and row.offered_to != row.transaction_id:
        await offer(unit, station, row, Line(station.connection_protocol, target), at)


def _is_news(row: ChargingEvse, transaction: Transaction) -> bool:
    """Whether the row does not say it yet, nor anything newer: records come twice, and late."""
    if row.transaction_id == transaction.transaction_id:
        return transaction.revision > row.revision
    return row.started_at is None or from_ms(transaction.started_at_ms) >= row.started_at


def _over_since(row: ChargingEvse, told: _Told) -> datetime | None:
    """Return from when on there is another vehicle; None: it is the same one. What was needed before is over."""
    transaction = told.transaction
    if transaction.state == _ENDED:
        return from_ms(transaction.ended_at_ms) if transaction.ended_at_ms else told.at
    is_others = row.offered_to is not None and row.offered_to != transaction.transaction_id
    return from_ms(transaction.started_at_ms) if is_others else None
