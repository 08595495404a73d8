"""Publishes what stations send and are sent, for the message log (services/history), and delays nothing by it.

While a frame is handled, it is only put into a queue. A task joins, masks and publishes what is in it, several times a
second. When the queue has too many bytes, further frames are missing in the log, and are counted.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import NamedTuple
from weakref import WeakValueDictionary

import structlog
from csms_bus.ports import Bus, Outgoing
from csms_ocpp.effects import Notice
from csms_ocpp.versions import Protocol
from csms_runtime import metrics

from csms_gateway.messages.exchanges import Exchange, Exchanges, Frame
from csms_gateway.messages.writing import LONGEST, records_of
from csms_gateway.publisher import publish_within

_log = structlog.get_logger(__name__)

_EVERY_S = 0.25
_STEP = 100
"""So many frames are looked at in a row; then stations have their turn."""
_SHARE = 16
"""A station may have this part of the queue: one that sends as much as it may pushes out nobody else's messages."""
_FRAME_BYTES = 300
"""What a frame takes beside its text; about."""
_NOTE_BYTES = 300
_BEGINNING = 1024
_DRAIN_S = 2.0

_STATIONS = 500
"""Of so many stations messages are published at a time."""


class _Kind(Enum):
    RECEIVED = 1
    SENT = 2
    NOTICED = 3
    TIMED_OUT = 4
    ENDED = 5


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Share:
    """Of a station, also where it has two connections for a moment."""

    bytes: int = 0
    """Of its messages that wait."""


class _Event(NamedTuple):
    of: "StationMessages"
    kind: _Kind
    item: Frame | Notice | str


