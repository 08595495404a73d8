"""Handles a polled batch: all at once if possible, else one by one, so that poison hurts nobody else."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence, Set

import structlog
from csms_runtime import metrics, tracing

from csms_bus import traced
from csms_bus.flow import Backoff, Later, LaterOrNever, Never
from csms_bus.last_words import last_words, publish_led_to, publish_words, refused, unknown
from csms_bus.poison import Poison, partition_of
from csms_bus.ports import Bus, BusUnavailable, Incoming, Outgoing, RecordRefused, TopicPartition
from csms_bus.records import dead_letter

_log = structlog.get_logger(__name__)

BatchHandler = Callable[[Sequence[Incoming]], Awaitable[Sequence[Outgoing]]]
"""Handles all records in one database transaction of its own, and returns what to publish after the commit.

Every record is decoded (`incoming.record` is set), and must not be changed. The handler must be idempotent: records
come again. It may raise Later (all come again after a pause), LaterOrNever, Never, or any other error. After the last
three the records are tried one by one, and only those that fail on their own are given up. After LaterOrNever they come
again instead, unless others succeed beside them in several batches.
"""

_REASON_CHARS = 500
_DOUBTS = 2
"""When so many records in a row meet LaterOrNever and none of the batch succeeded, no further one is tried."""


class PartitionsStopped(BusUnavailable):
    """Records of some partitions must come again: what they lead to can't be published now."""


