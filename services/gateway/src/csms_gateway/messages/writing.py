"""Writes exchanges as records of the message log, without secrets."""

import asyncio
from collections.abc import Sequence
from functools import partial

from csms.v1.station_pb2 import MESSAGE_DIRECTION_IN, MESSAGE_DIRECTION_OUT, LoggedMessage
from csms_bus.ports import Outgoing
from csms_bus.records import envelope
from csms_bus.topics import STATION_MESSAGES
from csms_ocpp.masked_frames import Masked, masked
from csms_ocpp.versions import Protocol
from csms_runtime import heavy
from csms_runtime.texts import storable

from csms_gateway.messages.exchanges import NOWHERE, Exchange, Frame

LONGEST = 256 * 1024
"""Bytes. Nothing is shown of a longer frame: who looks for secrets must read all of it."""
_RECORD_BYTES = 256 * 1024
"""When messages of a station have so many bytes, a record ends."""
_STEP = 50
"""So many exchanges are written in a row; then stations have their turn."""
_OTHER_BYTES = 100
_LONGEST_WORD, _LONGEST_DETAIL = 64, 500


async def records_of(
    station_id: str, protocol: Protocol, exchanges: Sequence[Exchange], entry_bytes: int
) -> list[Outgoing]:
    """Return the records of a station's exchanges. `entry_bytes`: of a frame that are kept."""
    records: list[Outgoing] = []
    size = _RECORD_BYTES
    for number, exchange in enumerate(exchanges, start=1):
        if exchange.outcome == NOWHERE:
            continue
        if size >= _RECORD_BYTES:
            records.append(Outgoing(STATION_MESSAGES.name, envelope(station_id)))
            size = 0
        message = records[-1].record.message_log.messages.add()
        await _write(message, protocol, exchange, entry_bytes)
        size += len(message.request) + len(message.answer) + _OTHER_BYTES
        if number % _STEP == 0:
            await asyncio.sleep(0)
    return records


async def _write(message: LoggedMessage, protocol: Protocol, exchange: Exchange, entry_bytes: int) -> None:
    request, answer, notice = exchange.request, exchange.answer, exchange.notice
    message.id = exchange.id
    message.at_us = request.at_us
    message.direction = MESSAGE_DIRECTION_IN if exchange.by_station else MESSAGE_DIRECTION_OUT
    message.action = storable(exchange.action[:_LONGEST_WORD])
    message.message_id = storable(exchange.message_id[:_LONGEST_WORD])
    message.outcome = exchange.outcome
    text, secrets = await _masked(protocol, request, ())
    message.request = text[:entry_bytes]
    message.request_bytes = request.size
    message.request_truncated = request.size > LONGEST or len(text) > entry_bytes
    if answer is not None:
        text, _ = await _masked(protocol, answer, secrets)
        message.answer = text[:entry_bytes]
        message.answer_bytes = answer.size
        message.answer_truncated = answer.size > LONGEST or len(text) > entry_bytes
        message.latency_us = max(0, answer.at_us - request.at_us)
    if notice is not None:
        message.notice = notice.kind.value
        message.notice_detail = storable(notice.detail[:_LONGEST_DETAIL])


async def _masked(protocol: Protocol, frame: Frame, secrets: Sequence[str]) -> Masked:
    if frame.size > LONGEST:
        return Masked(b"", ())
    data = frame.data.encode() if isinstance(frame.data, str) else frame.data
    if len(data) < heavy.HEAVY_BYTES:  # nearly all: a call less
        return masked(protocol, data, secrets)
    return await heavy.run(len(data), partial(masked, protocol, data, secrets))
