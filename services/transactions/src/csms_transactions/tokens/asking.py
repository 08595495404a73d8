"""Asks auth about the tokens of a batch, and answers the stations when it has decided.

The question is sent before the events are stored. If auth answers soon, its decisions are stored with the events. If
auth is slow, they are stored later, beside the next batches: only stations that need a decision wait for it. A station
that gets no answer asks again, which does no harm. If it does not, `csms_transactions.tokens.asking_again` asks.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import structlog
from csms.v1.auth_pb2 import AuthorizationRequest, IdToken, IdTokenInfo, TokenQuestion
from csms.v1.bus_pb2 import Record
from csms_bus.ports import BusError, Outgoing
from csms_bus.records import new_record
from csms_bus.requests import NoAnswer, Requester
from csms_bus.topics import AUTH_QUESTIONS
from csms_ocpp.errors import ErrorCode
from csms_runtime import tracing
from csms_runtime.clock import now_ms, utcnow
from csms_runtime.metrics import TRANSACTION_REPLIES_DROPPED, TRANSACTION_TOKEN_ANSWER_SECONDS
from csms_runtime.waiting import Later

from csms_transactions import replies
from csms_transactions.batch import BatchEvent, Written
from csms_transactions.domain_events import not_decided
from csms_transactions.store.authorizations import Key
from csms_transactions.tokens.question import Asked

_log = structlog.get_logger(__name__)

Decisions = Sequence[IdTokenInfo] | None
"""The decisions in the order of the questions; None: auth did not answer in time."""
Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]
Decide = Callable[[Mapping[Key, Asked]], Awaitable[Mapping[int, IdTokenInfo]]]
"""Stores decisions that came late. Returns those that count, by the same order."""
SOON_S = 0.25
"""Seconds that a batch waits for its decisions."""


class Question:
    """A question that was sent. Call exactly one of `confirm` and `abandon`."""

    def __init__(self, deciding: asyncio.Task[Decisions]) -> None:
        self.deciding = deciding
        self.written: asyncio.Future[Written] = asyncio.get_running_loop().create_future()

    def confirm(self, written: Written) -> None:
        """Say that the events are stored, with the decisions that are here: the stations may be answered."""
        if not self.written.done():
            self.written.set_result(written)

    def abandon(self) -> None:
        """Say that the events are not stored: no station is answered."""
        self.written.cancel()
        self.deciding.cancel()


class TokenAnswers:
    """Asks auth, and owns the questions that were sent.

    There are at most `limit` of them. When auth does not answer, `ask` waits, and so does the consumer.
    """

    def __init__(
        self, requester: Requester, publish: Publish, decide: Decide, *, timeout_s: float, limit: int = 32
    ) -> None:
        self._requester = requester
        self._publish = publish
        self._decide = decide
        self._timeout_s = timeout_s
        self._free = asyncio.Semaphore(limit)
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow = False
        """Whether auth's last answer was slow. Then batches do not wait for the next one."""

    async def ask(self, events: Sequence[BatchEvent]) -> Question:
        """Send the question about all tokens in `events`. Blocks while too many questions are open."""
        await self._free.acquire()
        tokens = [_question(item) for item in events]
        question = Question(asyncio.create_task(self.decisions(tokens), name="token-decisions"))
        task = asyncio.create_task(self._answer(events, question), name="token-answers")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return question

    async def soon(self, question: Question) -> Decisions:
        """Return the decisions if they come soon; None: they come later or never."""
        if not self._slow:
            await asyncio.wait([question.deciding], timeout=SOON_S)
        return question.deciding.result() if question.deciding.done() else None

    async def drain(self) -> None:
        """Wait until every station that asked is answered. The question's deadline ends it at the latest."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("token answers failed", exc_info=error)

    async def _answer(self, events: Sequence[BatchEvent], question: Question) -> None:
        try:
            written = await question.written
            authorized = written.authorized
            answers = authorized.answers
            if authorized.open and (decisions := await question.deciding) is not None:
                answers |= await self._late(authorized.open, decisions)
        finally:
            question.deciding.cancel()
        await self._send(events, answers, written)

    async def _late(self, still: Mapping[int, Asked], decisions: Sequence[IdTokenInfo]) -> Mapping[int, IdTokenInfo]:
        asked = {one.row.key: replace(one, info=decisions[number]) for number, one in still.items()}
        order = {key: position for position, key in enumerate(asked)}
        try:
            found = await self._decide(asked)
        except Later as error:  # the stations ask again, or we do
            _log.warning("decisions on tokens not stored", tokens=len(asked), reason=str(error))
            return {}
        return {number: found[order[one.row.key]] for number, one in still.items() if order[one.row.key] in found}

    async def decisions(self, questions: Sequence[TokenQuestion]) -> Decisions:
        """Ask auth about tokens, all in one question. Return None when it does not answer in time."""
        started = time.monotonic()
        correlation_id = self._requester.new_correlation_id()
        try:
            record = await self._requester.ask(
                self._request(questions, correlation_id), correlation_id, timeout_s=self._timeout_s
            )
        except (NoAnswer, BusError) as error:
            self._slow = True
            _log.warning("auth did not decide", tokens=len(questions), reason=str(error))
            TRANSACTION_TOKEN_ANSWER_SECONDS.labels("none").observe(time.monotonic() - started)
            return None
        elapsed = time.monotonic() - started
        self._slow = elapsed > SOON_S
        TRANSACTION_TOKEN_ANSWER_SECONDS.labels("answered").observe(elapsed)
        return _answers(record, len(questions))

    def _request(self, questions: Sequence[TokenQuestion], correlation_id: str) -> Outgoing:
        request = AuthorizationRequest(
            reply_to=self._requester.reply_to,
            correlation_id=correlation_id,
            deadline_ms=now_ms() + int(self._timeout_s * 1000),
            questions=questions,
        )
        # One question for all: it lies in the trace of the batch's first record, as the database transaction does.
        traceparent = "" if tracing.active is None else tracing.active.of_all()
        record = new_record(questions[0].station_id, traceparent=traceparent, authorization_request=request)
        return Outgoing(AUTH_QUESTIONS.name, record)

    async def _send(self, events: Sequence[BatchEvent], answers: Mapping[int, IdTokenInfo], written: Written) -> None:
        replies = (_reply(item, answers.get(number), written) for number, item in enumerate(events))
        outgoing = list(chain.from_iterable(replies))
        now = utcnow()
        unanswered = (item for number, item in enumerate(events) if number not in answers)
        told = [not_decided(item.identity, item.new.event, now) for item in unanswered]
        try:
            await self._publish([*outgoing, *told])
        except BusError as error:
            TRANSACTION_REPLIES_DROPPED.labels("unpublished").inc(len(outgoing))
            _log.warning("answers not published", replies=len(outgoing), reason=str(error))


def _question(item: BatchEvent) -> TokenQuestion:
    event, token = item.new.event, item.token
    asked = IdToken() if token is None else IdToken(id_token=token.value, type=token.type)
    return TokenQuestion(station_id=item.identity.station_id, id_token=asked, evse_id=event.evse_id or 0)


def _answers(record: Record, expected: int) -> Decisions:
    answers = record.authorization_decision.answers
    if len(answers) == expected:
        return answers
    _log.error("auth answered other questions", expected=expected, answers=len(answers))
    return None


def _reply(item: BatchEvent, info: IdTokenInfo | None, written: Written) -> list[Outgoing]:
    """Answer with a CALLRESULT, whatever auth decided. Without a decision it is a CALLERROR: the station asks again."""
    if info is None:
        text = "no decision about the idToken in time"
        return replies.error(item.identity.station_id, item.call, ErrorCode.INTERNAL_ERROR, text)
    return replies.response(item.identity.station_id, item.call, item.answer(info, written.of(item)))
