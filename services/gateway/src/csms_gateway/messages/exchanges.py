"""Joins the frames of one connection: a request with its answer, and with what was noticed of it. Pure."""

import itertools
import random
from dataclasses import dataclass

from csms_ocpp.effects import Notice, NoticeKind
from csms_ocpp.frames import CALL, CALLERROR, CALLRESULT, CALLRESULTERROR, SEND, UNREADABLE_ID
from csms_ocpp.parsing import head

RESULT, ERROR, TIMEOUT, UNANSWERED, SENT, REFUSED, UNEXPECTED = (
    "result",
    "error",
    "timeout",
    "unanswered",
    "sent",
    "refused",
    "unexpected",
)
NOWHERE = ""
"""An answer of the CSMS whose request is missing in the log. It is not shown."""
_ALONE = {
    CALL: UNANSWERED,
    SEND: SENT,
    CALLRESULT: UNEXPECTED,
    CALLERROR: UNEXPECTED,
    CALLRESULTERROR: REFUSED,
}
"""By message type: the outcome of a frame that has no other one beside it."""
_MOST_OPEN = 100
"""Requests of a connection and direction that wait for their answers; a session has fewer open."""
_HEAD = 1024
_ids = itertools.count(random.getrandbits(62))
"""Unique among gateways, as good as ever, and in order within one."""

_REFUSALS = frozenset(
    {NoticeKind.INVALID_FRAME, NoticeKind.CALL_REFUSED, NoticeKind.DUPLICATE_CALL, NoticeKind.OVERLOADED}
)
"""What the session notices just before it sends the CALLERROR that refuses a request."""
_OF_FRAMES = {
    NoticeKind.SEND_REFUSED: REFUSED,
    NoticeKind.TOLERATED: None,
    NoticeKind.INVALID_ANSWER: ERROR,
    NoticeKind.LATE_ANSWER: None,
    NoticeKind.UNKNOWN_ANSWER: None,
    NoticeKind.RESULT_REFUSED: None,
}
"""What it notices of the frame that came last, and the outcome of that; None: as it was."""
_OF_ANSWERS = frozenset({NoticeKind.NO_REPLY, NoticeKind.INVALID_REPLY})
"""What it notices of our answer to the station's CALL that waits longest."""


@dataclass(slots=True, eq=False)
class Frame:
    """A frame as it went over the wire, or its beginning."""

    at_us: int
    data: bytes | str
    size: int
    """Of the whole frame: bytes of what came, characters of what was sent."""
    taken: int = 0
    """The bytes that it takes in the queue."""


@dataclass(slots=True, eq=False)
class Exchange:
    """A request with its answer, or a frame that is alone."""

    id: int
    by_station: bool
    action: str
    message_id: str
    outcome: str
    request: Frame
    answer: Frame | None = None
    notice: Notice | None = None


class Exchanges:
    """The frames of one connection, in order. What is complete is taken with `complete`."""

    __slots__ = ("_done", "_last", "_noticed", "_open")

    def __init__(self) -> None:
        self._open: tuple[dict[str, Exchange], dict[str, Exchange]] = ({}, {})
        """Requests that wait for their answers, by message id: those of the CSMS, those of the station."""
        self._done: list[Exchange] = []
        self._last: Exchange | None = None
        """What the frame that came from the station last belongs to."""
        self._noticed: Notice | None = None
        """A refusal whose CALLERROR is sent next, if it is answered at all."""

    def take(self, frame: Frame, *, by_station: bool) -> None:
        """Take a frame that the station or, otherwise, the CSMS sent."""
        data = frame.data
        found = head(data[:_HEAD].encode(errors="replace") if isinstance(data, str) else data)
        kind, message_id, action = found or (None, "", "")
        if by_station:
            self._settle()
        is_answer = kind in (CALLRESULT, CALLERROR)
        asked = self._asked(message_id, by_station=by_station) if is_answer else None
        if asked is not None:
            self._answered(asked, frame, RESULT if kind == CALLRESULT else ERROR, by_station=by_station)
            return
        outcome = NOWHERE if is_answer and not by_station else _ALONE.get(kind, REFUSED)  # type: ignore[arg-type]
        exchange = Exchange(next(_ids), by_station, action, message_id, outcome, frame)
        if by_station:
            self._last = exchange
        if kind == CALL or (by_station and kind not in _ALONE):
            self._wait(exchange)
        else:
            self._done.append(exchange)

    def notice(self, notice: Notice) -> None:
        """Take what the session noticed."""
        kind, last = notice.kind, self._last
        if kind in _REFUSALS:
            self._noticed = notice
        elif kind in _OF_FRAMES and last is not None:
            last.notice = notice
            last.outcome = _OF_FRAMES[kind] or last.outcome
        elif kind in _OF_ANSWERS:
            waiting = next(iter(self._open[True].values()), None)
            if waiting is not None:
                waiting.notice = notice

    def timed_out(self, message_id: str) -> None:
        """Learn that the CSMS waits no longer for the answer to its request."""
        self._end(self._open[False].pop(message_id, None), TIMEOUT)

    def ended(self) -> None:
        """Learn that the connection has ended."""
        self._settle()
        for waiting in self._open:
            for exchange in waiting.values():
                self._end(exchange, UNANSWERED)
            waiting.clear()

    def complete(self) -> list[Exchange]:
        """Return what was completed since the last call."""
        self._settle()
        done, self._done = self._done, []
        return done

    def _asked(self, message_id: str, *, by_station: bool) -> Exchange | None:
        """Return the open request of the other side to which this is the answer."""
        waiting = self._open[not by_station]
        found = waiting.pop(message_id, None)
        last = self._last
        if found is None and message_id == UNREADABLE_ID and self._noticed is not None and last is not None:
            return waiting.pop(_key(last), None)  # its id is none that an answer may have
        return found

    def _answered(self, exchange: Exchange, frame: Frame, outcome: str, *, by_station: bool) -> None:
        exchange.answer, exchange.outcome = frame, outcome
        if by_station:
            self._last = exchange
        elif self._noticed is not None:
            exchange.notice, self._noticed, exchange.outcome = self._noticed, None, REFUSED
        self._done.append(exchange)

    def _wait(self, exchange: Exchange) -> None:
        waiting = self._open[exchange.by_station]
        # Of two with one id the later one is refused, at once.
        self._end(waiting.pop(_key(exchange), None), UNANSWERED)
        waiting[_key(exchange)] = exchange
        if len(waiting) > _MOST_OPEN:
            self._end(waiting.pop(next(iter(waiting))), UNANSWERED)

    def _settle(self) -> None:
        """End what was refused and not answered."""
        refused, notice = self._last, self._noticed
        self._noticed = None
        if notice is None or refused is None:
            return
        refused.notice = notice
        if not refused.by_station:
            refused.outcome = ERROR  # an answer that nobody could read
        elif self._open[True].get(_key(refused)) is refused:
            self._end(self._open[True].pop(_key(refused)), REFUSED)

    def _end(self, exchange: Exchange | None, outcome: str) -> None:
        if exchange is not None:
            exchange.outcome = outcome
            self._done.append(exchange)


def _key(exchange: Exchange) -> str:
    return exchange.message_id or UNREADABLE_ID
