"""SENDs (OCPP 2.1)."""

from typing import Any

import pytest
from csms_ocpp.session import Notice, NoticeKind, Registration
from csms_ocpp.versions import Protocol

P21 = Protocol.OCPP21
STREAM = {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0, "v": "1"}]}


def kinds(effects: list[Any]) -> list[type]:
    return [type(effect) for effect in effects]


def test_a_send_is_dispatched_and_never_answered(connect: Any, dispatched: Any) -> None:
    line = connect(P21)
    line.call("a", "Heartbeat", {})
    dispatch = dispatched(line.text(6, "s", "NotifyPeriodicEventStream", STREAM))
    assert dispatch.no_reply
    assert kinds(line.reply(dispatch, {})) == [Notice]


@pytest.mark.parametrize(
    ("action", "payload"),
    [("Nonsense", {}), ("Heartbeat", {}), ("NotifyPeriodicEventStream", {}), ("Reset", {"type": "OnIdle"})],
)
def test_a_wrong_send_is_dropped(action: str, payload: Any, connect: Any, noticed: Any) -> None:
    effects = connect(P21).text(6, "s", action, payload)
    assert kinds(effects) == [Notice]
    assert noticed(effects).kind is NoticeKind.SEND_REFUSED


def test_a_send_before_acceptance_is_dropped(connect: Any) -> None:
    line = connect(P21, Registration.PENDING)
    assert kinds(line.text(6, "s", "NotifyPeriodicEventStream", STREAM)) == [Notice]
