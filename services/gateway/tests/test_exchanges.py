"""A request is joined with its answer, and with what was noticed of it."""

from csms_gateway.messages.exchanges import Exchange, Exchanges, Frame
from csms_ocpp.effects import Notice, NoticeKind


class Connection:
    """A connection whose frames are taken one after the other, a microsecond apart."""

    def __init__(self) -> None:
        self.exchanges = Exchanges()
        self._at = 0

    def came(self, text: str) -> None:
        self._take(text.encode(), by_station=True)

    def sent(self, text: str) -> None:
        self._take(text, by_station=False)

    def noticed(self, kind: NoticeKind, detail: str = "") -> None:
        self.exchanges.notice(Notice(kind, detail))

    def complete(self) -> list[tuple[bool, str, str, bool]]:
        return [(one.by_station, one.action, one.outcome, one.answer is not None) for one in self.exchanges.complete()]

    def only(self) -> Exchange:
        (one,) = self.exchanges.complete()
        return one

    def _take(self, data: bytes | str, *, by_station: bool) -> None:
        self._at += 1
        self.exchanges.take(Frame(self._at, data, len(data)), by_station=by_station)


def test_requests_of_both_sides_get_their_own_answers():
    connection = Connection()
    connection.came('[2,"1","Heartbeat",{}]')
    connection.sent('[2,"1","Reset",{"type":"OnIdle"}]')
    connection.came('[3,"1",{"status":"Accepted"}]')
    assert connection.complete() == [(False, "Reset", "result", True)]
    connection.sent('[3,"1",{"currentTime":"2026-01-01T00:00:00Z"}]')
    connection.came(' [ 2 , "a\\u0062" , "Authorize" , {} ] ')
    connection.sent('[4,"ab","InternalError","",{}]')
    assert connection.complete() == [(True, "Heartbeat", "result", True), (True, "Authorize", "error", True)]
    connection.came('[6,"2","NotifyPeriodicEventStream",{}]')
    assert connection.complete() == [(True, "NotifyPeriodicEventStream", "sent", False)]


def test_what_is_refused_has_the_reason():
    connection = Connection()
    connection.came('[2,"1","Heartbeat",{"x":1}]')
    connection.noticed(NoticeKind.CALL_REFUSED, "at /x: not allowed")
    connection.sent('[4,"1","FormatViolation","",{}]')
    refused = connection.only()
    assert (refused.outcome, refused.notice and refused.notice.detail) == ("refused", "at /x: not allowed")
    connection.came("nonsense")
    connection.noticed(NoticeKind.INVALID_FRAME, "not valid JSON")
    connection.sent('[4,"-1","RpcFrameworkError","",{}]')
    unreadable = connection.only()
    assert (unreadable.action, unreadable.outcome, unreadable.answer is not None) == ("", "refused", True)
    connection.came('[2,"' + 50 * "x" + '","Heartbeat",{}]')
    connection.noticed(NoticeKind.INVALID_FRAME, "the id is too long")
    connection.sent('[4,"-1","RpcFrameworkError","",{}]')
    assert connection.complete() == [(True, "Heartbeat", "refused", True)]


def test_a_duplicate_is_refused_and_the_first_one_answered():
    connection = Connection()
    connection.came('[2,"1","Heartbeat",{}]')
    connection.came('[2,"1","Authorize",{}]')
    connection.noticed(NoticeKind.DUPLICATE_CALL)
    connection.sent('[4,"1","OccurrenceConstraintViolation","",{}]')
    assert ("Authorize", "refused") in {(one[1], one[2]) for one in connection.complete()}


def test_what_nobody_answers_ends_with_its_time_or_the_connection():
    connection = Connection()
    connection.sent('[2,"1","Reset",{}]')
    connection.exchanges.timed_out("1")
    connection.came('[3,"1",{"status":"Accepted"}]')
    connection.noticed(NoticeKind.LATE_ANSWER)
    timed_out, late = connection.exchanges.complete()
    assert (timed_out.outcome, late.outcome) == ("timeout", "unexpected")
    assert late.notice is not None
    connection.came('[2,"2","Heartbeat",{}]')
    assert connection.complete() == []
    connection.exchanges.ended()
    assert connection.complete() == [(True, "Heartbeat", "unanswered", False)]


def test_an_unreadable_answer_is_an_error_and_what_is_not_answered_is_complete():
    connection = Connection()
    connection.sent('[2,"1","Reset",{}]')
    connection.came('[3,"1",{"status":}]')
    connection.noticed(NoticeKind.INVALID_FRAME, "not valid JSON")
    assert connection.complete() == [(False, "Reset", "error", True)]
    connection.came("[5]")
    connection.noticed(NoticeKind.INVALID_FRAME)
    connection.came("[]")
    connection.noticed(NoticeKind.INVALID_FRAME)
    assert [one[2] for one in connection.complete()] == ["refused", "refused"]


def test_a_silent_service_is_named_and_memory_is_bounded():
    connection = Connection()
    connection.came('[2,"1","Heartbeat",{}]')
    connection.noticed(NoticeKind.NO_REPLY)
    connection.sent('[3,"1",{}]')
    assert connection.only().notice == Notice(NoticeKind.NO_REPLY)
    for number in range(300):
        connection.came(f'[2,"{number}","Heartbeat",{{}}]')
    assert len(connection.complete()) == 200
