import logging

import pytest
from csms_bus.kafka_logging import Seldom, quieten


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr("csms_bus.kafka_logging.time.monotonic", lambda: clock[0])
    return clock


def record(text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, "file", 1, text, arguments, None)


def test_repeats_are_left_out_and_counted(now: list[float]) -> None:
    seldom = Seldom(10)
    assert [bool(seldom.filter(record("no %s", node))) for node in range(4)] == [True, False, False, False]
    now[0] += 10
    again = record("no %s", 7)
    assert seldom.filter(again)
    assert again.getMessage() == "no 7 (and 3 times since the last one)"
    assert not seldom.filter(record("no %s", 8))


def test_other_messages_pass() -> None:
    seldom = Seldom(10)
    assert all(seldom.filter(record(text)) for text in ("a", "b", "c"))


def test_message_that_comes_seldom_is_not_changed(now: list[float]) -> None:
    seldom = Seldom(10)
    for _ in range(2):
        one = record("a")
        assert seldom.filter(one)
        assert one.msg == "a"
        now[0] += 11


def test_filter_is_added_once() -> None:
    quieten()
    quieten()
    filters = logging.getLogger("aiokafka.producer.sender").filters
    assert len([one for one in filters if isinstance(one, Seldom)]) == 1
