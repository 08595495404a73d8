"""The queue of messages about transactions: kept in order until the CSMS answered each of them (E04, E12, E13)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from csms_testing.simulator.errors import CallRefused, CallTimeout, NotConnected, SchemaViolation
from csms_testing.simulator.frames import Json
from csms_testing.simulator.ledger import Entry, Ledger, State, payload_hash
from csms_testing.simulator.messages import Message
from csms_testing.simulator.rpc import new_message_id
from csms_testing.simulator.tasks import Tasks


class Send(Protocol):
    """Sends one CALL and returns its answer; raises what `Rpc.call` raises."""

    def __call__(self, action: str, payload: Json, *, message_id: str) -> Awaitable[Json]:
        """Send."""


OnAnswer: TypeAlias = Callable[[Message, Json], None]
"""Called with a message and what its answer says (`Message.understood`), however late it came."""


@dataclass(frozen=True, slots=True)
class Policy:
    """E13: how often and how patiently an event is sent again."""

    attempts: Callable[[], int]
    """MessageAttempts[TransactionEvent]; only CALLERRORs and wrong answers count, silence does not."""
    interval_s: Callable[[], float]
    """MessageAttemptInterval[TransactionEvent], real seconds; grows with every attempt."""
    same_message_id: bool
    """Whether a repetition carries the message id of the first transmission (errata 2024-09 allow both)."""
    limit: int
    """Messages kept; beyond it every second one of neither begin nor end is dropped (E12.FR.05)."""


@dataclass(slots=True)
class _Queued:
    message: Message
    entry: Entry
    answer: asyncio.Future[Json | None]
    failures: int = 0


class Delivery:
    """One station's queue. A task exists only while there is something to send and someone to send it to."""

    def __init__(
        self, station_id: str, send: Send, *, ledger: Ledger, policy: Policy, tasks: Tasks, on_answer: OnAnswer
    ) -> None:
        self._station_id = station_id
        self._send = send
        self._ledger = ledger
        self._policy = policy
        self._tasks = tasks
        self._on_answer = on_answer
        self._queue: deque[_Queued] = deque()
        self._online = asyncio.Event()
        self._offline = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._shorter = asyncio.Event()
        self._draining = False

    def __len__(self) -> int:
        return len(self._queue)

    def holds(self, transaction_id: str) -> bool:
        """Whether messages of this transaction still wait (E14)."""
        return any(item.entry.transaction_id == transaction_id for item in self._queue)

    def put(self, message: Message) -> asyncio.Future[Json | None]:
        """Queue a message.

        The future's result is the CSMS's answer; None once it is clear that none will come on this connection:
        offline, the connection was lost (the message stays queued), or it was dropped.
        """
        entry = self._ledger.record(self._station_id, message.event)
        answer: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        if len(self._queue) >= self._policy.limit:
            self._thin_out()
        self._queue.append(_Queued(message, entry, answer))
        self._empty.clear()
        if self._online.is_set():
            self._drain_soon()
        else:
            answer.set_result(None)
        return answer

    def _thin_out(self) -> None:
        behind_first = list(self._queue)[1:]  # the first may be on its way
        updated = [item for item in behind_first if item.entry.event_type == "Updated"][::2]
        for item in updated:
            self._queue.remove(item)
            self._shorter.set()
            self._drop(item)

    def online(self) -> None:
        """The station is connected and accepted: send what is queued."""
        self._online.set()
        self._offline.clear()
        self._drain_soon()

    def offline(self) -> None:
        """The connection is gone: whoever waits for an answer need not wait any longer."""
        self._online.clear()
        self._offline.set()
        for item in self._queue:
            if not item.answer.done():
                item.answer.set_result(None)

    async def flushed(self) -> None:
        """Wait until nothing is queued. May wait forever; use a deadline."""
        await self._empty.wait()

    async def below(self, limit: int) -> None:
        """Wait until fewer than `limit` messages are queued. May wait forever; use a deadline."""
        while len(self._queue) >= limit:
            self._shorter.clear()
            await self._shorter.wait()

    def _drain_soon(self) -> None:
        if self._queue and not self._draining:
            self._draining = True
            self._tasks.start(self._drain(), f"{self._station_id} delivery")

    async def _drain(self) -> None:
        try:
            while self._queue and self._online.is_set():
                await self._attempt(self._queue[0])
        finally:
            self._draining = False

    async def _attempt(self, item: _Queued) -> None:
        message, ids = item.message, item.entry.message_ids
        ids.append(ids[0] if ids and self._policy.same_message_id else new_message_id())
        payload = message.payload()
        if payload is not message.event:
            item.entry.payload_hash = payload_hash(payload)
        try:
            answer = await self._send(message.action, payload, message_id=ids[-1])
        except NotConnected as error:
            item.entry.errors.append(str(error))
            await self._offline.wait()  # the reader notices within the same turn of the loop
        except CallTimeout as error:
            item.entry.errors.append(str(error))
            await self._pause(len(ids))
        except (CallRefused, SchemaViolation) as error:
            item.entry.errors.append(str(error))
            await self._refused(item)
        else:
            self._answered(item, answer)

    def _answered(self, item: _Queued, answer: Json) -> None:
        transaction = item.message.transaction
        own_id = transaction.id
        told = item.message.understood(answer)
        if transaction.id != own_id:
            self._ledger.rename(self._station_id, own_id, transaction.id)
        self._ledger.acknowledge(item.entry, answer)
        self._on_answer(item.message, told)
        self._done(item, answer)

    async def _refused(self, item: _Queued) -> None:
        item.failures += 1
        if item.failures >= self._policy.attempts():
            self._drop(item)
            self._done(item, None)
            return
        await self._pause(item.failures)

    async def _pause(self, transmissions: int) -> None:
        try:
            async with asyncio.timeout(self._policy.interval_s() * transmissions):
                await self._offline.wait()
        except TimeoutError:
            pass  # the usual case: still connected, time to send it again

    def _drop(self, item: _Queued) -> None:
        item.entry.state = State.DROPPED
        if not item.answer.done():
            item.answer.set_result(None)

    def _done(self, item: _Queued, answer: Json | None) -> None:
        if self._queue and self._queue[0] is item:
            self._queue.popleft()
            self._shorter.set()
        if not self._queue:
            self._empty.set()
        if not item.answer.done():
            item.answer.set_result(answer)
