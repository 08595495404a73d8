"""What stations send and are sent is told to the message log: without secrets, bounded, and nothing waits for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from csms.v1.station_pb2 import MESSAGE_DIRECTION_IN, LoggedMessage
from csms_bus.memory import MemoryBus
from csms_bus.ports import BusUnavailable, Outgoing, Start
from csms_bus.topics import STATION_MESSAGES
from csms_gateway.messages.exchanges import Exchanges, Frame
from csms_gateway.messages.message_log import MessageLog
from csms_ocpp.versions import Protocol
from csms_runtime import metrics

MIB = 1024 * 1024
V201, V16 = Protocol.OCPP201, Protocol.OCPP16


class Kept:
    """A log on a bus, and what it has published."""

    def __init__(self, log: MessageLog, reader: Any) -> None:
        self.log = log
        self._batches = reader.batches()

    async def messages(self, count: int) -> list[tuple[str, LoggedMessage]]:
        """The next messages, with their stations."""
        found: list[tuple[str, LoggedMessage]] = []
        async with asyncio.timeout(5):
            while len(found) < count:
                for incoming in await anext(self._batches):
                    found += [(incoming.key, one) for one in incoming.record.message_log.messages]
        return found

    async def only(self) -> LoggedMessage:
        ((_, message),) = await self.messages(1)
        return message


@asynccontextmanager
async def running(log: MessageLog) -> AsyncIterator[None]:
    task = asyncio.create_task(log.run())
    try:
        yield
    finally:
        task.cancel()


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    bus = MemoryBus()
    log = MessageLog(bus, most_bytes=16 * MIB, entry_bytes=2000, deadline_s=5)
    async with bus.read(STATION_MESSAGES.name, partition=None, start=Start.END) as reader, running(log):
        yield Kept(log, reader)


async def test_a_request_and_its_answer_are_one_message(kept: Kept) -> None:
    station = kept.log.of("CS1", V201)
    station.received(b'[2,"1","Heartbeat",{}]')
    station.sent('[3,"1",{"currentTime":"2026-01-01T00:00:00Z"}]')
    ((key, message),) = await kept.messages(1)
    assert (key, message.action, message.message_id, message.outcome) == ("CS1", "Heartbeat", "1", "result")
    assert message.direction == MESSAGE_DIRECTION_IN
    assert (message.request, message.request_bytes) == (b'[2,"1","Heartbeat",{}]', 22)
    assert message.answer.startswith(b'[3,"1",')
    assert not message.answer_truncated
    assert message.latency_us >= 0
    assert message.at_us > 1_700_000_000_000_000


async def test_secrets_are_masked_in_requests_answers_and_what_cannot_be_read(kept: Kept) -> None:
    station = kept.log.of("CS1", V201)
    place = '"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}'
    station.sent('[2,"1","SetVariables",{"setVariableData":[{"attributeValue":"correct-horse",' + place + "}]}]")
    station.received(b'[4,"1","GenericError","correct-horse is too short",{}]')
    station.received(b'[2,"2","Authorize",{"idToken":{"idToken":"1234","type":"KeyCode"}}]')
    station.sent('[3,"2",{"idTokenInfo":{"status":"Accepted"}}]')
    station.received(b'[2,"3","X",{"password":"correct-horse"')
    station.ended()
    told = await kept.messages(3)
    shown = b"".join(one.request + one.answer for _, one in told)
    assert b"correct-horse" not in shown
    assert b"1234" not in shown
    assert b"BasicAuthPassword" in shown
    assert b"Accepted" in shown
    other = kept.log.of("CS2", V16)
    other.sent('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"DEADBEEF"}]')
    other.received(b'[3,"1",{"status":"Accepted"}]')
    assert b"DEADBEEF" not in (await kept.only()).request


async def test_large_frames_are_cut(kept: Kept) -> None:
    station = kept.log.of("CS1", V201)
    station.received(b'[2,"1","DataTransfer",{"data":"%s"}]' % (b"x" * 5000))
    station.sent('[3,"1",{"data":"' + "y" * 300_000 + '"}]')
    message = await kept.only()
    assert (len(message.request), message.request_truncated, message.request_bytes > 5000) == (2000, True, True)
    assert (message.answer, message.answer_truncated, message.answer_bytes > 300_000) == (b"", True, True)


async def test_a_station_that_sends_without_end_pushes_out_nobody(kept: Kept) -> None:
    """Its own messages are missing, and counted."""
    flooding, quiet = kept.log.of("FLOOD", V201), kept.log.of("CS1", V201)
    before = metrics.GATEWAY_MESSAGES_NOT_LOGGED.labels("station")._value.get()
    for number in range(3000):
        flooding.received(b'[2,"%d","DataTransfer",{"data":"%s"}]' % (number, b"x" * 1000))
        flooding.sent(f'[3,"{number}",{{}}]')
    quiet.received(b'[2,"1","Heartbeat",{}]')
    quiet.sent('[3,"1",{}]')
    assert metrics.GATEWAY_MESSAGES_NOT_LOGGED.labels("station")._value.get() > before
    assert metrics.GATEWAY_MESSAGE_LOG_BYTES._value.get() <= 2 * MIB
    told: list[str] = []
    while "CS1" not in told:
        told += [key for key, _ in await kept.messages(1)]
    assert told.count("FLOOD") > 300
    reconnected = kept.log.of("FLOOD", V201)  # once it was published there is room again
    await kept.log.drain()
    reconnected.received(b'[2,"1","Heartbeat",{}]')
    reconnected.sent('[3,"1",{}]')
    assert (await kept.messages(1))[-1][1].action == "Heartbeat"


class Away(MemoryBus):
    """A bus that fails, or takes its time."""

    def __init__(self, pause_s: float) -> None:
        super().__init__()
        self._pause_s = pause_s

    async def publish(self, records: Sequence[Outgoing], settled: Any = None) -> None:
        del records, settled
        await asyncio.sleep(self._pause_s)
        raise BusUnavailable("away")


@pytest.mark.parametrize("pause_s", [0, 100], ids=["fails", "hangs"])
async def test_a_bus_that_is_away_costs_messages_and_no_memory(pause_s: float) -> None:
    log = MessageLog(Away(pause_s), most_bytes=MIB, entry_bytes=2000, deadline_s=0.2)
    async with running(log):
        for number in range(40):
            station = log.of(f"CS{number}", V201)
            for message in range(200):
                station.received(b'[2,"%d","Heartbeat",{}]' % message)
                station.sent(f'[3,"{message}",{{}}]')
            assert metrics.GATEWAY_MESSAGE_LOG_BYTES._value.get() <= MIB
        async with asyncio.timeout(5):
            while metrics.GATEWAY_MESSAGE_LOG_BYTES._value.get():  # noqa: ASYNC110 a number tells nobody
                await asyncio.sleep(0.05)


async def test_stations_are_answered_while_the_log_cannot_be_published(system) -> None:
    system.bus.broken = frozenset({STATION_MESSAGES.name})
    station = await system.connect("CS1")
    assert (await station.call("Heartbeat", {}))[0] == 3
    await system.bus.refused.wait()
    assert (await station.call("Heartbeat", {}))[0] == 3


async def test_a_frame_that_nothing_can_be_made_of_loses_no_other(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Exchanges.take

    def take(self: Exchanges, frame: Frame, *, by_station: bool) -> None:
        if "odd" in str(frame.data):
            raise ValueError("a mistake of ours")
        taken(self, frame, by_station=by_station)

    monkeypatch.setattr(Exchanges, "take", take)
    odd, other = kept.log.of("CS1", V201), kept.log.of("CS2", V201)
    odd.received(b'[2,"odd","Heartbeat",{}]')
    other.received(b'[2,"1","Heartbeat",{}]')
    other.sent('[3,"1",{"currentTime":"2026-01-01T00:00:00Z"}]')
    assert (await kept.only()).message_id == "1"
    assert odd.share.bytes == 0
