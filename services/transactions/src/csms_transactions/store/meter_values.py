"""Statements on `meter_values`."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from csms_db.sql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.tables import meter_values
from csms_transactions.work import MeterValuesWork


async def add(session: AsyncSession, dialect: str, messages: Sequence[MeterValuesWork]) -> None:
    """Store messages; those that are stored already change nothing."""
    if messages:
        statement = insert(dialect)(meter_values).on_conflict_do_nothing(index_elements=["id"])
        await session.execute(statement, [_row(message) for message in messages])


def _row(message: MeterValuesWork) -> dict[str, Any]:
    """A message has no number of its own: its id is a digest of who said what."""
    digest = blake2b(message.station_id.encode(), digest_size=16)
    digest.update(b"\0" + message.call.payload)
    return {
        "id": digest.hexdigest(),
        "station_id": message.station_id,
        "evse_id": message.evse_id,
        "timestamp": message.timestamp,
        "received_at": message.received_at,
        "payload": message.call.payload,
    }
