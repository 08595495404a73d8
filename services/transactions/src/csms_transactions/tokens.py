"""Asking auth about the tokens of a batch, and answering the stations when it has decided.

The question leaves before the events are stored and is answered beside the next batches, so that a slow auth delays
only those who depend on it. A station that gets no answer because this process dies asks again, which is harmless.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import chain

import structlog
from csms.v1.auth_pb2 import AuthorizationRequest, IdToken, IdTokenInfo, TokenQuestion
from csms.v1.bus_pb2 import Record
from csms_bus.ports import BusError, Outgoing
from csms_bus.records import new_record
from csms_bus.requests import NoAnswer, Requester
from csms_bus.topics import AUTH_QUESTIONS
from csms_ocpp.errors import ErrorCode
from csms_runtime.clock import now_ms
from csms_runtime.metrics import TRANSACTION_REPLIES_DROPPED, TRANSACTION_TOKEN_ANSWER_SECONDS

from csms_transactions import replies
from csms_transactions.domain.events import CENTRAL
from csms_transactions.protocols import ocpp201
from csms_transactions.store.transactions import Group
from csms_transactions.work import EventWork

_log = structlog.get_logger(__name__)

Decisions = Sequence[IdTokenInfo] | None
"""In the order of the questions; None: auth did not answer in time."""
Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]
KeepGroups = Callable[[Sequence[Group]], Awaitable[None]]
CentralTokens = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
"""Of those transactions that we asked for, the token of type Central we gave, case-folded."""
_UNKNOWN = "Unknown"


class Question:
    """A question under way. Exactly one of `confirm` and `abandon` is to be called."""

    def __init__(self, task: asyncio.Task[None], stored: asyncio.Future[Mapping[str, str]]) -> None:
        self._task = task
        self._stored = stored

    def confirm(self, current: Mapping[str, str]) -> None:
        """The events are stored: the stations may be answered. `current`: as `Storing.store` returned it."""
        if not self._stored.done():
            self._stored.set_result(current)

    def abandon(self) -> None:
        """The events are not stored: nobody is answered."""
        self._task.cancel()


class TokenAnswers:
    """Owns the questions under way.

    At most `limit` of them: when auth does not answer, `ask` waits, and with it the consumer.
    """

    def __init__(
        self,
        requester: Requester,
        publish: Publish,
        keep_groups: KeepGroups,
        central_tokens: CentralTokens,
        *,
        timeout_s: float,
        limit: int = 32,
    ) -> None:
        self._requester = requester
        self._publish = publish
        self._keep_groups = keep_groups
        self._central_tokens = central_tokens
        self._timeout_s = timeout_s
        self._free = asyncio.Semaphore(limit)
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, events: Sequence[EventWork]) -> Question:
        """Send the question about all tokens in `events`. Blocks while too many questions are open."""
        stored: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        await self._free.acquire()
        task = asyncio.create_task(self._answer(events, stored), name="token-answers")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return Question(task, stored)

    async def drain(self) -> None:
        """Wait until every station that asked is answered; bounded by the question's deadline."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("token answers failed", exc_info=error)

    async def _answer(self, events: Sequence[EventWork], stored: asyncio.Future[Mapping[str, str]]) -> None:
        decisions = await self._decide(events)
        current = await stored
        if current:
            events = [item.moved(current) for item in events]
        decisions = await self._with_our_own(events, decisions)
        await self._send(events, decisions)
        await self._keep_groups(_groups(events, decisions or ()))

    async def _decide(self, events: Sequence[EventWork]) -> Decisions:
        """Ask once for the whole batch."""
        started = time.monotonic()
        correlation_id = self._requester.new_correlation_id()
        try:
            record = await self._requester.ask(
                self._request(events, correlation_id), correlation_id, timeout_s=self._timeout_s
            )
        except (NoAnswer, BusError) as error:
            _log.warning("auth did not decide", tokens=len(events), reason=str(error))
            TRANSACTION_TOKEN_ANSWER_SECONDS.labels("none").observe(time.monotonic() - started)
            return None
        TRANSACTION_TOKEN_ANSWER_SECONDS.labels("answered").observe(time.monotonic() - started)
        return _answers(record, len(events))

    async def _with_our_own(self, events: Sequence[EventWork], decisions: Decisions) -> Decisions:
        """Accept the tokens that we made for remote starts: auth need not know them, they are good once (C05, F01)."""
        unknown = {
            item.identity.key
            for item, info in zip(events, decisions or (), strict=False)
            if info.status == _UNKNOWN and item.token is not None and item.token.type == CENTRAL
        }
        if not unknown or decisions is None:
            return decisions
        ours = await self._central_tokens(unknown)
        return [_accepted_if(ours, item, info) for item, info in zip(events, decisions, strict=True)]

    def _request(self, events: Sequence[EventWork], correlation_id: str) -> Outgoing:
        request = AuthorizationRequest(
            reply_to=self._requester.reply_to,
            correlation_id=correlation_id,
            deadline_ms=now_ms() + int(self._timeout_s * 1000),
            questions=[_question(item) for item in events],
        )
        return Outgoing(AUTH_QUESTIONS.name, new_record(events[0].identity.station_id, authorization_request=request))

    async def _send(self, events: Sequence[EventWork], decisions: Decisions) -> None:
        found: Sequence[IdTokenInfo | None] = decisions if decisions is not None else [None] * len(events)
        outgoing = list(chain.from_iterable(map(_reply, events, found)))
        try:
            await self._publish(outgoing)
        except BusError as error:
            TRANSACTION_REPLIES_DROPPED.labels("unpublished").inc(len(outgoing))
            _log.warning("answers not published", replies=len(outgoing), reason=str(error))


def _accepted_if(ours: Mapping[str, str], item: EventWork, info: IdTokenInfo) -> IdTokenInfo:
    token = item.token
    is_ours = token is not None and token.type == CENTRAL and ours.get(item.identity.key) == token.value.casefold()
    return IdTokenInfo(status="Accepted") if is_ours and info.status == _UNKNOWN else info


def _question(item: EventWork) -> TokenQuestion:
    event, token = item.new.event, item.token
    asked = IdToken() if token is None else IdToken(id_token=token.value, type=token.type)
    return TokenQuestion(station_id=item.identity.station_id, id_token=asked, evse_id=event.evse_id or 0)


def _answers(record: Record, expected: int) -> Decisions:
    answers = record.authorization_decision.answers
    if len(answers) == expected:
        return answers
    _log.error("auth answered other questions", expected=expected, answers=len(answers))
    return None


def _reply(item: EventWork, info: IdTokenInfo | None) -> list[Outgoing]:
    """Whatever auth decides is a CALLRESULT; without a decision the station is to ask again."""
    if info is None:
        text = "no decision about the idToken in time"
        return replies.error(item.identity.station_id, item.call, ErrorCode.INTERNAL_ERROR, text)
    return replies.response(item.identity.station_id, item.call, ocpp201.transaction_event_response(info))


def _groups(events: Sequence[EventWork], answers: Sequence[IdTokenInfo]) -> list[Group]:
    return [
        Group(item.identity.key, info.group_id_token.id_token, info.group_id_token.type)
        for item, info in zip(events, answers, strict=False)
        if info.HasField("group_id_token") and not item.new.event.stops
    ]
