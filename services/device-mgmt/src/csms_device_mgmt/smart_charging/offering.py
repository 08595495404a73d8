"""Sends a vehicle the schedule that was made for its needs, once its transaction is known (K15.FR.07, K19.FR.07).

A TxProfile names its transaction, which the transactions service tells: before the vehicle's needs come, or after.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_OID, uuid5

from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.call_rows import CallState
from csms_device_mgmt.commands.command import Command, Target, outgoing, target_of_call
from csms_device_mgmt.commands.new_call import new_call, timeout_s
from csms_device_mgmt.smart_charging import schedules, station_limits
from csms_device_mgmt.smart_charging.charging_needs import Needs
from csms_device_mgmt.smart_charging.tx_profiles import Of, own_id, set_charging_profile
from csms_device_mgmt.tables import ChargingEvse, Station
from csms_device_mgmt.unit import Unit

REQUESTED_BY = "smart-charging"
"""Who asked, in the history of calls."""
WAITS = timedelta(minutes=10)
"""How long needs are good for a transaction that is not known yet. Later, the vehicle has begun without a schedule."""


class Line(NamedTuple):
    """A connection, and what is spoken on it."""

    protocol: str
    target: Target


async def offer(unit: Unit, station: Station, row: ChargingEvse, line: Line, at: datetime) -> None:
    """Send a schedule for the needs in the row to its transaction, if there are both and it has none for them yet.

    It goes out behind the answer to what is being handled. `at`: when it begins; the same when all is done again.
    """
    if row.needs is None or row.needs_at is None or not row.is_running or row.transaction_id is None:
        return
    if at - row.needs_at > WAITS:
        return
    known = await station_limits.read(unit.session, station.station_id, row.evse_id)
    needs = Needs.from_json(row.needs)
    periods = schedules.made(needs, known.limits, at)
    profile_id = own_id(row.evse_id, known.max_external_id)
    if periods is None or profile_id is None:
        return
    of, is_dynamic = Of(row.evse_id, row.transaction_id), needs.is_dynamic and known.limits.takes_dynamic
    payload = set_charging_profile(of, profile_id, periods, known.limits, at, is_dynamic=is_dynamic)
    call_id = str(uuid5(NAMESPACE_OID, f"{row.needs_record_id} {row.transaction_id}"))
    timeout = timeout_s(unit, station)
    row.offered_to = row.transaction_id
    await _send(
        unit, Command(call_id, station.station_id, line.protocol, "SetChargingProfile", payload, timeout), line.target
    )


async def _send(unit: Unit, command: Command, target: Target) -> None:
    """Record the call and have it sent; one that is recorded and open is published again: the gateway sends it once."""
    added = await call_rows.add(unit.session, await new_call(unit, command, target, requested_by=REQUESTED_BY))
    if added is not None:
        unit.send(outgoing(command, target))
        return
    row = await call_rows.find(unit.session, command.call_id)
    earlier = target_of_call(row) if row is not None and row.state == CallState.OPEN else None
    if earlier is not None:
        unit.send(outgoing(command, earlier))
