"""Publishing without ever blocking a station's reader.

`Publisher` batches and reports the outcome once; `RetryingPublisher` keeps what nobody could ask for again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog
from csms_bus.flow import Backoff
from csms_bus.ports import Bus, BusError, BusUnavailable, Outgoing, RecordTooLarge
from csms_bus.topics import MAX_RECORD_BYTES
from csms_runtime import metrics

_log = structlog.get_logger(__name__)

Done = Callable[[BusError | None], None]
"""Told once, from the event loop, whether the record is durable (None) or what went wrong."""

_MAX_BATCH = 500
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


class Publisher:
    """Publishes all that was submitted in one turn of the event loop as one batch.

    Batches start in order and run beside each other: an unreachable partition delays only what was submitted with it.
    At most `max_records` are under way, and none for longer than `deadline_s`.
    """

    def __init__(self, bus: Bus, *, deadline_s: float, max_records: int) -> None:
        self._bus = bus
        self._deadline_s = deadline_s
        self._max_records = max_records
        self._waiting: list[tuple[Outgoing, Done]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._records = 0
        metrics.GATEWAY_PUBLISHING.set_function(lambda: self._records)

    @property
    def records(self) -> int:
        """How many records are not durable yet."""
        return self._records

    def submit(self, outgoing: Outgoing, done: Done) -> None:
        """Publish soon; never blocks. A full queue, or a record too large, is reported through `done` as well."""
        loop = asyncio.get_running_loop()
        error = self._problem(outgoing)
        if error is not None:
            loop.call_soon(done, error)
            return
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((outgoing, done))
        self._records += 1

    def _problem(self, outgoing: Outgoing) -> BusError | None:
        if self._records >= self._max_records:
            return BusUnavailable("the gateway's publishing queue is full")
        # Checked here, since it would fail the whole batch.
        if outgoing.record.ByteSize() > MAX_RECORD_BYTES:
            return RecordTooLarge(f"{outgoing.record.ByteSize()} bytes, at most {MAX_RECORD_BYTES} are carried")
        return None

    async def publish(self, outgoing: Outgoing) -> None:
        """Publish, and return when it is durable. Raises BusError."""
        outcome: asyncio.Future[BusError | None] = asyncio.get_running_loop().create_future()
        self.submit(outgoing, lambda error: None if outcome.done() else outcome.set_result(error))
        error = await outcome
        if error is not None:
            raise error

    async def drain(self) -> None:
        """Wait until nothing is under way. Bounded by the deadline of each record."""
        while self._waiting or self._tasks:
            await (asyncio.wait(self._tasks) if self._tasks else asyncio.sleep(0))

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: Sequence[tuple[Outgoing, Done]]) -> None:
        error: BusError | None = BusUnavailable("publishing was broken off")
        try:
            error = await publish_within(self._bus, [outgoing for outgoing, _ in batch], self._deadline_s)
        finally:
            self._records -= len(batch)
            asyncio.get_running_loop().call_soon(_tell, batch, error)


def _tell(batch: Sequence[tuple[Outgoing, Done]], error: BusError | None) -> None:
    for _, done in batch:
        try:
            done(error)
        except Exception:  # noqa: BLE001 the others are to be told all the same
            _log.exception("outcome of a publish not taken")


async def publish_within(bus: Bus, records: Sequence[Outgoing], deadline_s: float) -> BusError | None:
    """Publish within `deadline_s` seconds. Returns what went wrong, or None."""
    try:
        async with asyncio.timeout(deadline_s):
            await bus.publish(records)
    except TimeoutError:
        metrics.GATEWAY_PUBLISH_FAILURES.inc(len(records))
        return BusUnavailable(f"not acknowledged within {deadline_s:g} s")
    except BusError as error:
        metrics.GATEWAY_PUBLISH_FAILURES.inc(len(records))
        return error
    return None


class RetryingPublisher:
    """Publishes in order and tries again while the bus is away: results of commands, ends of connections.

    A record older than `max_age_s`, or the oldest one beyond `max_records`, is given up, logged and counted.
    """

    def __init__(self, bus: Bus, *, deadline_s: float, max_age_s: float, max_records: int) -> None:
        self._bus = bus
        self._deadline_s = deadline_s
        self._max_age_s = max_age_s
        self._max_records = max_records
        self._waiting: deque[tuple[float, Outgoing]] = deque()
        self._changed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, outgoing: Outgoing) -> None:
        """Publish soon; never blocks."""
        if len(self._waiting) >= self._max_records:
            self._lose(self._waiting.popleft()[1], "too many records wait")
        self._waiting.append((asyncio.get_running_loop().time(), outgoing))
        self._changed.set()
        self._empty.clear()

    async def run(self) -> None:
        """Publish until cancelled; what is left then is lost."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        try:
            while True:
                await self._changed.wait()
                if await self._publish_some():
                    backoff.reset()
                else:
                    await asyncio.sleep(backoff.next_pause())
        finally:
            while self._waiting:
                self._lose(self._waiting.popleft()[1], "the gateway stopped")

    async def drain(self) -> None:
        """Wait until everything is published or given up. `run` must be running."""
        await self._empty.wait()

    async def _publish_some(self) -> bool:
        batch = [self._waiting[n] for n in range(min(_MAX_BATCH, len(self._waiting)))]
        error = await publish_within(self._bus, [outgoing for _, outgoing in batch], self._deadline_s)
        if error is None:
            self._remove(batch)
        else:
            self._give_up_old(error)
        if not self._waiting:
            self._changed.clear()
            self._empty.set()
        return error is None

    def _remove(self, batch: Sequence[tuple[float, Outgoing]]) -> None:
        for entry in batch:
            # put() may have given up the oldest meanwhile.
            if self._waiting and self._waiting[0] is entry:
                self._waiting.popleft()

    def _give_up_old(self, error: BusError) -> None:
        oldest = asyncio.get_running_loop().time() - self._max_age_s
        while self._waiting and self._waiting[0][0] < oldest:
            self._lose(self._waiting.popleft()[1], str(error))

    def _lose(self, outgoing: Outgoing, reason: str) -> None:
        metrics.GATEWAY_RECORDS_LOST.labels(outgoing.topic).inc()
        _log.error(
            "record lost",
            topic=outgoing.topic,
            station_id=outgoing.record.station_id,
            body=outgoing.record.WhichOneof("body"),
            reason=reason,
        )
