"""Looks for a record that succeeds, after a consumer stopped since too many failed. Nothing is given up meanwhile."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from csms_bus.batches import BatchProcessor
from csms_bus.flow import Later
from csms_bus.offsets import first_offsets
from csms_bus.poison import Poison
from csms_bus.ports import Consumer, Incoming, TopicPartition

_POLL_S = 1.0
_MOST_STATIONS = 50
_LONGEST_S = 10.0


class Trial:
    """Handles the first record of each station, until one succeeds where too many failed.

    That of one station alone would not do: it may be poison, and would then stop all others for good.
    `in_hand` is entered while a record is handled; `interrupted` says that it must be done for now.
    """

    def __init__(
        self,
        processor: BatchProcessor,
        poison: Poison,
        max_batch: int,
        in_hand: Callable[[], AbstractContextManager[None]],
        interrupted: Callable[[], bool],
    ) -> None:
        self._processor = processor
        self._poison = poison
        self._max_batch = max_batch
        self._in_hand = in_hand
        self._interrupted = interrupted
        self._tried: set[str] = set()
        """Keys whose records were tried, and failed."""
        self._until = 0.0

    async def passes(self, consumer: Consumer) -> bool:
        """Return whether records succeed again. Waits until there is one to try.

        Looks at 50 stations, and begins no record after 10 s. All records come again. What failed in partitions
        of which nothing comes meanwhile is forgotten, for they may be another member's now. Raises Later, also when
        interrupted, and BusUnavailable: nothing can be said now.
        """
        self._tried.clear()
        first: dict[TopicPartition, int] = {}
        try:
            while self._poison.too_many() and self._goes_on(first):
                batch = await consumer.poll(max_records=self._max_batch, timeout_s=_POLL_S)
                if batch and not first:
                    self._until = asyncio.get_running_loop().time() + _LONGEST_S
                first = first_offsets(batch) | first
                if not batch and self._tried:
                    break
                if await self._one_succeeds(batch):
                    self._poison.trust_next_batch()
                    return True
            if first:  # what failed elsewhere is another consumer's now
                self._poison.forget_others(first)
            return not self._poison.too_many()
        finally:
            await consumer.rewind(first)

    async def _one_succeeds(self, batch: Sequence[Incoming]) -> bool:
        for incoming in batch:
            if incoming.key in self._tried or not self._poison.hinders(incoming):
                continue
            if self._tried and not self._has_time():
                break
            if self._interrupted():
                raise Later("the consumer was interrupted")
            with self._in_hand():
                succeeds = await self._processor.succeeds(incoming)
            if succeeds and not self._poison.too_many():
                return True
            self._tried.add(incoming.key)
        return False

    def _goes_on(self, first: Mapping[TopicPartition, int]) -> bool:
        return not first or self._has_time()

    def _has_time(self) -> bool:
        return len(self._tried) < _MOST_STATIONS and asyncio.get_running_loop().time() < self._until
