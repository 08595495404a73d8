"""The half of a session that a station begins: its CALLs, one in work at a time, and its SENDs."""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple

import orjson

from csms_ocpp.effects import Dispatch, Effect, HeartbeatReceived, Notice, NoticeKind, SendText
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.fitness import unfit
from csms_ocpp.frames import Call, Send, encode_error, encode_result
from csms_ocpp.limits import SessionLimits
from csms_ocpp.long_list import LongList
from csms_ocpp.registration import Registration, Standing
from csms_ocpp.times import format_datetime
from csms_ocpp.validation import (
    Tolerated,
    Violation,
    permits_empty_response,
    tolerated,
    validate_request,
    validate_response,
)
from csms_ocpp.versions import Protocol, Version

UtcNow = Callable[[], datetime]
# A repeat of these is answered anew: the status may have changed.
_ALWAYS_FRESH = frozenset({"BootNotification"})
_LONGEST_NAME = 64
"""Characters of an unknown action that are shown in an error."""


class _InWork(NamedTuple):
    correlation: int
    message_id: str
    action: str
    fingerprint: int
    received_at: float
    raw: bytes
    """The payload. The driver holds the same object, so it takes no memory of its own."""


class _Queued(NamedTuple):
    """A CALL that waits, checked. Its parsed payload is gone: it would take many times the memory of its bytes."""

    call: Call
    content_problem: OcppError | None
    received_at: float


class _Kept(NamedTuple):
    answer: bytes
    received_at: float


