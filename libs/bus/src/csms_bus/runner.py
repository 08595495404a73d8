"""Runs a handler as a member of a consumer group: at least once, in order per station. Poison is set aside."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from csms_runtime import metrics
from csms_runtime.waiting import wait_for

from csms_bus.backlog import Backlog
from csms_bus.batches import BatchHandler, BatchProcessor, PartitionsStopped
from csms_bus.flow import Backoff, Later, Never, TooManyDeadLetters
from csms_bus.offsets import Offsets, first_offsets
from csms_bus.parking import PAUSES_S, Parking
from csms_bus.poison import Poison, RetryLimits
from csms_bus.ports import Bus, BusError, BusUnavailable, Consumer, Incoming, NotAuthorized, TopicPartition
from csms_bus.trial import Trial

__all__ = ["BatchHandler", "ConsumerRunner", "Later", "Never", "TooManyDeadLetters"]

_log = structlog.get_logger(__name__)

_IDLE_POLL_S = 1.0
_PARTLY_PAUSE_S = 0.5
_LOOK_S = 5.0
"""How often it is counted what waits, and looked whether the handler hangs."""
_HANGS_S = 120.0
"""A batch that takes longer hangs: statements and questions end long before, also when a database is away."""


class ConsumerRunner:
    """Polls, gives batches to the handler, publishes what it returns, and commits offsets. See `run`.

    A batch that fails is handled again record by record. A record that raises Never, or fails `max_attempts` times on
    its own, becomes a dead letter; a station that waits gets CALLERROR InternalError. After Later, or while the bus
    can't be reached, the rest of the batch comes again after a pause, without limit. A record whose body this version
    does not know becomes a dead letter, and no handler sees it. `on_health` is called with whether it works: it does
    not while a batch takes longer than `hangs_s` seconds. One runner is one member of the group.

    When records of five stations failed and nothing succeeded, or of `max_dead_letters` stations of a topic or of a
    partition and none there, the consumer parks. It leaves the group, so that members that work get its partitions. It
    comes back after `park_s` seconds (the first and the longest pause; it doubles), and tries the first record of each
    station. It goes on when one succeeds; else it parks again, and gives up nothing.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        group: str,
        topics: Sequence[str],
        handler: BatchHandler,
        max_batch: int = 256,
        max_attempts: int = 3,
        max_dead_letters: int = 20,
        attempt_pause_s: float = 0.05,
        backoff_s: tuple[float, float] = (0.1, 10.0),
        commit_interval_s: float = 0.2,
        on_health: Callable[[bool, str], None] | None = None,
        look_s: float = _LOOK_S,
        hangs_s: float = _HANGS_S,
        park_s: tuple[float, float] = PAUSES_S,
    ) -> None:
        self._bus = bus
        self._group = group
        self._topics = topics
        self._max_batch = max_batch
        self._poison = Poison(group, RetryLimits(max_attempts, max_dead_letters, attempt_pause_s))
        self._processor = BatchProcessor(bus, group, handler, self._poison)
        self._offsets = Offsets(group, commit_interval_s)
        self._commit_interval_s = commit_interval_s
        self._backoff = Backoff(*backoff_s)
        self._on_health = on_health or (lambda _ok, _detail: None)
        trial = Trial(self._processor, self._poison, max_batch, self._in_hand, self._is_interrupted)
        self._parking = Parking(group, trial, self._away, self._on_health, pauses_s=park_s, aside_s=backoff_s)
        self._consumer: Consumer | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._ready = asyncio.Event()
        self._backlog = Backlog(group)
        for topic in topics:
            # Told from the start, so that the first one is a rise.
            metrics.CONSUMER_DEAD_LETTERS.labels(group, topic)
            metrics.CONSUMER_INTERNAL_ERRORS.labels(group, topic)
        self._look_s, self._hangs_s = look_s, hangs_s
        self._began_at: float | None = None
        """When the handling of the batch in hand began, by the event loop's clock."""
        self._hangs = False
        self._revoking = False
        self._closing = False
        """Whether it leaves the group: what `run` must not cancel, and `revoked` must not wait for."""
        self._refused = False
        self._before: Sequence[Incoming] = ()
        """The batch that was handled, but may not be done yet."""
        self._stop = asyncio.Event()

    async def ready(self) -> None:
        """Wait until the group is joined: records that are published from now on will be seen."""
        await self._ready.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set. Then finish the batch in hand, commit and leave the group. Call it once."""
        self._stop = stop
        self._backlog.begin()
        metrics.CONSUMER_PARKED.labels(self._group).set(0)
        metrics.CONSUMER_FAILING_STATIONS.labels(self._group).set_function(lambda: self._poison.failing)
        looking = asyncio.create_task(self._look())
        work = asyncio.create_task(self._work(stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._idle.is_set() and not self._closing:
                work.cancel()  # it only waits for something
            await asyncio.wait({work})
        finally:
            for task in (stopping, work, looking):
                task.cancel()
            await asyncio.wait({work, stopping, looking})
            self._backlog.end()
            metrics.CONSUMER_FAILING_STATIONS.remove(self._group)
        if not work.cancelled():
            work.result()

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Finish the batch in hand and commit; see `csms_bus.ports.RebalanceListener`."""
        if self._consumer is None or not partitions:
            return
        self._revoking = True
        try:
            await self._idle.wait()
            await self._processor.rest()
            await self._offsets.flush(self._consumer)
        finally:
            self._revoking = False
            self._offsets.forget(partitions)
            self._poison.forget(partitions)
            self._backlog.revoked()

    async def _work(self, stop: asyncio.Event) -> None:
        consumer: Consumer | None = await self._subscribe()
        self._ready.set()
        self._on_health(True, "")  # noqa: FBT003 the callback takes its arguments by position
        try:
            while consumer is not None and not stop.is_set():
                try:
                    await self._turn(consumer)
                except TooManyDeadLetters as error:
                    consumer = await self._parking.stopped(consumer, error, stop)
        except Exception as error:
            self._on_health(False, str(error))  # noqa: FBT003 as above
            _log.error("consumer stopped", group=self._group, error=repr(error))
            raise
        finally:
            await self._leave()

    async def _subscribe(self) -> Consumer:
        backoff = Backoff(0.2, 5.0)
        while True:
            try:
                self._consumer = await self._bus.subscribe(self._group, self._topics, self)
            except BusUnavailable as error:
                self._on_health(False, str(error))  # noqa: FBT003 as above
                _log.warning("cannot join the consumer group yet", group=self._group, error=str(error))
            else:
                return self._consumer
            await asyncio.sleep(backoff.next_pause())

    async def _away(self, pause_s: float) -> Consumer | None:
        """Leave the group and join it again after so many seconds. Returns None when it is to stop meanwhile."""
        await self._leave()
        if await wait_for(self._stop, timeout_s=pause_s):
            return None
        return await self._subscribe()

    async def _turn(self, consumer: Consumer) -> None:
        busy = self._offsets.pending or self._processor.publishing
        timeout_s = self._commit_interval_s if busy else _IDLE_POLL_S
        pause_s = 0.0
        try:
            batch = await consumer.poll(max_records=self._max_batch, timeout_s=timeout_s)
            if batch or self._processor.publishing:
                pause_s = await self._process(consumer, batch)
        except BusUnavailable as error:
            _log.warning("cannot poll", group=self._group, error=str(error))
            pause_s = self._backoff.next_pause()
            self._judge(error)
        else:
            self._judge(None)
        self._offsets.commit_soon(consumer)
        if pause_s:
            await asyncio.sleep(pause_s)

    def _judge(self, error: BusUnavailable | None) -> None:
        """Report when this process may not read the group or a topic: that does not pass by itself."""
        refused = isinstance(error, NotAuthorized)
        if refused or self._refused:
            self._on_health(not refused, str(error) if refused else "")
        self._refused = refused

    async def _process(self, consumer: Consumer, batch: Sequence[Incoming]) -> float:
        """Process a batch. Records that could not be done come again. Returns the seconds to pause."""
        self._idle.clear()
        reason, partly = "interrupted", False
        self._began_at = asyncio.get_running_loop().time()
        try:
            if batch:
                self._backlog.taken(batch)
                await self._processor.process(batch, self._offsets.done, self._is_interrupted)
            else:
                await self._processor.settle()
            self._backoff.reset()
        except Later as error:
            reason = "later"
            _log.warning("batch postponed", group=self._group, records=len(batch), error=str(error))
        except BusUnavailable as error:
            reason, partly = "bus", isinstance(error, PartitionsStopped)
            _log.warning("batch postponed", group=self._group, records=len(batch), error=str(error))
        except TooManyDeadLetters:
            self._before = ()
            self._backlog.postponed()
            await consumer.rewind(self._offsets.undone(batch))
            raise
        finally:
            self._idle.set()
            self._began_at = None
        if self._processor.publishing:
            self._before = batch
            self._backlog.left(1)
            return 0.0
        records = [*self._before, *batch]
        undone = self._offsets.undone(records)
        self._before = ()
        if not undone:
            self._backlog.left(0)
            return 0.0
        self._backlog.postponed()
        metrics.CONSUMER_REDELIVERIES.labels(self._group, reason).inc(len(batch))
        await consumer.rewind(undone)
        if reason == "interrupted":
            return 0.0
        pause_s = self._backoff.next_pause()
        # Stations that can be served must not wait long for those that can't.
        return min(pause_s, _PARTLY_PAUSE_S) if partly or undone != first_offsets(records) else pause_s

    async def _look(self) -> None:
        """Count what waits, and tell when the handler hangs, again and again, whatever the handler does meanwhile."""
        while True:
            await asyncio.sleep(self._look_s)
            self._look_at_handler()
            if self._consumer is None:
                continue
            try:
                self._backlog.counted(await self._consumer.behind())
            except BusError as error:
                _log.debug("cannot count what waits", group=self._group, error=str(error))

    def _look_at_handler(self) -> None:
        began_at, now = self._began_at, asyncio.get_running_loop().time()
        hangs = began_at is not None and now - began_at > self._hangs_s
        if hangs != self._hangs:
            self._hangs = hangs
            if hangs or not self._parking.is_parked:
                self._on_health(not hangs, f"a batch has been in work for {self._hangs_s:g} s" if hangs else "")
            _log.error("consumer hangs" if hangs else "consumer goes on", group=self._group)

    @contextmanager
    def _in_hand(self) -> Iterator[None]:
        """Have `run` and `revoked` wait meanwhile, and see when it hangs."""
        self._idle.clear()
        self._began_at = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self._idle.set()
            self._began_at = None

    def _is_interrupted(self) -> bool:
        return self._revoking or self._stop.is_set()

    async def _leave(self) -> None:
        if self._consumer is None:
            return
        consumer = self._consumer
        self._idle.clear()  # `run` must not cancel this
        try:
            try:
                await self._processor.settle()
            except BusUnavailable as error:
                _log.warning("the last batch comes again", group=self._group, error=str(error))
            await self._offsets.flush(consumer)
            self._offsets = Offsets(self._group, self._commit_interval_s)
        finally:
            self._idle.set()
            self._consumer = None
            self._closing = True
            await consumer.close()
            self._closing = False
