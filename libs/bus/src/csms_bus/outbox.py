"""Puts a service's outbox on the bus."""

from collections.abc import Mapping, Sequence

import structlog
from csms.v1.bus_pb2 import Record
from csms_db.outbox import Failure, OutboxRecord, Publish
from google.protobuf.message import DecodeError

from csms_bus.ports import Bus, BusError, Outgoing, RecordRefused

_log = structlog.get_logger(__name__)


def publisher(bus: Bus) -> Publish:
    """Return the function by which a `csms_db.outbox.OutboxRelay` publishes the stored bytes as they are."""

    async def publish(records: Sequence[OutboxRecord]) -> Mapping[int, Failure]:
        try:
            outgoing = [_outgoing(record) for record in records]
            await bus.publish(outgoing)
        except BusError as error:
            return {
                at: Failure(str(failed), final=isinstance(failed, RecordRefused))
                for at, failed in error.of_each(len(records)).items()
            }
        except Exception as error:  # noqa: BLE001 one record must not hold up the others, whatever it is
            return await _one_by_one(publish, records, error)
        return {}

    return publish


async def _one_by_one(publish: Publish, records: Sequence[OutboxRecord], error: Exception) -> Mapping[int, Failure]:
    if len(records) == 1:
        _log.error("record cannot be published", topic=records[0].topic, exc_info=error)
        return {0: Failure(f"{type(error).__name__}: {error}", final=True)}
    alone = [await publish([record]) for record in records]
    return {at: failed[0] for at, failed in enumerate(alone) if failed}


def _outgoing(stored: OutboxRecord) -> Outgoing:
    try:
        record = Record.FromString(stored.value)
    except DecodeError as error:
        raise ValueError("the stored value is no record") from error
    return Outgoing(stored.topic, record, partition=stored.partition, key=stored.key, stored=stored.value)