class StationMessages:
    """The messages of one connection. Its methods take a microsecond or two."""

    __slots__ = ("_log", "exchanges", "protocol", "share", "station_id")

    def __init__(self, log: "MessageLog", station_id: str, protocol: Protocol, share: _Share) -> None:
        self.station_id, self.protocol = station_id, protocol
        self.exchanges = Exchanges()
        self.share = share
        self._log = log

    def received(self, data: bytes) -> None:
        """Take what the station sent."""
        self._put(_Kind.RECEIVED, data)

    def sent(self, text: str) -> None:
        """Take what the station is sent."""
        self._put(_Kind.SENT, text)

    def noticed(self, notice: Notice) -> None:
        """Take what the session noticed of a message."""
        if self._log.takes(self.share, _NOTE_BYTES):
            self._log.put(_Event(self, _Kind.NOTICED, notice))

    def timed_out(self, message_id: str) -> None:
        """Learn that a request of the CSMS waits no longer for its answer."""
        self._log.put(_Event(self, _Kind.TIMED_OUT, message_id))

    def ended(self) -> None:
        """Learn that the connection has ended: what is open stays without an answer."""
        self._log.put(_Event(self, _Kind.ENDED, ""))

    def take(self, event: _Event) -> int:
        """Join an event with those before it. Return the bytes that are free at once."""
        item = event.item
        if isinstance(item, Frame):
            self.exchanges.take(item, by_station=event.kind is _Kind.RECEIVED)
        elif isinstance(item, Notice):
            self.exchanges.notice(item)
            return _NOTE_BYTES
        elif event.kind is _Kind.TIMED_OUT:
            self.exchanges.timed_out(item)
        else:
            self.exchanges.ended()
        return 0

    def _put(self, kind: _Kind, data: bytes | str) -> None:
        size = len(data)
        if size > LONGEST:
            data = data[:_BEGINNING]
        taken = len(data) + _FRAME_BYTES
        if self._log.takes(self.share, taken):
            self._log.put(_Event(self, kind, Frame(time.time_ns() // 1000, data, size, taken)))


class MessageLog:
    """Takes the messages of all stations of a gateway. `run` publishes them."""

    def __init__(self, bus: Bus, *, most_bytes: int, entry_bytes: int, deadline_s: float) -> None:
        """`most_bytes`: that wait at most; `entry_bytes`: of a frame that are kept; `deadline_s`: of the bus."""
        self._bus = bus
        self._most_bytes = most_bytes
        self._entry_bytes = entry_bytes
        self._deadline_s = deadline_s
        self._events: list[_Event] = []
        self._bytes = 0
        self._shares: WeakValueDictionary[str, _Share] = WeakValueDictionary()
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        metrics.GATEWAY_MESSAGE_LOG_BYTES.set_function(lambda: self._bytes)

    def of(self, station_id: str, protocol: Protocol) -> StationMessages:
        """Return what takes the messages of a new connection."""
        share = self._shares.get(station_id)
        if share is None:
            share = self._shares[station_id] = _Share()
        return StationMessages(self, station_id, protocol, share)

    def takes(self, share: _Share, size: int) -> bool:
        """Whether so many bytes more of a station find room. If so, they count from now on."""
        is_over = share.bytes + size > self._most_bytes // _SHARE
        if is_over or self._bytes + size > self._most_bytes:
            metrics.GATEWAY_MESSAGES_NOT_LOGGED.labels("station" if is_over else "full").inc()
            return False
        share.bytes += size
        self._bytes += size
        return True

    def put(self, event: _Event) -> None:
        """Take an event for which there is room. Never blocks."""
        self._events.append(event)
        self._changed.set()
        self._idle.clear()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_EVERY_S)  # what comes meanwhile is published with it
            self._changed.clear()
            await self._publish_all()
            if not self._events:
                self._idle.set()

    async def drain(self) -> None:
        """Wait until all is published, two seconds at most. `run` must be running."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _DRAIN_S)

    async def _publish_all(self) -> None:
        events, self._events = self._events, []
        stations: dict[StationMessages, None] = {}
        for number, event in enumerate(events, start=1):
            self._free(event.of, self._joined(event))
            stations[event.of] = None
            if number % _STEP == 0:
                await asyncio.sleep(0)
        for some in _batches(stations):
            await self._publish(some)

    def _joined(self, event: _Event) -> int:
        """Join an event with those before it. Return the bytes that are free at once."""
        try:
            return event.of.take(event)
        except Exception:  # noqa: BLE001 whatever a station sends: the messages of others go on
            _log.exception("message not logged", station_id=event.of.station_id)
            _lose(1)
            return event.item.taken if isinstance(event.item, Frame) else 0

    async def _publish(self, stations: Sequence[StationMessages]) -> None:
        records: list[Outgoing] = []
        done: list[tuple[StationMessages, int]] = []
        for station in stations:
            exchanges = station.exchanges.complete()
            done.append((station, sum(map(_taken, exchanges))))
            records += await self._written(station, exchanges)
        failed = await publish_within(self._bus, records, self._deadline_s) if records else {}
        for position in failed:
            _lose(len(records[position].record.message_log.messages))
        for station, size in done:
            self._free(station, size)

    async def _written(self, station: StationMessages, exchanges: Sequence[Exchange]) -> Sequence[Outgoing]:
        try:
            return await records_of(station.station_id, station.protocol, exchanges, self._entry_bytes)
        except Exception:  # noqa: BLE001 whatever a station sends: the messages of others go on
            _log.exception("messages not logged", station_id=station.station_id)
            _lose(len(exchanges))
            return ()

    def _free(self, station: StationMessages, size: int) -> None:
        station.share.bytes -= size
        self._bytes -= size


def _lose(exchanges: int) -> None:
    metrics.GATEWAY_MESSAGES_NOT_LOGGED.labels("bus").inc(exchanges)


def _taken(exchange: Exchange) -> int:
    return exchange.request.taken + (exchange.answer.taken if exchange.answer is not None else 0)


def _batches(stations: Iterable[StationMessages]) -> Iterator[list[StationMessages]]:
    """So many stations that their records are published at a time."""
    found = iter(stations)
    while some := list(islice(found, _STATIONS)):
        yield some
