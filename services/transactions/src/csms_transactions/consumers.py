"""The consumer groups: one polled batch is one database transaction."""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import StationCall
from csms_bus.ports import Incoming, Outgoing
from csms_bus.runner import Never
from csms_ocpp.errors import ErrorCode, OcppError
from csms_runtime import heavy
from csms_runtime.metrics import TRANSACTION_BATCH_RECORDS, TRANSACTION_EVENTS

from csms_transactions import replies, versions
from csms_transactions.closing import Closing
from csms_transactions.handlers import meter_values, results, transaction_event
from csms_transactions.storing import Storing
from csms_transactions.tokens import TokenAnswers
from csms_transactions.work import EventWork, Result, Work

_log = structlog.get_logger(__name__)


class Consumer:
    """Handles batches: reads, stores, answers. Idempotent: a batch that comes again changes nothing and is answered."""

    def __init__(self, storing: Storing, tokens: TokenAnswers, closing: Closing) -> None:
        self._storing = storing
        self._tokens = tokens
        self._closing = closing

    async def __call__(self, batch: Sequence[Incoming]) -> list[Outgoing]:
        """Handle a batch; return what is to be published now. Stations whose tokens auth decides are answered later.

        Raises csms_bus.runner.Later when the database cannot be reached.
        """
        TRANSACTION_BATCH_RECORDS.observe(len(batch))
        work = await heavy.run(_largest(batch), partial(read, batch))
        storing = asyncio.create_task(self._store(work))
        try:
            await asyncio.sleep(0)  # it comes as far as to wait for the disk or the database, which takes longer
            answers = [*work.replies, *transaction_event.plain_replies(work), *meter_values.plain_replies(work)]
        finally:
            result = await storing
        return [*answers, *transaction_event.replies_after(work, result)] if work.answered_after else answers

    async def _store(self, work: Work) -> Result:
        # Also about those whose station does not wait any more: what it was not told is decided all the same.
        asking = _numbered(work.events)
        result = await (self._store_and_ask(work, asking) if asking else self._storing.store(work))
        if work.statuses:
            await self._closing.hear(work.statuses)
        return result

    async def _store_and_ask(self, work: Work, asking: Sequence[EventWork]) -> Result:
        question = await self._tokens.ask(asking)
        try:
            result = await self._storing.store(work, await self._tokens.soon(question))
        except BaseException:
            question.abandon()
            raise
        question.confirm(result)
        return result


def _numbered(events: list[EventWork]) -> list[EventWork]:
    """Number the questions about the tokens in events, and return those events."""
    asking: list[EventWork] = []
    for position, item in enumerate(events):
        if item.token is not None:
            events[position] = item.asked_as(len(asking))
            asking.append(item)
    return asking


def _largest(batch: Sequence[Incoming]) -> int:
    """The size of the largest payload of a batch, in bytes."""
    return max((_size(incoming.record) for incoming in batch if incoming.record is not None), default=0)


def _size(record: Record) -> int:
    return len(record.station_call.payload) + len(record.command_result.payload)


def read(batch: Sequence[Incoming]) -> Work:
    """Sort a batch by kind. What nobody can use is answered with a CALLERROR and goes no further."""
    work = Work()
    for incoming in batch:
        if incoming.record is not None:
            _read_record(work, incoming.record)
    return work


def _read_record(work: Work, record: Record) -> None:
    match record.WhichOneof("body"):
        case "station_call":
            _read_call(work, record.station_id, record.station_call)
        case "command_result":
            results.read(work, record.station_id, record.command_result)
        case other:
            raise Never(f"a record with {other} does not belong here")


def _read_call(work: Work, station_id: str, call: StationCall) -> None:
    version = versions.of(call.protocol)
    try:
        if version is not None and (event := version.events.get(call.action)):
            transaction_event.read(work, station_id, call, event(call.payload))
        elif version is not None and (values := version.meter_values.get(call.action)):
            meter_values.read(work, station_id, call, values(call.payload))
        else:
            text = f"{call.action} is not supported with {call.protocol}"
            work.replies += replies.error(station_id, call, ErrorCode.NOT_SUPPORTED, text)
    except OcppError as error:
        TRANSACTION_EVENTS.labels("invalid").inc()
        _log.warning("call refused", station_id=station_id, action=call.action, reason=str(error))
        work.replies += replies.error(station_id, call, error.code, error.description)
