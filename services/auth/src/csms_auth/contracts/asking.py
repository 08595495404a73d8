"""Asks the pool for stations. It runs beside the consumer, so that others need not wait for a slow pool."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import structlog
from csms_bus.ports import BusUnavailable, Outgoing
from csms_runtime import metrics
from csms_runtime.clock import now_ms, utcnow

from csms_auth.contracts.chains import Chains, Contract
from csms_auth.contracts.pool import ContractPool, PoolError
from csms_auth.handlers.payloads import JsonObject, Reason
from csms_auth.handlers.turn import ContractAsked

WORKERS = 4
QUEUE = 100
MOST_OF_STATION = 2
"""Questions of one station that wait or are asked, at most."""
TIMEOUT_S = 8.0
_REPLY_S = 0.5
"""The station is answered so many seconds before the gateway stops waiting."""

_log = structlog.get_logger(__name__)

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]


class ContractAsker:
    """Takes a limited number of questions, asks them, and publishes the replies. There is one per process."""

    def __init__(self, publish: Publish, pool: ContractPool | None) -> None:
        """`pool` None: there is none, and no question is taken."""
        self._publish = publish
        self._pool = pool
        self._chains = Chains()
        self._queue: asyncio.Queue[ContractAsked] = asyncio.Queue(QUEUE)
        self._under_way: Counter[str] = Counter()

    def take(self, asked: ContractAsked) -> bool:
        """Take a question, or return False when too many wait, of all stations or of this one."""
        station_id = asked.record.station_id
        if self._queue.full() or self._under_way.get(station_id, 0) >= MOST_OF_STATION:
            metrics.AUTH_CONTRACT_QUESTIONS.labels("too many").inc()
            return False
        self._under_way[station_id] += 1
        self._queue.put_nowait(asked)
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop` is set. Then answer the questions that are here, for 8 seconds at most."""
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self._work(), name="auth-contracts") for _ in range(WORKERS)]
            await stop.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TIMEOUT_S):
                    await self._queue.join()
            for worker in workers:
                worker.cancel()

    async def _work(self) -> None:
        while True:
            asked = await self._queue.get()
            try:
                await self._publish([asked.answer(await self.response(asked))])
            except BusUnavailable as error:
                _log.warning("contract not told", station_id=asked.record.station_id, error=str(error))
            except Exception:  # noqa: BLE001 what one station sent must not keep the others from being answered
                _log.exception("contract not told", station_id=asked.record.station_id)
            finally:
                self._done(asked.record.station_id)

    def _done(self, station_id: str) -> None:
        self._queue.task_done()
        self._under_way[station_id] -= 1
        if not self._under_way[station_id]:
            del self._under_way[station_id]

    async def response(self, asked: ContractAsked) -> JsonObject:
        """Return the answer for the station."""
        try:
            found: Contract | Reason = await self._contract(asked)
        except PoolError as error:
            found = Reason("NotFound", str(error))
        except TimeoutError:
            found = Reason("NotFound", "the pool did not answer in time")
        failed = isinstance(found, Reason)
        metrics.AUTH_CONTRACT_QUESTIONS.labels("failed" if failed else "told").inc()
        if isinstance(found, Reason):
            _log.info("no contract certificate", station_id=asked.record.station_id, reason=found.text)
        return asked.write(found)

    async def _contract(self, asked: ContractAsked) -> Contract:
        if self._pool is None:
            raise PoolError("there is no pool of contract certificates")
        station_id, wanted = asked.record.station_id, asked.wanted
        left = self._chains.next(station_id, wanted, utcnow())
        if left is not None:
            return left
        async with asyncio.timeout(_within_s(asked)):
            found = await self._pool.responses(station_id, wanted)
        return self._chains.first(station_id, wanted, found, utcnow())


def _within_s(asked: ContractAsked) -> float:
    deadline_ms = asked.record.station_call.deadline_ms
    left_s = (deadline_ms - now_ms()) / 1000 - _REPLY_S if deadline_ms else TIMEOUT_S
    return max(0.0, min(left_s, TIMEOUT_S))
