"""Asks other services over the bus, and matches their answers by correlation id."""

import asyncio

from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import ReplyTo
from csms_runtime import metrics
from csms_runtime.ids import new_id

from csms_bus.ports import Bus, Outgoing


class NoAnswer(Exception):  # noqa: N818 says what is the case
    """No answer came in time, or the question was not asked."""


class NotAsked(NoAnswer):
    """Too many questions are open, so this one was not published."""


class Requester:
    """Asks questions and waits for their answers, which the process's inbox delivers.

        requester = Requester(bus, ReplyTo(topic="devices.inbox", partition=slot))
        inbox = Inbox(bus, "devices.inbox", slot, requester.deliver)

    At most `max_open` questions wait at the same time. One event loop only.
    """

    def __init__(self, bus: Bus, reply_to: ReplyTo, *, max_open: int = 10_000) -> None:
        self.reply_to = reply_to
        """Put this into each question."""
        self._bus = bus
        self._max_open = max_open
        self._open: dict[str, asyncio.Future[Record]] = {}

    @property
    def open(self) -> int:
        """The number of questions that wait for an answer."""
        return len(self._open)

    def new_correlation_id(self) -> str:
        """Return an id that no other question of any process has."""
        return new_id()

    async def ask(self, question: Outgoing, correlation_id: str, timeout_s: float) -> Record:
        """Publish a question and return the record that answers it.

        The question must carry `reply_to` and `correlation_id`. Waits at most `timeout_s` seconds, publishing included.
        Raises NoAnswer (NotAsked: it was not published), BusUnavailable, RecordRefused.
        """
        answer = self.expect(correlation_id)
        try:
            async with asyncio.timeout(timeout_s):
                await self._bus.publish([question])
                return await answer
        except TimeoutError:
            metrics.REQUESTS_UNANSWERED.labels("late").inc()
            raise NoAnswer(f"no answer within {timeout_s:g} s") from None
        finally:
            self.forget(correlation_id)

    def expect(self, correlation_id: str) -> asyncio.Future[Record]:
        """Begin to wait for an answer. The caller publishes the question.

        The caller must `forget` it in the end. Raises NotAsked when too many questions are open.
        """
        if len(self._open) >= self._max_open:
            metrics.REQUESTS_UNANSWERED.labels("refused").inc()
            raise NotAsked(f"{self._max_open} questions are open already")
        answer: asyncio.Future[Record] = asyncio.get_running_loop().create_future()
        self._open[correlation_id] = answer
        metrics.REQUESTS_OPEN.set(len(self._open))
        return answer

    def forget(self, correlation_id: str) -> None:
        """Stop waiting for an answer. Unknown ids are ignored."""
        answer = self._open.pop(correlation_id, None)
        if answer is not None:
            answer.cancel()
        metrics.REQUESTS_OPEN.set(len(self._open))

    def deliver(self, record: Record) -> bool:
        """Take a record of the inbox. Returns whether it answers an open question; late answers are counted."""
        answer = self._open.get(correlation_id_of(record))
        if answer is None or answer.done():
            metrics.REQUESTS_LATE_ANSWERS.inc()
            return False
        answer.set_result(record)
        return True


def correlation_id_of(record: Record) -> str:
    """Return the correlation id of a record, or an empty string."""
    name = record.WhichOneof("body")
    if name is None:
        return ""
    body = record.command_result.command if name == "command_result" else getattr(record, name)
    return str(getattr(body, "correlation_id", ""))
