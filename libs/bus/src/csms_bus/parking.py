"""A consumer for which too many records fail parks, and tries now and then whether it works again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from csms_runtime import metrics

from csms_bus.flow import Backoff, Later, TooManyDeadLetters
from csms_bus.ports import BusUnavailable, Consumer
from csms_bus.trial import Trial

_log = structlog.get_logger(__name__)

PAUSES_S = (15.0, 300.0)


class Parking:
    """Keeps a consumer from handling anything until records succeed again. One per consumer.

    `away` leaves the group, stays away for so many seconds, and joins again; None: it is to stop. `pauses_s`: the first
    and the longest of these times. They double, also from one parking to the next unless it worked for the longest one
    in between.
    `aside_s`: the same of the pauses while no record can be tried, since something is away.
    """

    def __init__(
        self,
        group: str,
        trial: Trial,
        away: Callable[[float], Awaitable[Consumer | None]],
        on_health: Callable[[bool, str], None],
        *,
        pauses_s: tuple[float, float],
        aside_s: tuple[float, float],
    ) -> None:
        self._group = group
        self._trial = trial
        self._away = away
        self._on_health = on_health
        self._pauses = Backoff(*pauses_s)
        self._longest_s = pauses_s[1]
        self._aside_s = aside_s
        self._went_on_at: float | None = None
        self.is_parked = False

    async def stopped(self, consumer: Consumer, why: TooManyDeadLetters, stop: asyncio.Event) -> Consumer | None:
        """Return when records succeed, or `stop` is set, with the consumer with which it goes on, if it is still there.

        Stays in the group when a record of another station succeeds at once: it only had not had its turn.
        """
        if await self._works(consumer, stop):
            return consumer
        since = datetime.now(UTC).isoformat(timespec="seconds")
        clock = asyncio.get_running_loop().time
        if self._went_on_at is None or clock() - self._went_on_at > self._longest_s:
            self._pauses.reset()
        metrics.CONSUMER_PARKED.labels(self._group).set(1)
        self.is_parked = True
        again: Consumer | None = consumer
        while again is not None and not stop.is_set():
            pause_s = self._pauses.next_pause()
            _log.error("consumer parked", group=self._group, since=since, again_in_s=round(pause_s), error=str(why))
            text = f"parked since {since}, tries records of up to 50 stations again in {pause_s:.0f} s: {why}"
            self._on_health(False, text)  # noqa: FBT003 the callback takes its arguments by position
            again = await self._away(pause_s)
            if again is not None and await self._works(again, stop):
                self._goes_on(since)
                break
        return again

    def _goes_on(self, since: str) -> None:
        self._went_on_at = asyncio.get_running_loop().time()
        metrics.CONSUMER_PARKED.labels(self._group).set(0)
        self.is_parked = False
        self._on_health(True, "")  # noqa: FBT003 as above
        _log.warning("consumer goes on", group=self._group, parked_since=since)

    async def _works(self, consumer: Consumer, stop: asyncio.Event) -> bool:
        """Return whether records succeed again. Waits while nothing can be said."""
        pauses = Backoff(*self._aside_s)
        while not stop.is_set():
            try:
                return await self._trial.passes(consumer)
            except (Later, BusUnavailable) as error:
                _log.warning("no record can be tried", group=self._group, error=str(error))
            await asyncio.sleep(pauses.next_pause())
        return False
