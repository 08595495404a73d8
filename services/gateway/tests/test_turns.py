"""Who may handle a frame now."""

import asyncio

from csms_gateway.turns import TURN_S, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Station:
    """Has so many frames to handle, each of which takes so long."""

    def __init__(self, turns: Turns, clock: Clock, log: list[str], name: str, *, takes: float, heavy: bool) -> None:
        self.turns, self.clock, self.log, self.name = turns, clock, log, name
        self.takes, self.heavy, self.frames = takes, heavy, 0

    def send(self, frames: int) -> None:
        self.frames += frames
        self.go_on()

    def go_on(self) -> None:
        while self.frames and self.turns.take(self, heavy=self.heavy):
            self.frames -= 1
            self.clock.now += self.takes
            self.log.append(self.name)
            self.turns.spent(self.takes, heavy=self.heavy)


def setting() -> tuple[Turns, Clock, list[str]]:
    clock = Clock()
    return Turns(clock), clock, []


async def turn() -> None:
    await asyncio.sleep(0)


async def test_what_one_turn_does_not_hold_waits_for_the_next_and_comes_in_turn() -> None:
    turns, clock, log = setting()
    flood = Station(turns, clock, log, "flood", takes=TURN_S / 4, heavy=False)
    other = Station(turns, clock, log, "other", takes=TURN_S / 4, heavy=False)
    flood.send(8)
    other.send(2)
    assert log == ["flood"] * 4
    await turn()
    assert log[4:] == ["flood", "other", "flood", "other"]
    await turn()
    assert log[8:] == ["flood"] * 2
    assert (flood.frames, other.frames) == (0, 0)


async def test_costly_frames_come_one_by_one_with_pauses_and_delay_no_small_ones() -> None:
    turns, clock, log = setting()
    heavy = [Station(turns, clock, log, f"heavy{n}", takes=0.05, heavy=True) for n in range(3)]
    small = Station(turns, clock, log, "small", takes=0.0001, heavy=False)
    for station in heavy:
        station.send(2)
    assert log == ["heavy0"]
    for _ in range(3):
        await turn()
        small.send(1)
    assert log[1:] == ["small"] * 3
    assert clock.now < 100.06  # nobody has worked on a second costly frame
    while any(station.frames for station in heavy):
        clock.now += 0.11
        before = len(log)
        await asyncio.sleep(0.11)  # the event loop has a clock of its own
        assert len(log) - before <= 1
    assert log[4:] == ["heavy0", "heavy1", "heavy2", "heavy1", "heavy2"]


async def test_who_is_forgotten_is_not_called() -> None:
    turns, clock, log = setting()
    first = Station(turns, clock, log, "first", takes=TURN_S, heavy=False)
    gone = Station(turns, clock, log, "gone", takes=TURN_S, heavy=False)
    first.send(1)
    gone.send(1)
    turns.forget(gone)
    await turn()
    assert log == ["first"]
