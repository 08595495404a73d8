"""A closed-loop load of stations: each active one sends, waits for the answer, sends again."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench.fleet import Station
from bench.wire import Wire

MakeCall = Callable[[str, int], bytes]
"""(message id, running number from 0) → the CALL's text."""


@dataclass(frozen=True, slots=True)
class Script:
    """What one station sends."""

    make: MakeCall
    ends: Callable[[int], bool] = field(default=lambda _: False)
    """Whether the CALL with this number, sent as the last one, leaves a transaction to be ended."""
    end: MakeCall | None = None
    """The CALL that ends it. It is sent after the run: what is left running makes work in the next one."""
    answered: Callable[[int, bytes], None] = field(default=lambda *_: None)
    """Takes the number of a CALL and the text of its answer."""


MakeScript = Callable[[str], Script]
"""Station → what it sends."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run gave. Latencies in milliseconds."""

    round_trips: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int
    """Answers other than a CALLRESULT, and stations that were disconnected."""

    @property
    def per_second(self) -> float:
        """Round trips per second."""
        return self.round_trips / self.seconds


def _now() -> bytes:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _event(message_id: str, phase: bytes, seq_no: int, transaction: bytes, wh: int, *, token: bytes = b"") -> bytes:
    now = _now()
    return (
        b'[2,"%b","TransactionEvent",{"eventType":"%b","timestamp":"%b","triggerReason":"MeterValuePeriodic",'
        b'"seqNo":%d,"transactionInfo":{"transactionId":"%b","chargingState":"Charging"},'
        b'"evse":{"id":1,"connectorId":1},"meterValue":[{"timestamp":"%b","sampledValue":[{"value":%d.0}]}]%b}]'
    ) % (message_id.encode(), phase, now, seq_no, transaction, now, wh, token)


def transaction_events(station: str) -> Script:
    """CALLs of one transaction: Started, then Updated with one meter value each."""
    transaction = f"{station}-{time.time_ns() // 1000}".encode()

    def make(message_id: str, number: int) -> bytes:
        return _event(message_id, b"Updated" if number else b"Started", number, transaction, 1000 + number)

    def end(message_id: str, number: int) -> bytes:
        return _event(message_id, b"Ended", number, transaction, 1000 + number)

    return Script(make, lambda _: True, end)


ID_TOKEN = "BENCH0002"  # noqa: S105 # no secret
"""Of type ISO14443; to be created."""
_PHASES = (b"Started", b"Updated", b"Updated", b"Ended")
_FIELD = b',"idToken":{"idToken":"%b","type":"ISO14443"}' % ID_TOKEN.encode()


def short_transactions(station: str) -> Script:
    """CALLs of one transaction after the other, of four events each: the first and the last carry an idToken."""
    prefix = f"{station}-{time.time_ns() // 1000}".encode()

    def make(message_id: str, number: int) -> bytes:
        return event(message_id, number, _PHASES[number % len(_PHASES)])

    def event(message_id: str, number: int, phase: bytes) -> bytes:
        token = b"" if phase == b"Updated" else _FIELD
        name = b"%b-%d" % (prefix, number // len(_PHASES))
        return _event(message_id, phase, number % len(_PHASES), name, 1000 + number, token=token)

    def leaves_one(last: int) -> bool:
        return _PHASES[last % len(_PHASES)] != b"Ended"

    return Script(make, leaves_one, lambda message_id, number: event(message_id, number, b"Ended"))


def authorizations(_station: str) -> Script:
    """Authorize CALLs, always with the same token."""

    def make(message_id: str, _number: int) -> bytes:
        return b'[2,"%b","Authorize",{"idToken":{"idToken":"BENCH0001","type":"ISO14443"}}]' % message_id.encode()

    return Script(make)


@dataclass(slots=True)
class _Loop:
    """One station's closed loop."""

    station: Station
    script: Script
    until: float
    latencies: list[float]
    done: asyncio.Future[None]
    number: int = 0
    began: float = 0.0
    failed: int = 0
    _expected: bytes = field(default=b"")

    def start(self) -> None:
        self.station.wire.on_text = self._on_answer
        self._send()

    def _send(self) -> None:
        wire: Wire = self.station.wire
        self.began = time.perf_counter()
        if wire.closed:
            self.failed += 1
            self.done.set_result(None)
            return
        self._expected = b'[3,"%d"' % self.number
        wire.send(self.script.make(str(self.number), self.number))
        self.number += 1

    def _on_answer(self, text: bytes) -> None:
        if text.startswith(b"[2,"):
            self.station.refuse(text)
            return
        now = time.perf_counter()
        self.latencies.append(now - self.began)
        if text.startswith(self._expected):
            self.script.answered(self.number - 1, text)
        else:
            self.failed += 1
        if now < self.until:
            self._send()
        elif not self.done.done():
            self.done.set_result(None)

    async def end(self) -> None:
        """End the transaction that is left, if there is one."""
        end = self.script.end
        if end is not None and not self.station.wire.closed and self.script.ends(self.number - 1):
            await self.station.call(end(str(self.number), self.number))


async def closed_loop(
    stations: Sequence[Station], script: MakeScript, seconds: float, *, answer_deadline_s: float = 60
) -> Figures:
    """Let these stations send for so long. Stations without an answer by the deadline count as failed."""
    latencies: list[float] = []
    event_loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    loops = [
        _Loop(station, script(station.name), begin + seconds, latencies, event_loop.create_future())
        for station in stations
    ]
    for loop in loops:
        loop.start()
    _, silent = await asyncio.wait([loop.done for loop in loops], timeout=seconds + answer_deadline_s)
    elapsed = time.perf_counter() - begin
    failed = sum(loop.failed for loop in loops) + len(silent)
    if not silent:
        async with asyncio.timeout(answer_deadline_s):
            await asyncio.gather(*(loop.end() for loop in loops))
    latencies.sort()
    return Figures(len(latencies), elapsed, _quantile(latencies, 0.5), _quantile(latencies, 0.99), failed)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0
