"""Who sends stations away, how many, and that it ends: against load balancers of several kinds."""

import random
from collections.abc import Callable, Sequence

import pytest
from csms_gateway.balance import Balance, BalanceRules, Load, surplus
from hypothesis import given, settings
from hypothesis import strategies as st

RULES = BalanceRules(share=0.05, band=0.1)
SIZES = st.lists(st.integers(0, 2000), min_size=2, max_size=8)

Balancer = Callable[[Sequence[int], int], int]
"""Says to which gateway a station comes that was sent away: from the numbers of all, and where it was."""


def by_chance(seed: int) -> Balancer:
    rng = random.Random(seed)  # noqa: S311 no secret
    return lambda sizes, _left: rng.randrange(len(sizes))


def to_the_fewest(_seed: int) -> Balancer:
    return lambda sizes, _left: min(range(len(sizes)), key=sizes.__getitem__)


def in_turn(seed: int) -> Balancer:
    turn = seed

    def choose(sizes: Sequence[int], _left: int) -> int:
        nonlocal turn
        turn += 1
        return turn % len(sizes)

    return choose


def back_again(_seed: int) -> Balancer:
    return lambda _sizes, left: left


class Site:
    """Gateways that look at each other in turn, and stations that come back at once."""

    def __init__(self, sizes: Sequence[int], balancer: Balancer) -> None:
        self.sizes = list(sizes)
        self._balancer = balancer
        self._gateways = [Balance(RULES) for _ in sizes]

    def loads(self, without: int) -> list[Load]:
        return [Load(slot, 1, size) for slot, size in enumerate(self.sizes) if slot != without]

    def look(self) -> int:
        """Have each gateway look once; return how many stations were sent away."""
        total = 0
        for slot, gateway in enumerate(self._gateways):
            count = gateway.look(self.sizes[slot], self.loads(slot))
            gateway.sent(count)
            for _ in range(count):
                self.sizes[slot] -= 1
                self.sizes[self._balancer(self.sizes, slot)] += 1
            total += count
        return total


@given(st.integers(0, 50_000), st.lists(st.integers(0, 50_000), min_size=1, max_size=20), st.floats(0.001, 0.5))
def test_a_gateway_falls_never_below_the_mean_and_sends_a_share_at_most(
    mine: int, others: list[int], share: float
) -> None:
    mean = (mine + sum(others)) / (len(others) + 1)
    count = surplus(mine, mean, BalanceRules(share, 0.1))
    assert 0 <= count <= max(1, mine * share)
    if count:
        assert mine > mean * 1.1
        assert mine - count >= mean


@pytest.mark.parametrize("make", [by_chance, to_the_fewest, in_turn])
@settings(deadline=None, max_examples=30)
@given(sizes=SIZES, seed=st.integers(0, 1000))
def test_it_evens_out_and_ends(make: Callable[[int], Balancer], sizes: list[int], seed: int) -> None:
    site = Site(sizes, make(seed))
    for _ in range(600):
        site.look()
    mean = sum(sizes) / len(sizes)
    assert max(site.sizes) <= mean + max(0.1 * mean, 4 * mean**0.5)
    assert sum(site.look() for _ in range(100)) == 0


@settings(deadline=None, max_examples=30)
@given(sizes=SIZES)
def test_where_stations_come_back_to_the_same_gateway_they_are_left_alone_soon(sizes: list[int]) -> None:
    site = Site(sizes, back_again(0))
    times = sum(1 for _ in range(200) if site.look())
    assert times <= 10 * len(sizes)
    assert site.sizes == sizes


def test_where_nobody_reaches_a_gateway_the_others_stop_soon() -> None:
    rng = random.Random(1)  # noqa: S311 no secret
    site = Site([1000, 1000, 0], lambda _sizes, _left: rng.randrange(2))
    assert sum(1 for _ in range(200) if site.look()) <= 25


def settled(*others: Load) -> Balance:
    """A gateway that has seen these others, with 1000 stations of its own."""
    balance = Balance(RULES)
    assert balance.look(1000, others) == 0, "nobody is sent away at the first look"
    return balance


PEER = Load(1, 7, 100)


def test_a_share_goes_when_all_is_settled() -> None:
    assert settled(PEER).look(1000, [PEER]) == 50


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        pytest.param(1000, [], id="alone"),
        pytest.param(1000, [Load(1, 7, 100, draining=True)], id="another drains"),
        pytest.param(1000, [Load(1, 8, 100)], id="another was restarted"),
        pytest.param(1000, [PEER, Load(2, 1, 0)], id="another came"),
        pytest.param(1500, [PEER], id="stations are coming"),
        pytest.param(500, [PEER], id="stations are going"),
    ],
)
def test_nobody_goes_while_something_changes(mine: int, others: list[Load]) -> None:
    assert settled(PEER).look(mine, others) == 0


def test_it_goes_on_when_the_change_is_over() -> None:
    balance = settled(PEER)
    newcomer = Load(2, 1, 0)
    assert [balance.look(1000, [PEER, newcomer]) for _ in range(2)] == [0, 50]


def test_when_nobody_could_go_it_is_tried_again_at_once() -> None:
    balance = settled(PEER)
    for _ in range(5):
        assert balance.look(1000, [PEER]) == 50
        balance.sent(0)


def test_when_nobody_came_to_the_others_it_is_tried_later_and_later() -> None:
    balance = settled(PEER)
    tried = []
    for number in range(40):
        if balance.look(1000, [PEER]):
            balance.sent(50)
            tried.append(number)
    assert tried == [0, 1, 3, 7, 15, 31]


def test_few_stations_are_left_to_chance() -> None:
    peers = [Load(1, 1, 3), Load(2, 1, 2)]
    balance = Balance(RULES)
    assert [balance.look(9, peers) for _ in range(3)] == [0, 0, 0]
