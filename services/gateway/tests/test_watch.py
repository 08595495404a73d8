"""Sockets are looked at in time, and pinged at different times."""

import asyncio
from types import SimpleNamespace
from typing import Any

from csms_gateway.keepalive import Keepalive, WatchTimes
from csms_gateway.watch import TICK_S, Watch

TIMES = WatchTimes(ping_interval_s=30, ping_timeout_s=20, send_timeout_s=5, close_timeout_s=5)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Somebody:
    """Notes when it was looked at."""

    def __init__(self, clock: Clock, error: Exception | None = None) -> None:
        self.clock = clock
        self.error = error
        self.seen: list[float] = []

    def look(self) -> None:
        self.seen.append(self.clock.now)
        if self.error is not None:
            raise self.error


async def turns(watch: Watch, clock: Clock, seconds: float) -> None:
    end = clock.now + seconds
    while clock.now < end:
        clock.now += TICK_S / 2
        watch.turn()
        await asyncio.sleep(0)


async def test_somebody_is_looked_at_once_and_not_too_early() -> None:
    clock = Clock()
    watch, one, other = Watch(clock), Somebody(clock), Somebody(clock)
    watch.after(1.0, one)
    watch.after(2.5, other)
    await turns(watch, clock, 5)
    (seen,), (later,) = one.seen, other.seen
    assert 1001.0 <= seen <= 1001.0 + 2 * TICK_S
    assert 1002.5 <= later <= 1002.5 + 2 * TICK_S


async def test_what_was_due_while_nobody_turned_is_done_at_the_next_turn() -> None:
    clock = Clock()
    watch, somebody = Watch(clock), Somebody(clock)
    watch.after(1.0, somebody)
    clock.now += 60
    watch.after(0.0, somebody)  # its tick lies behind those that were not turned
    watch.turn()
    await asyncio.sleep(0)
    assert len(somebody.seen) == 1
    await turns(watch, clock, 1)
    assert len(somebody.seen) == 2


async def test_forgotten_is_not_looked_at() -> None:
    clock = Clock()
    watch, somebody, stays = Watch(clock), Somebody(clock), Somebody(clock)
    tick = watch.after(1.0, somebody)
    assert watch.after(1.0, stays) == tick
    watch.forget(tick, somebody)
    await turns(watch, clock, 5)
    watch.forget(tick, stays)  # too late, and no error
    assert (somebody.seen, len(stays.seen)) == ([], 1)


async def test_an_error_of_one_stops_nobody_else() -> None:
    clock = Clock()
    watch, told = Watch(clock), list[Any]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    error = ValueError("no")
    somebodies = [Somebody(clock, error), Somebody(clock), Somebody(clock, error)]
    for somebody in somebodies:
        watch.after(1.0, somebody)
    await turns(watch, clock, 2)
    assert [len(somebody.seen) for somebody in somebodies] == [1, 1, 1]
    assert told == [error, error]


class Delays(Watch):
    """Notes what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def after(self, delay_s: float, watched: Any) -> int:
        self.asked.append(delay_s)
        return super().after(delay_s, watched)


def test_stations_that_came_at_the_same_moment_are_not_pinged_at_the_same_moment() -> None:
    watch = Delays()
    for _ in range(200):
        socket: Any = SimpleNamespace(heard_at=0.0)
        Keepalive(socket, TIMES, watch)
    assert min(watch.asked) >= 24
    assert max(watch.asked) <= 30
    assert max(watch.asked) - min(watch.asked) > 3
