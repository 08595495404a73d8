"""Notes remote starts that callers order as calls at device-mgmt, before they are sent, as if they were our own."""

from collections.abc import Sequence

from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import RemoteStart, RemoteStartNoted
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import new_record
from csms_db.engine import Database
from csms_runtime.clock import from_ms
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import IdToken
from csms_transactions.store import remote_requests
from csms_transactions.store.remote_requests import RemoteRequest
from csms_transactions.versions import NOTED_START, UNNUMBERED_START


class RemoteStartRecords:
    """Handles transactions.starts, a batch in one transaction. The same record again changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        records = [item.record for item in batch if item.record is not None and item.record.HasField("remote_start")]
        if records:
            async with self._database.transaction() as session:
                for record in records:
                    await self._note(session, _request(record.station_id, record.remote_start))
        return [_noted(record) for record in records]

    async def _note(self, session: AsyncSession, request: RemoteRequest) -> None:
        noted = remote_requests.note_with_new_id if request.remote_start_id is None else remote_requests.note
        await noted(session, self._database.dialect, request)


def _request(station_id: str, start: RemoteStart) -> RemoteRequest:
    return RemoteRequest(
        start.call_id,
        station_id,
        start.action or NOTED_START,
        from_ms(start.requested_at_ms),
        None if start.action == UNNUMBERED_START else start.remote_start_id,
        None,
        start.evse_id or None,
        IdToken(start.id_token, start.id_token_type),
    )


def _noted(record: Record) -> Outgoing:
    start = record.remote_start
    answer = new_record(record.station_id, remote_start_noted=RemoteStartNoted(correlation_id=start.correlation_id))
    return Outgoing(start.reply_to.topic, answer, partition=start.reply_to.partition)
