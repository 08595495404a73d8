"""Rows of calls that a transaction has locked: those of a batch of results are read with one statement."""

from collections.abc import Collection

from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.tables import Call
from csms_device_mgmt.unit import Unit


async def load(unit: Unit, call_ids: Collection[str]) -> None:
    """Lock the rows of calls that results are about. Their stations' rows must be locked before."""
    if call_ids:
        unit.calls |= await call_rows.lock_all(unit.session, call_ids)


async def held(unit: Unit, call_id: str) -> Call | None:
    """Return the call's row as it is now, locked until the transaction ends, or None."""
    found = unit.calls.get(call_id)
    return await call_rows.lock(unit.session, call_id) if found is None else found
