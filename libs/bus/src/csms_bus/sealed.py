"""A bus on which nobody can read secrets: passwords, keys and key codes are sealed on their way between services.

It stands before a bus of either kind. A record that may hold a secret is sealed as a whole when it is published, and
opened when it is read. Services do not notice. Who can read topics but has no CSMS_SECRET_KEY sees only the station and
the kind of such a record. A service that writes such records into its outbox seals them there (`sealed`). A sealed
record is published as it is.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Self

import structlog
from csms.v1.bus_pb2 import Record, SealedBody
from csms_ocpp.redaction import may_hold_secret_as_sent
from csms_runtime.sealing import CannotOpen, Sealer
from google.protobuf.message import DecodeError

from csms_bus.ports import (
    MAX_BATCH_BYTES,
    Bus,
    Consumer,
    Incoming,
    Outgoing,
    Reader,
    RebalanceListener,
    Settled,
    Start,
    TopicPartition,
)

_log = structlog.get_logger(__name__)

_PAYLOADS: Mapping[str, Callable[[Record], Iterable[bytes]]] = {
    "station_call": lambda record: (record.station_call.payload,),
    "reply": lambda record: (record.reply.payload or record.reply.error.details,),  # it has one of them
    "replies": lambda record: (reply.payload or reply.error.details for reply in record.replies.replies),
    "station_command": lambda record: (record.station_command.payload,),
    "command_result": lambda record: (
        record.command_result.command.payload,
        record.command_result.payload,
        record.command_result.error.details,
    ),
    "call_order": lambda record: (record.call_order.payload,),
    "call_order_verdict": lambda record: (
        record.call_order_verdict.earlier.command.payload,
        record.call_order_verdict.earlier.payload,
    ),
    "authorization_request": lambda record: (
        each.id_token.type.encode() for each in record.authorization_request.questions
    ),
}
"""Bodies between services that may hold secrets. Events and the audit log are for others, and are redacted."""


def sealed(sealer: Sealer, outgoing: Outgoing) -> Outgoing:
    """Return the record, sealed if it may hold a secret."""
    if outgoing.tombstone:
        return outgoing
    if outgoing.stored is None:
        outgoing.stored = outgoing.encoded()
    record = outgoing.record
    kind = record.WhichOneof("body") or ""
    if kind != "dead_letter":
        closed = _sealed_record(sealer, record, kind)
    else:  # its record is in bytes: reading it is what is to be saved
        closed = _sealed_letter(sealer, record) if may_hold_secret_as_sent(outgoing.stored) else None
    # `stored` would be published instead of the sealed record.
    return outgoing if closed is None else replace(outgoing, record=closed, stored=None)


def _sealed_record(sealer: Sealer, record: Record, kind: str) -> Record | None:
    """Return the record, whose body is of this kind, sealed. None: it holds no secret."""
    payloads = _PAYLOADS.get(kind)
    if payloads is None or not any(map(may_hold_secret_as_sent, payloads(record))):
        return None
    content = sealer.seal(record.SerializeToString(), *_context(record))
    return Record(
        record_id=record.record_id,
        produced_at_ms=record.produced_at_ms,
        traceparent=record.traceparent,
        station_id=record.station_id,
        sealed=SealedBody(kind=kind, content=content),
    )


def _sealed_letter(sealer: Sealer, record: Record) -> Record | None:
    """Return a dead letter whose record is sealed again. When it is replayed, it is opened as before."""
    try:
        dead = Record.FromString(record.dead_letter.value)
        closed = _sealed_record(sealer, dead, dead.WhichOneof("body") or "")
    except DecodeError:
        return None
    if closed is None:
        return None
    letter = Record()
    letter.CopyFrom(record)
    letter.dead_letter.value = closed.SerializeToString()
    return letter


class SealedBus:
    """A bus before another one (a `Bus`)."""

    def __init__(self, bus: Bus, sealer: Sealer) -> None:
        self._bus = bus
        self._sealer = sealer

    @property
    def durable(self) -> bool:
        """See Bus."""
        return self._bus.durable

    async def start(self) -> None:
        """See Bus."""
        await self._bus.start()

    async def stop(self) -> None:
        """See Bus."""
        await self._bus.stop()

    async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
        """See Bus."""
        await self._bus.publish([sealed(self._sealer, outgoing) for outgoing in records], settled)

    async def subscribe(self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None) -> Consumer:
        """See Bus."""
        return _OpeningConsumer(await self._bus.subscribe(group, topics, listener), self._opened)

    def read(self, topic: str, *, partition: int | None, start: Start) -> Reader:
        """See Bus."""
        return _OpeningReader(self._bus.read(topic, partition=partition, start=start), self._opened)

    def partitions(self, topic: str) -> int:
        """See Bus."""
        return self._bus.partitions(topic)

    def _opened(self, incoming: Incoming) -> Incoming:
        record = incoming.record
        if record is None or not record.HasField("sealed"):
            return incoming
        try:
            plain = self._sealer.open(record.sealed.content, *_context(record))
        except CannotOpen as error:
            _log.error("cannot open a sealed record", topic=incoming.topic, offset=incoming.offset, error=str(error))
            return incoming
        return replace(incoming, record=Record.FromString(plain))


def _context(record: Record) -> tuple[str, str]:
    """Return what a sealed body belongs to. It can't be used for another station or another record."""
    return record.station_id, record.record_id


class _OpeningConsumer:
    """A consumer whose records are opened."""

    def __init__(self, consumer: Consumer, opened: Callable[[Incoming], Incoming]) -> None:
        self._consumer = consumer
        self._opened = opened

    async def poll(self, *, max_records: int, timeout_s: float, max_bytes: int = MAX_BATCH_BYTES) -> Sequence[Incoming]:
        found = await self._consumer.poll(max_records=max_records, timeout_s=timeout_s, max_bytes=max_bytes)
        return list(map(self._opened, found))

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._consumer.commit(offsets)

    async def rewind(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._consumer.rewind(offsets)

    async def behind(self) -> int:
        return await self._consumer.behind()

    async def close(self) -> None:
        await self._consumer.close()


class _OpeningReader:
    """A reader whose records are opened."""

    def __init__(self, reader: Reader, opened: Callable[[Incoming], Incoming]) -> None:
        self._reader = reader
        self._opened = opened

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._reader.__aexit__(*exc_info)

    async def batches(self) -> AsyncIterator[Sequence[Incoming]]:
        async for batch in self._reader.batches():
            yield [self._opened(incoming) for incoming in batch]
