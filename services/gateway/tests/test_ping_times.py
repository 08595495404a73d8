"""When stations are pinged."""

from types import SimpleNamespace
from typing import Any

from csms_gateway.socket import StationSocket, WatchTimes

TIMES = WatchTimes(ping_interval_s=30, ping_timeout_s=20, send_timeout_s=5, close_timeout_s=5)


def first_watch_s() -> float:
    delays: list[float] = []
    socket: Any = object.__new__(StationSocket)  # without a connection: only its clock is looked at
    socket.request = socket.response = None
    socket.loop = SimpleNamespace(time=lambda: 0.0, call_later=lambda delay, _: delays.append(delay))
    socket.start(TIMES)
    (delay,) = delays
    return delay


def test_stations_that_came_at_the_same_moment_are_not_pinged_at_the_same_moment() -> None:
    delays = [first_watch_s() for _ in range(200)]
    assert min(delays) >= 24
    assert max(delays) <= 30
    assert max(delays) - min(delays) > 3
