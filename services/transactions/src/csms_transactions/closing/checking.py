"""Asks stations about transactions that may have ended (E14)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

import structlog
from csms.v1.station_pb2 import CallOrderVerdict
from csms_bus.requests import NotAsked
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id
from csms_runtime.waiting import Backoff, wait_for

from csms_transactions import versions
from csms_transactions.batch import StatusAnswer
from csms_transactions.domain.closing import StationSays
from csms_transactions.orders import Asker, Order, Orders
from csms_transactions.store import status_checks
from csms_transactions.store.status_checks import Due

ANSWER_S = 10.0
"""How long a station may take."""
_AT_ONCE = 20
"""At most so many stations are asked at the same time."""
_LOOK_S = 30.0
"""So often we look for questions that another process noted."""
_CANNOT_SAY = {CallOrderVerdict.VERDICT_UNKNOWN_STATION, CallOrderVerdict.VERDICT_OTHER_PROTOCOL}
_ASKER = Asker("csms")

_log = structlog.get_logger(__name__)


class StatusChecks:
    """Asks the questions that are due. The stations' answers come as the results of all calls do."""

    def __init__(
        self, database: Database, orders: Orders, hear: Callable[[Sequence[StatusAnswer]], Awaitable[None]]
    ) -> None:
        self._database = database
        self._orders = orders
        self._hear = hear
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that evidence was committed. This is cheap. Call it from the event loop's thread."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop` is set. While bus or database are away, it waits and tries again."""
        backoff = Backoff(1.0, 60.0)
        while not stop.is_set():
            self._woken.clear()
            try:
                pause = await self.ask_due()
                backoff.reset()
            except DatabaseUnavailable as error:
                pause = backoff.next_pause()
                _log.warning("transactions not checked", reason=str(error), retry_in_s=round(pause, 1))
            if pause > 0:
                await wait_for(stop, self._woken, timeout_s=pause)

    async def ask_due(self) -> float:
        """Ask some of the questions that are due. Return after how many seconds the next one is due."""
        async with self._database.transaction() as session:
            due = await status_checks.take_due(session, utcnow(), _AT_ONCE)
            following = await status_checks.next_due(session)
        if due:
            async with asyncio.TaskGroup() as tasks:
                for question in due:
                    tasks.create_task(self._ask(question))
        return _until(following)

    async def _ask(self, question: Due) -> None:
        station_id, transaction_id = question.identity.station_id, question.identity.transaction_id
        forms = versions.together(lambda version: version.status and version.status.ask(transaction_id))
        order = Order(new_id(), station_id, forms, _ASKER, ANSWER_S)
        try:
            verdict = await self._orders.place(order)
        except NotAsked:
            return  # it is asked again later
        if verdict is not None and verdict.verdict in _CANNOT_SAY:
            is_there = verdict.verdict == CallOrderVerdict.VERDICT_OTHER_PROTOCOL
            with suppress(DatabaseUnavailable):  # it is asked again later
                await self._hear(
                    [StatusAnswer(station_id, transaction_id, StationSays(utcnow(), can_say=not is_there))]
                )


def _until(moment: datetime | None) -> float:
    return _LOOK_S if moment is None else min(_LOOK_S, (moment - utcnow()).total_seconds())
