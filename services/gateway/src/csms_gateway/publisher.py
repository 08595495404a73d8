"""Publishes without ever blocking the reader of a station.

`Publisher` makes batches, and reports the outcome of each record once. `csms_gateway.retrying` publishes records that
nobody can ask for again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import structlog
from csms_bus.ports import Bus, BusError, BusUnavailable, Outgoing, Settled
from csms_runtime import metrics

_log = structlog.get_logger(__name__)

Done = Callable[[BusError | None], None]
"""Is called once, from the event loop: with None when the record is durable, else with what went wrong."""

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Bytes that may wait to be published."""


class _Submitted(NamedTuple):
    outgoing: Outgoing
    size: int
    done: Done


class Publisher:
    """Publishes all that was submitted in one turn of the event loop as one batch.

    Batches start in order and run at the same time. Each record has its own outcome, which is reported as soon as it is
    known: a partition that can't be reached holds up its own stations only. At most `max_records` and `max_bytes` are
    under way, and none for longer than `deadline_s`.
    """

    def __init__(self, bus: Bus, *, deadline_s: float, max_records: int, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self._bus = bus
        self._deadline_s = deadline_s
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._waiting: list[_Submitted] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._records = 0
        self._bytes = 0
        metrics.GATEWAY_PUBLISHING.set_function(lambda: self._records)

    @property
    def records(self) -> int:
        """How many records are not durable yet."""
        return self._records

    def submit(self, outgoing: Outgoing, done: Done) -> None:
        """Publish soon. Never blocks: a full queue, or a record that is too large, is reported to `done` too."""
        loop = asyncio.get_running_loop()
        if self._records >= self._max_records or self._bytes >= self._max_bytes:
            loop.call_soon(done, BusUnavailable("the gateway's publishing queue is full"))
            return
        outgoing.stored = stored = outgoing.encoded()
        size = len(stored)
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append(_Submitted(outgoing, size, done))
        self._records += 1
        self._bytes += size

    async def publish(self, outgoing: Outgoing) -> None:
        """Publish, and return when it is durable. Raises BusError."""
        outcome: asyncio.Future[BusError | None] = asyncio.get_running_loop().create_future()
        self.submit(outgoing, lambda error: None if outcome.done() else outcome.set_result(error))
        error = await outcome
        if error is not None:
            raise error

    async def drain(self) -> None:
        """Wait until nothing is under way: for `deadline_s` at most."""
        while self._waiting or self._tasks:
            await (asyncio.wait(self._tasks) if self._tasks else asyncio.sleep(0))

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: Sequence[_Submitted]) -> None:
        pending = dict(enumerate(batch))
        broken_off = BusUnavailable("publishing was broken off")
        outcomes: Mapping[int, BusError] = broken_off.of_each(len(batch))
        try:
            settled = partial(self._settled, pending)
            outcomes = await publish_within(self._bus, [one.outgoing for one in batch], self._deadline_s, settled)
        finally:
            for position in list(pending):
                self._settled(pending, position, outcomes.get(position))

    def _settled(self, pending: dict[int, _Submitted], position: int, error: BusError | None) -> None:
        one = pending.pop(position, None)
        if one is None:
            return
        self._records -= 1
        self._bytes -= one.size
        if error is not None:
            metrics.GATEWAY_PUBLISH_FAILURES.inc()
        try:
            one.done(error)
        except Exception:  # noqa: BLE001 the others are to be told all the same
            _log.exception("outcome of a publish not taken")


async def publish_within(
    bus: Bus, records: Sequence[Outgoing], deadline_s: float, settled: Settled | None = None
) -> Mapping[int, BusError]:
    """Publish within `deadline_s` seconds. Returns what went wrong with which record, by position.

    `settled`: see `Bus.publish`. It is not called for records that were under way at the deadline, or when the bus
    failed.
    """
    try:
        async with asyncio.timeout(deadline_s):
            await bus.publish(records, settled)
    except TimeoutError:
        return BusUnavailable(f"not acknowledged within {deadline_s:g} s").of_each(len(records))
    except BusError as error:
        return error.of_each(len(records))
    except Exception as error:  # noqa: BLE001 whoever waits is told, and the next record has its turn
        _log.exception("publishing failed")
        return BusUnavailable(f"publishing failed: {type(error).__name__}").of_each(len(records))
    return {}
