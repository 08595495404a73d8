"""Collects the outcomes of one call of `publish`, one for each record."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from csms_runtime import metrics

from csms_bus.ports import BusError, BusUnavailable, Outgoing, Settled


class Delivery:
    """Takes the outcome of each record, by its position. One call of `publish` waits for all."""

    __slots__ = ("_done", "_pending", "_settled", "failures", "fatal")

    def __init__(self, records: int, settled: Settled | None = None) -> None:
        self._pending = set(range(records))
        self._settled = settled
        self._done: asyncio.Future[None] | None = None
        self.failures: dict[int, BusError] = {}
        """The errors of records, by position."""
        self.fatal: BaseException | None = None
        """An error after which the producer can't be used any more."""

    @property
    def complete(self) -> bool:
        """Whether every record's outcome is known."""
        return not self._pending

    def settle(self, position: int, error: BusError | None = None) -> None:
        """Take a record's outcome. None: it is durable. Only the first outcome counts."""
        pending = self._pending
        if position not in pending:
            return
        pending.discard(position)
        if error is not None:
            self.failures[position] = error
        if self._settled is not None:
            self._settled(position, error)
        if self._done is not None and not pending and not self._done.done():
            self._done.set_result(None)

    def give_up(self, error: BusError) -> None:
        """Take `error` as the outcome of all records whose outcome is not known."""
        for position in list(self._pending):
            self.settle(position, error)

    async def wait(self) -> None:
        """Wait until every outcome is known."""
        if self._pending:
            self._done = asyncio.get_running_loop().create_future()
            await self._done

    def report(self, records: Sequence[Outgoing]) -> None:
        """Count what was published. Raises BusError, with the outcome of each record, if any of them failed."""
        failures = self.failures
        done = (outgoing.topic for position, outgoing in enumerate(records) if position not in failures)
        for topic, count in Counter(done if failures else [outgoing.topic for outgoing in records]).items():
            metrics.BUS_PUBLISHED.labels(topic).inc(count)
        if failures:
            metrics.BUS_PUBLISH_FAILURES.inc()
            raise _summary(failures)


def _summary(failures: dict[int, BusError]) -> BusError:
    """Return one error for all. It is BusUnavailable if another try may help for any of them."""
    passing = (error for error in failures.values() if isinstance(error, BusUnavailable))
    shown = next(passing, None) or next(iter(failures.values()))
    text = str(shown) if len(failures) == 1 else f"{len(failures)} records: {shown}"
    return type(shown)(text, outcomes=failures)
