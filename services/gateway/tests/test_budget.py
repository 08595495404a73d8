"""Room for large messages, of all stations together."""

import asyncio

from csms_gateway.budget import Budget


class Station:
    def __init__(self, budget: Budget, wanted: int) -> None:
        self.budget, self.wanted, self.has = budget, wanted, False

    def go_on(self) -> None:
        self.has = self.has or self.budget.take(self, self.wanted)


async def test_who_finds_no_room_waits_in_line() -> None:
    budget = Budget(100)
    first, large, small = Station(budget, 60), Station(budget, 60), Station(budget, 10)
    for station in (first, large, small):
        station.go_on()
    assert (first.has, large.has, small.has) == (True, False, False)  # else the large one might wait for ever
    budget.give(60)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (large.has, small.has, budget.used) == (True, True, 70)


async def test_more_than_all_is_taken_alone() -> None:
    budget = Budget(100)
    huge = Station(budget, 1000)
    huge.go_on()
    assert huge.has


async def test_who_gives_up_keeps_nobody_waiting() -> None:
    budget = Budget(100)
    first, large, small = Station(budget, 60), Station(budget, 60), Station(budget, 10)
    for station in (first, large, small):
        station.go_on()
    budget.forget(large)
    await asyncio.sleep(0)
    assert (small.has, budget.used) == (True, 70)


async def test_what_may_become_large_passes_until_there_is_twice_as_much() -> None:
    budget = Budget(100)
    large, compressed = Station(budget, 60), Station(budget, 0)
    budget.add(200)
    assert budget.let_pass(compressed)
    budget.add(10)
    assert not budget.let_pass(compressed)
    large.go_on()
    budget.give(150)
    assert budget.let_pass(compressed)
    await asyncio.sleep(0)
    assert not large.has
    budget.give(20)
    await asyncio.sleep(0)
    assert large.has
