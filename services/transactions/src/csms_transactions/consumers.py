"""Handles polled batches: reads the records, has them stored, answers the stations."""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import StationCall
from csms_bus.ports import Incoming, Outgoing
from csms_bus.runner import Never
from csms_bus.several_answers import SeveralAnswers
from csms_ocpp.errors import ErrorCode, OcppError
from csms_runtime import heavy
from csms_runtime.metrics import TRANSACTION_BATCH_RECORDS, TRANSACTION_EVENTS

from csms_transactions import replies, versions
from csms_transactions.batch import Batch, BatchEvent, Written
from csms_transactions.closing.closing import Closing
from csms_transactions.events.writer import BatchWriter
from csms_transactions.handlers import meter_values, results, transaction_event
from csms_transactions.tokens.asking import TokenAnswers

_log = structlog.get_logger(__name__)


class Consumer:
    """The batch handler. Idempotent: a batch that comes again changes nothing, and is answered again."""

    def __init__(self, writer: BatchWriter, tokens: TokenAnswers, closing: Closing) -> None:
        self._writer = writer
        self._tokens = tokens
        self._closing = closing

    async def __call__(self, polled: Sequence[Incoming]) -> list[Outgoing]:
        """Handle a batch. Return what must be published now; stations whose tokens auth decides are answered later.

        Raises csms_bus.runner.Later when the database cannot be reached.
        """
        TRANSACTION_BATCH_RECORDS.observe(len(polled))
        batch = await heavy.run(_largest(polled), partial(read, polled))
        if batch.limitable:
            transaction_event.take_limits(batch, await self._writer.limits(batch))
        self._writer.note_priced(batch)
        writing = asyncio.create_task(self._write(batch))
        try:
            await asyncio.sleep(
                0
            )  # the writing now waits for the disk or the database, which takes longer than the answers
            several = SeveralAnswers()
            transaction_event.plain_replies(batch, several)
            meter_values.plain_replies(batch, several)
            answers = [*batch.replies, *several.records]
        finally:
            written = await writing
        return [*answers, *transaction_event.replies_after(batch, written)] if batch.answered_after else answers

    async def _write(self, batch: Batch) -> Written:
        # Also about tokens whose station does not wait any more: each token gets its decision.
        asking = _numbered(batch.events)
        written = await (self._ask_and_write(batch, asking) if asking else self._writer.write(batch))
        if batch.statuses:
            await self._closing.hear(batch.statuses)
        return written

    async def _ask_and_write(self, batch: Batch, asking: Sequence[BatchEvent]) -> Written:
        question = await self._tokens.ask(asking)
        try:
            written = await self._writer.write(batch, await self._tokens.soon(question))
        except BaseException:
            question.abandon()
            raise
        question.confirm(written)
        return written


def _numbered(events: list[BatchEvent]) -> list[BatchEvent]:
    """Number the questions about tokens. Return the events that have one."""
    asking: list[BatchEvent] = []
    for position, item in enumerate(events):
        if item.token is not None:
            events[position] = item.asked_as(len(asking))
            asking.append(item)
    return asking


def _largest(polled: Sequence[Incoming]) -> int:
    """Return the bytes of the largest record: its payload, and some hundred bytes."""
    return max((len(incoming.value) for incoming in polled), default=0)


def read(polled: Sequence[Incoming]) -> Batch:
    """Read the records, sorted by kind. A message that can't be used gets a CALLERROR and goes no further."""
    batch = Batch()
    for incoming in polled:
        if incoming.record is not None:
            _read_record(batch, incoming.record)
    return batch


def _read_record(batch: Batch, record: Record) -> None:
    match record.WhichOneof("body"):
        case "station_call":
            _read_call(batch, record.station_id, record.station_call)
        case "command_result":
            results.read(batch, record.station_id, record.command_result)
        case other:
            raise Never(f"a record with {other} does not belong here")


def _read_call(batch: Batch, station_id: str, call: StationCall) -> None:
    version = versions.of(call.protocol)
    try:
        if version is not None and (event := version.events.get(call.action)):
            transaction_event.read(batch, station_id, call, event(call.payload))
        elif version is not None and (values := version.meter_values.get(call.action)):
            meter_values.read(batch, station_id, call, values(call.payload))
        else:
            text = f"{call.action} is not supported with {call.protocol}"
            batch.replies += replies.error(station_id, call, ErrorCode.NOT_SUPPORTED, text)
    except OcppError as error:
        TRANSACTION_EVENTS.labels("invalid").inc()
        _log.warning("call refused", station_id=station_id, action=call.action, reason=str(error))
        batch.replies += replies.error(station_id, call, error.code, error.description)
