"""What any service's consumer gave up is kept here, for people to look at and to publish again."""

from collections.abc import Sequence
from typing import Any

import structlog
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_runtime.clock import from_ms

from csms_device_mgmt.dead_letters import dead_letter_rows

_log = structlog.get_logger(__name__)

_LONGEST_KEY = 255
_LONGEST_REASON = 500


class DeadLetterRecords:
    """Handles the topic dead-letters, a batch in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        rows = [_row(item) for item in batch if item.record is not None and item.record.HasField("dead_letter")]
        if rows:
            async with self._database.transaction() as session:
                dropped = await dead_letter_rows.add(session, rows)
            if dropped:
                _log.error("dead letters are dropped: too many", records=dropped)
        return []


def _row(item: Incoming) -> dict[str, Any]:
    record = item.record
    if record is None:
        raise ValueError("a tombstone")
    letter = record.dead_letter
    return {
        "record_id": record.record_id,
        "station_id": _storable(item.key, _LONGEST_KEY),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "group": letter.group,
        "reason": _storable(letter.reason, _LONGEST_REASON),
        "value": letter.value,
        "size": len(letter.value),
        "died_at": from_ms(record.produced_at_ms),
    }


def _storable(text: str, longest: int) -> str:
    """Return text as PostgreSQL takes it: keys of undecodable records are not ours to judge."""
    return text.replace("\0", "")[:longest]