class BatchProcessor:
    """Runs a handler over batches, and publishes what it returns.

    The records that a batch leads to are published while the next batch is handled. Batches are done in order. Dead
    letters are held back until a record succeeds or the batch ends: a handler that fails for every record then stops
    the consumer before many records are given up. Some records are handled apart from the batch, so that they do not
    break it: those that no handler must see, and those of stations in doubt: whose records failed alone lately.
    """

    def __init__(self, bus: Bus, group: str, handler: BatchHandler, poison: Poison) -> None:
        self._bus = bus
        self._group = group
        self._handler = handler
        self._poison = poison
        self._publishing: asyncio.Task[None] | None = None
        """Publishes what the batch before led to."""
        self._careful = False
        """Whether publishing failed. Until it works again, each batch waits for the one before it."""

    @property
    def publishing(self) -> bool:
        """Whether the batch before may not be done yet. `settle` waits for it."""
        return self._publishing is not None

    async def settle(self) -> None:
        """Wait until the batch before is done. Raises BusUnavailable when what it led to could not be published."""
        if self._publishing is None:
            return
        publishing, self._publishing = self._publishing, None
        try:
            await publishing
        except Exception as error:
            self._careful = True
            raise BusUnavailable(f"not published: {error!r}") from error

    async def rest(self) -> None:
        """Wait until nothing is being published. Raises nothing: `settle` raises what went wrong."""
        if self._publishing is not None:
            await asyncio.wait({self._publishing})

    async def process(
        self, batch: Sequence[Incoming], done: Callable[[Sequence[Incoming]], None], interrupted: Callable[[], bool]
    ) -> None:
        """Handle a batch. `done` is called, in order, with records that need not come again: now or in `settle`.

        Returns early, with records that are not done, when `interrupted` says so. Raises Later or BusUnavailable when
        the rest, also of the batch before, must be delivered again after a pause. Raises TooManyDeadLetters.
        """
        if self._poison.is_watching:
            await self.settle()  # its success would count for this batch
        self._poison.next_batch()
        apart = [at for at, one in enumerate(batch) if refused(one) or self._poison.is_suspect(one)]
        others = _without(batch, apart)
        outgoing = await self._all_at_once(others)
        await self.settle()
        if outgoing is not None and apart:
            if await self._publish_of(others, outgoing):
                await self._in_order(batch, [batch[at] for at in apart], done, interrupted)
            else:
                outgoing = None
        elif outgoing is not None:
            self._publishing = asyncio.create_task(self._finish(batch, outgoing, done))
            if not self._careful:
                return
            try:
                await self.settle()
            except BusUnavailable as error:
                if isinstance(error.__cause__, BusUnavailable) and not _is_partial(error.__cause__, outgoing):
                    raise
                self._log_batch(batch, error)
                outgoing = None
        if outgoing is None:
            # Suspects last: what others' records come to says what to think of theirs.
            await self._in_order(batch, [*others, *(batch[at] for at in apart)], done, interrupted)
        self._careful = False

    async def succeeds(self, incoming: Incoming) -> bool:
        """Handle a record once, to see whether anything succeeds again. It is not given up, and must come again.

        Raises Later or BusUnavailable, which say nothing.
        """
        if not _says_something(incoming):
            return False
        try:
            await self._publish(await self._handle([incoming]))
        except LaterOrNever as error:
            _log.info("record can still not be handled", group=self._group, station_id=incoming.key, error=str(error))
            return False
        except (Later, BusUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 any error says that it fails
            _log.info("record still fails", group=self._group, station_id=incoming.key, error=repr(error))
            return False
        self._succeeded([incoming])
        return True

    def _succeeded(self, records: Sequence[Incoming]) -> None:
        one_of_each = {(one.topic, one.partition): one for one in records}  # looking at all costs microseconds a record
        self._poison.succeeded(filter(_says_something, one_of_each.values()))

    async def _in_order(
        self,
        batch: Sequence[Incoming],
        order: Sequence[Incoming],
        done: Callable[[Sequence[Incoming]], None],
        interrupted: Callable[[], bool],
    ) -> None:
        """Handle these records of a batch one by one, in this order. All others of it are handled already."""
        finished: list[Incoming] = []
        try:
            await self._one_by_one(order, finished.extend, interrupted)
        finally:
            left = set(map(id, order)) - set(map(id, finished))
            done(_before(batch, left))

    async def _publish_of(self, batch: Sequence[Incoming], outgoing: Sequence[Outgoing]) -> bool:
        """Publish what these led to. Returns False when that is impossible for some. Raises BusUnavailable."""
        try:
            await self._publish(outgoing)
        except BusUnavailable as error:
            if not _is_partial(error, outgoing):
                raise
            self._log_batch(batch, error)
            return False
        except Exception as error:  # noqa: BLE001 which of them it is will turn out
            self._log_batch(batch, error)
            return False
        self._succeeded(batch)
        return True

    async def _all_at_once(self, batch: Sequence[Incoming]) -> Sequence[Outgoing] | None:
        """Return what must be published. None: the records must be handled one by one."""
        try:
            return await self._handle(batch)
        except LaterOrNever as error:
            self._log_batch(batch, error)
            return None
        except (Later, BusUnavailable):
            await self.settle()
            raise
        except Exception as error:  # noqa: BLE001 whatever a record provokes: which one it is will turn out
            self._log_batch(batch, error)
            return None

    async def _finish(
        self, batch: Sequence[Incoming], outgoing: Sequence[Outgoing], done: Callable[[Sequence[Incoming]], None]
    ) -> None:
        await self._publish(outgoing)
        if self._poison.is_watching:
            self._succeeded(batch)
        done(batch)

    async def _one_by_one(
        self, batch: Sequence[Incoming], done: Callable[[Sequence[Incoming]], None], interrupted: Callable[[], bool]
    ) -> None:
        """Handle each on its own. If its results can't be published now, it comes again, and its partition stops."""
        held: list[tuple[Incoming, str]] = []
        stopped: dict[TopicPartition, BusUnavailable] = {}
        doubtful = _Doubtful()
        try:
            for incoming in batch:
                if interrupted():
                    break
                if partition_of(incoming) in stopped or incoming.key in doubtful.keys:
                    continue
                if not await self._succeeds(incoming, held, stopped, doubtful):
                    if len(doubtful.keys) >= _DOUBTS and not self._poison.is_well:
                        break
                    continue
                await self._bury_or_stop(held, stopped, done)
                self._succeeded([incoming])
                if partition_of(incoming) not in stopped and partition_of(incoming) not in doubtful.partitions:
                    done([incoming])
            self._judge(doubtful, held)
        except Later:
            await self._bury(held, done)
            raise
        await self._bury_or_stop(held, stopped, done)
        if stopped or doubtful.keys:
            raise PartitionsStopped(str(next(iter([*stopped.values(), *doubtful.keys.values()]))))

    def _judge(self, doubtful: "_Doubtful", held: list[tuple[Incoming, str]]) -> None:
        """Give up what is at fault. Raises Later when nothing of the batch succeeded: then nothing can be said."""
        if not doubtful.keys:
            return
        if not self._poison.is_well:
            raise Later(str(next(iter(doubtful.keys.values()))))
        for incoming in doubtful.partitions.values():
            if self._poison.is_at_fault(incoming):
                reason = str(doubtful.keys[incoming.key])[:_REASON_CHARS]
                held.append((incoming, reason))
                self._poison.failed(incoming, reason)

    async def _succeeds(
        self,
        incoming: Incoming,
        held: list[tuple[Incoming, str]],
        stopped: dict[TopicPartition, BusUnavailable],
        doubtful: "_Doubtful",
    ) -> bool:
        """Handle one record. Add it to `held` if it is poison, and its partition to `stopped` if it must wait.

        Add it to `doubtful` if it waits for what may be its own fault.
        """
        try:
            await self._one(incoming)
        except LaterOrNever as error:
            self._poison.doubted(incoming)
            doubtful.add(incoming, error)
            return False
        except Never as never:
            if partition_of(incoming) in doubtful.partitions:
                return False  # it comes again
            held.append((incoming, str(never)))
            if not refused(incoming):  # a refused record says nothing about the handler
                self._poison.failed(incoming, str(never))
            return False
        except BusUnavailable as error:
            stopped[partition_of(incoming)] = error
            return False
        return True

    async def _bury_or_stop(
        self,
        held: list[tuple[Incoming, str]],
        stopped: dict[TopicPartition, BusUnavailable],
        done: Callable[[Sequence[Incoming]], None],
    ) -> None:
        """Bury what was held back. Where that is impossible now, its partitions stop."""
        try:
            await self._bury(held, done)
        except BusUnavailable as error:
            stopped.update((partition_of(incoming), error) for incoming, _ in held)
            held.clear()

    async def _one(self, incoming: Incoming) -> None:
        """Handle one record. Raises Never after the last attempt."""
        why = refused(incoming)
        if why:
            raise Never(why)
        attempts, pause_s = self._poison.tries(incoming)
        backoff = Backoff(pause_s, pause_s * 16)
        for attempt in range(1, attempts + 1):
            try:
                await self._publish(await self._handle([incoming]))
            except (Later, Never, BusUnavailable):
                raise
            except RecordRefused as error:
                raise Never(f"what it leads to can never be published: {error}") from error
            except Exception as error:
                self._log_failure(incoming, attempt)
                if attempt == attempts:
                    raise Never(f"{type(error).__name__}: {error}"[:_REASON_CHARS]) from error
                await asyncio.sleep(backoff.next_pause())
            else:
                return

    async def _handle(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        there = [incoming for incoming in batch if incoming.record is not None]  # a tombstone has nothing to handle
        kept = list(map(self._kept, filter(unknown, there)))
        records = [incoming for incoming in there if not unknown(incoming)] if kept else there
        if not records:
            return kept
        started = time.perf_counter()
        try:
            if tracing.active is None:
                return [*kept, *await self._handler(records)]
            return [*kept, *await traced.handle(tracing.active, self._group, records, self._handler)]
        finally:
            metrics.CONSUMER_HANDLE_SECONDS.labels(self._group).observe(time.perf_counter() - started)

    def _kept(self, incoming: Incoming) -> Outgoing:
        """Return the dead letter of a record that a newer version wrote. That version can replay it."""
        metrics.CONSUMER_UNKNOWN_BODIES.labels(self._group, incoming.topic).inc()
        _log.warning("record of a newer version kept", group=self._group, topic=incoming.topic, offset=incoming.offset)
        return dead_letter(incoming, group=self._group, reason="unknown body")

    async def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        if outgoing:
            await publish_led_to(self._bus, self._group, outgoing)

    async def _bury(self, held: list[tuple[Incoming, str]], done: Callable[[Sequence[Incoming]], None]) -> None:
        """Publish the dead letters that were held back, and errors for the stations that wait for answers."""
        if not held:
            return
        words = [last_words(self._group, incoming, reason) for incoming, reason in held]
        await publish_words(self._bus, self._group, [word for each in words for word in each])
        for (incoming, reason), said in zip(held, words, strict=True):
            metrics.CONSUMER_DEAD_LETTERS.labels(self._group, incoming.topic).inc()
            metrics.CONSUMER_INTERNAL_ERRORS.labels(self._group, incoming.topic).inc(len(said) - 1)
            _log.error(
                "dead letter",
                group=self._group,
                topic=incoming.topic,
                partition=incoming.partition,
                offset=incoming.offset,
                station_id=incoming.key,
                reason=reason,
            )
        done([incoming for incoming, _ in held])
        held.clear()

    def _log_batch(self, batch: Sequence[Incoming], error: Exception) -> None:
        _log.info("batch failed, now one by one", group=self._group, records=len(batch), error=repr(error))

    def _log_failure(self, incoming: Incoming, attempt: int) -> None:
        _log.warning(
            "record failed",
            group=self._group,
            topic=incoming.topic,
            offset=incoming.offset,
            station_id=incoming.key,
            attempt=attempt,
            exc_info=True,
        )


class _Doubtful:
    """The records of a batch that wait for what may be their own fault. What is behind them comes again with them."""

    def __init__(self) -> None:
        self.keys: dict[str, LaterOrNever] = {}
        self.partitions: dict[TopicPartition, Incoming] = {}
        """The first such record of each partition."""

    def add(self, incoming: Incoming, error: LaterOrNever) -> None:
        self.keys[incoming.key] = error
        self.partitions.setdefault(partition_of(incoming), incoming)


def _says_something(incoming: Incoming) -> bool:
    """Whether a handler sees it, so that its outcome says something about the handler."""
    return incoming.record is not None and not refused(incoming) and not unknown(incoming)


def _without(batch: Sequence[Incoming], positions: Sequence[int]) -> Sequence[Incoming]:
    if not positions:
        return batch
    among = frozenset(positions)
    return [one for at, one in enumerate(batch) if at not in among]


def _before(batch: Sequence[Incoming], left: Set[int]) -> Sequence[Incoming]:
    """Return the records before the first of their partition whose `id` is among `left`."""
    stopped: set[TopicPartition] = set()
    found = []
    for incoming in batch:
        if id(incoming) in left:
            stopped.add(partition_of(incoming))
        elif partition_of(incoming) not in stopped:
            found.append(incoming)
    return found


def _is_partial(error: BusUnavailable, outgoing: Sequence[Outgoing]) -> bool:
    """Whether some of these could be published. Then one by one some records get done."""
    return 0 < len(error.outcomes) < len(outgoing)