class StationCalls:
    """State machine of the station's requests. Every method returns what the driver must do, in order."""

    __slots__ = (
        "_answers",
        "_in_work",
        "_lenient",
        "_limits",
        "_next",
        "_noted",
        "_queue",
        "_queued_bytes",
        "_standing",
        "_utcnow",
        "_version",
    )

    def __init__(
        self, version: Version, standing: Standing, limits: SessionLimits, *, lenient: bool, utcnow: UtcNow | None
    ) -> None:
        self._version = version
        self._standing = standing
        self._limits = limits
        self._lenient = lenient
        self._utcnow = utcnow
        self._next = 0
        self._noted: Notice | None = None
        """What was tolerated in the request that is being taken."""
        self._in_work: _InWork | None = None
        self._queue: deque[_Queued] | None = None
        self._queued_bytes = 0
        self._answers: dict[int, _Kept] | None = None

    @property
    def can_receive(self) -> bool:
        """Whether another CALL would find room."""
        if not self._queue:
            return True
        limits = self._limits
        return len(self._queue) < limits.max_queued_calls and self._queued_bytes < limits.max_queued_bytes

    def receive(self, call: Call, now: float) -> list[Effect]:
        """Take a CALL: dispatch it, queue it behind the one in work, or answer it."""
        if self._in_work is not None and self._is_open(call.message_id):
            return self._duplicate(call)
        fingerprint = _fingerprint(call)
        kept = self._kept_answer(fingerprint, now) if self._answers else None
        if kept is not None:
            notice = Notice(NoticeKind.REPEATED_CALL, action=call.action)
            return [notice, SendText(encode_result(call.message_id, kept))]
        if self._in_work is None:
            problem = self._wrong_action(call) or self._barred(call) or self._wrong_content(call)
            effects = self._start(call, fingerprint, now, problem)
        else:
            effects = self._enqueue(call, now)
        return effects if self._noted is None else [self._take_noted(), *effects]

    def _kept_answer(self, fingerprint: int, now: float) -> bytes | None:
        answers = self._answers or {}
        kept = answers.get(fingerprint)
        if kept is None:
            return None
        # A repeat comes soon. After a long time it is another message of a station that is careless with ids.
        if now - kept.received_at > self._limits.answer_max_age_s:
            del answers[fingerprint]
            return None
        return kept.answer

    def _is_open(self, message_id: str) -> bool:
        if self._in_work is None:  # then no CALL waits either
            return False
        waiting = any(queued.call.message_id == message_id for queued in self._queue) if self._queue else False
        return waiting or self._in_work.message_id == message_id

    def _duplicate(self, call: Call) -> list[Effect]:
        error = OcppError(self._version.duplicate_id, "a CALL with this message id is still in work")
        return self._refuse(call, error, NoticeKind.DUPLICATE_CALL)

    def _enqueue(self, call: Call, now: float) -> list[Effect]:
        if not self.can_receive:
            error = OcppError(ErrorCode.GENERIC_ERROR, "too many open CALLs")
            return self._refuse(call, error, NoticeKind.OVERLOADED)
        if self._queue is None:
            self._queue = deque()
        problem = self._wrong_action(call) or self._wrong_content(call)
        call.payload = None
        self._queue.append(_Queued(call, problem, now))
        self._queued_bytes += len(call.raw)
        return []

    def _refuse(self, call: Call, error: OcppError, kind: NoticeKind) -> list[Effect]:
        known = call.action if self._version.actions.get(call.action) else ""
        notice = Notice(kind, error.description, known, error.code)
        return [notice, SendText(encode_error(call.message_id, error, self._version.spelling))]

    def _start(self, call: Call, fingerprint: int, received_at: float, problem: OcppError | None) -> list[Effect]:
        if problem is not None:
            return self._refuse(call, problem, NoticeKind.CALL_REFUSED)
        self._next += 1
        self._in_work = _InWork(self._next, call.message_id, call.action, fingerprint, received_at, call.raw)
        if call.action == "Heartbeat":
            return [HeartbeatReceived(self._next, call.message_id)]
        return [Dispatch(self._next, call.action, call.message_id, call.raw)]

    def _start_queued(self) -> list[Effect]:
        effects: list[Effect] = []
        while self._queue and self._in_work is None:
            call, content_problem, received_at = self._queue.popleft()
            self._queued_bytes -= len(call.raw)
            problem = self._wrong_action(call) or self._barred(call) or content_problem
            effects += self._start(call, _fingerprint(call), received_at, problem)
        return effects

    def _wrong_action(self, request: Call | Send) -> OcppError | None:
        known = self._version.actions.get(request.action)
        if known is None:
            return OcppError(ErrorCode.NOT_IMPLEMENTED, f"unknown action {request.action[:_LONGEST_NAME]!r}")
        if not known.from_station:
            return OcppError(ErrorCode.NOT_SUPPORTED, "only the CSMS sends this action")
        if known.send_only is not isinstance(request, Send):
            return OcppError(ErrorCode.NOT_SUPPORTED, f"this action is a {'SEND' if known.send_only else 'CALL'}")
        return None

    def _barred(self, request: Call | Send) -> OcppError | None:
        if self._standing.may_call(request.action):
            return None
        return OcppError(ErrorCode.SECURITY_ERROR, "the station is not accepted")

    def _wrong_content(self, request: Call | Send) -> OcppError | None:
        if request.payload is None:
            request.payload, request.raw = {}, b"{}"  # both mean: no fields (2.x Part 4, 4.1.5)
        if isinstance(request.payload, LongList):
            return request.payload.check(partial(self._piece_violation, request.action))
        unusable = unfit(request.payload, request.raw)
        if unusable is not None:
            return OcppError(ErrorCode.FORMAT_VIOLATION, unusable)
        violation = self._violation(request.action, request.payload)
        if violation is None or (self._lenient and self._tolerates(request)):
            return None
        return OcppError(violation.code, violation.description)

    def _piece_violation(self, action: str, payload: object) -> Violation | None:
        """As `_violation`, for some entries of a long list. Nothing is tolerated that would have to be changed."""
        violation = self._violation(action, payload)
        if violation is None or not self._lenient:
            return violation
        found = tolerated(self._version.protocol, action, payload, response=False)
        if found is None or found.payload is not payload:
            return violation
        self._noted = self._noted or _tolerance(action, found)
        return None

    def _tolerates(self, request: Call | Send) -> bool:
        """Whether the request is taken all the same. If so, it is made readable for services, and noted."""
        received_at = format_datetime(self._utcnow()) if self._utcnow else None
        protocol, payload = self._version.protocol, request.payload
        found = tolerated(protocol, request.action, payload, response=False, received_at=received_at)
        if found is None:
            return False
        if found.payload is not request.payload:
            request.payload, request.raw = found.payload, orjson.dumps(found.payload)
        self._noted = _tolerance(request.action, found)
        return True

    def _take_noted(self) -> Notice:
        noted, self._noted = self._noted, None
        assert noted is not None  # noqa: S101 asked before
        return noted

    def _violation(self, action: str, payload: object) -> Violation | None:
        return validate_request(self._version.protocol, action, payload, outbound=False, lenient=self._lenient)

    def checking(self, request: Call | Send) -> Iterator[None]:
        """Check a long payload in steps of a millisecond, unless the request is refused in any case."""
        refused = self._wrong_action(request) or (self._in_work is None and self._barred(request))
        if isinstance(request.payload, LongList) and not refused:
            yield from request.payload.checking(partial(self._piece_violation, request.action))

    def receive_send(self, send: Send) -> list[Effect]:
        """Take a SEND: dispatch it at once, or drop it. It never gets an answer (OCPP 2.1 Part 4)."""
        problem = self._wrong_action(send) or self._barred(send) or self._wrong_content(send)
        if problem is not None:
            known = send.action if self._version.actions.get(send.action) else ""
            return [Notice(NoticeKind.SEND_REFUSED, problem.description, known, problem.code)]
        self._next += 1
        dispatch = Dispatch(self._next, send.action, send.message_id, send.raw, no_reply=True)
        return [dispatch] if self._noted is None else [self._take_noted(), dispatch]

    def reply(self, correlation: int, answer: bytes | OcppError, *, keep: bool = True) -> list[Effect]:
        """Answer the CALL in work and start the next one. A correlation that is not in work gives a Notice."""
        call = self._in_work
        if call is None or call.correlation != correlation:
            return [Notice(NoticeKind.LATE_REPLY)]
        effects = (
            self._refusal(call, answer) if isinstance(answer, OcppError) else self._result(call, answer, keep=keep)
        )
        self._in_work = None
        return effects + self._start_queued() if self._queue else effects

    def answer_heartbeat(self, correlation: int, time: str) -> list[Effect]:
        """Answer a Heartbeat with a date-time. The answer is not checked, as its form is fixed, and not kept."""
        call = self._in_work
        if call is None or call.correlation != correlation:
            return [Notice(NoticeKind.LATE_REPLY)]
        self._in_work = None
        answer = SendText(encode_result(call.message_id, b'{"currentTime":"%b"}' % time.encode()))
        return [answer, *self._start_queued()] if self._queue else [answer]

    def replied_late(self, correlation: int, *, stored: bool) -> list[Effect]:
        """Answer in place of a service: with {} if the CALL is stored and the schema allows it, else InternalError.

        An event with an idToken is never answered with {}: a station that gets no idTokenInfo lets the driver charge
        on. The answer must have one (C12.FR.03, E01.FR.11, E05.FR.01), and nobody has decided. After an error the
        station sends the event again (E13), which does no harm.
        """
        call = self._in_work
        if call is None or call.correlation != correlation:
            return []
        notice = Notice(NoticeKind.NO_REPLY, action=call.action)
        may_be_empty = stored and permits_empty_response(self._version.protocol, call.action)
        if may_be_empty and not (call.action in self._version.token_events and _may_hold_token(call.raw)):
            return [notice, *self.reply(correlation, b"{}", keep=False)]
        return [notice, *self.reply(correlation, OcppError(ErrorCode.INTERNAL_ERROR, "no reply in time"))]

    def _refusal(self, call: _InWork, error: OcppError) -> list[Effect]:
        return [SendText(encode_error(call.message_id, error, self._version.spelling))]

    def _result(self, call: _InWork, answer: bytes, *, keep: bool) -> list[Effect]:
        short = len(answer) <= _SHORT_ANSWER
        payload, fault = (_checked_before if short else _checked)(self._version.protocol, call.action, answer)
        if fault is not None:
            notice = Notice(NoticeKind.INVALID_REPLY, fault, call.action)
            return [notice, *self._refusal(call, OcppError(ErrorCode.INTERNAL_ERROR, "no valid answer"))]
        if call.action == "BootNotification":
            self._standing.registration = Registration(payload["status"])
        if keep:
            self._keep(call, answer)
        return [SendText(encode_result(call.message_id, answer))]

    def _keep(self, call: _InWork, answer: bytes) -> None:
        if call.action in _ALWAYS_FRESH or len(answer) > self._limits.answer_max_bytes:
            return
        if self._answers is None:
            self._answers = {}
        answers = self._answers
        answers[call.fingerprint] = _Kept(answer, call.received_at)
        if len(answers) > self._limits.answers_kept:
            del answers[next(iter(answers))]


def _tolerance(action: str, found: Tolerated) -> Notice:
    return Notice(NoticeKind.TOLERATED, found.description, action, found.faults[0].code)


def _checked(protocol: Protocol, action: str, answer: bytes) -> tuple[Any, str | None]:
    """Return the parsed answer, which must not be changed, and what is wrong with it."""
    try:
        payload = orjson.loads(answer)
    except ValueError:
        return None, "not valid JSON"
    violation = validate_response(protocol, action, payload, outbound=True)
    return payload, None if violation is None else violation.description


_SHORT_ANSWER = 64
"""Bytes. Most answers are `{}` or a status."""
_checked_before = lru_cache(maxsize=512)(_checked)


def _may_hold_token(raw: bytes) -> bool:
    """Whether a message may have an idToken. It is not parsed, so some messages without one count too."""
    return b'"idToken"' in raw or b"\\u" in raw


def _fingerprint(call: Call) -> int:
    """Identify a CALL by its whole content: a station that uses an id again must not get the answer to another message.

    A hash of 64 bits is enough for the 16 answers of one station. Ids and payloads would take kilobytes per connection.
    """
    return hash((call.message_id, call.action, call.raw))
