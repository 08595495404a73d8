"""Which failures stop a consumer: those of a bad deploy, in any fleet; never those of some stations beside others."""

from random import Random

import pytest
from csms_bus.kafka_records import hash_of
from csms_bus.poison import FEW_STATIONS, Poison, RetryLimits
from csms_bus.ports import Incoming
from csms_bus.runner import TooManyDeadLetters
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

LIMITS = RetryLimits(3, 20, 0.0)
SEEDS = st.integers(0, 2**32)
PARTITIONS = st.sampled_from([1, 3, 12, 120])


def incoming(key: str, partitions: int, topic: str = "calls") -> Incoming:
    return Incoming(topic, hash_of(key) % partitions, 0, key, None)


@settings(deadline=None, max_examples=30)
@given(PARTITIONS, SEEDS, st.integers(1, 300))
def test_when_nothing_succeeds_few_stations_are_enough(partitions: int, seed: int, fleet: int) -> None:
    poison, chance = Poison("group", LIMITS), Random(seed)  # noqa: S311 a property needs no secrecy
    stations: set[str] = set()
    for _ in range(200):
        if chance.random() < 0.2:
            poison.next_batch()
        station = f"CS{chance.randrange(fleet)}"
        stations.add(station)
        try:
            poison.failed(incoming(station, partitions), "bad")
        except TooManyDeadLetters:
            break
    assert len(stations) == min(fleet, FEW_STATIONS)
    assert bool(poison.too_many()) == (fleet >= FEW_STATIONS)


@pytest.mark.parametrize("order", ["good first", "good last"])
@settings(deadline=None, max_examples=30)
@given(PARTITIONS, SEEDS, st.integers(1, 19))
def test_a_handful_of_stations_stops_nobody_beside_others(order: str, partitions: int, seed: int, bad: int) -> None:
    poison, chance = Poison("group", LIMITS), Random(seed)  # noqa: S311 as above
    good_first = order == "good first"
    for _ in range(30):
        poison.next_batch()
        if good_first:
            poison.succeeded([incoming("GOOD", partitions)])
        for _ in range(40 if good_first else FEW_STATIONS - 1):
            poison.failed(incoming(f"BAD{chance.randrange(bad)}", partitions), "bad")
        if not good_first:
            poison.succeeded([incoming("GOOD", partitions)])
    assert not poison.too_many()


@pytest.mark.parametrize("fleet", [20, 60, 150])
def test_a_topic_of_which_everything_fails_stops_the_consumer_though_others_succeed(fleet: int) -> None:
    poison = Poison("group", LIMITS)
    for number in range(fleet):
        poison.next_batch()
        poison.succeeded([incoming(f"CS{number}", 120, "heartbeats")])
        if number == 19:
            break
        poison.failed(incoming(f"CS{number}", 120), "bad")
    with pytest.raises(TooManyDeadLetters, match="20 stations of calls failed, and none succeeded there"):
        poison.failed(incoming("CS19", 120), "bad")


def test_it_is_told_once_that_nothing_succeeds_for_few_stations() -> None:
    poison = Poison("group", LIMITS)
    with capture_logs() as logs:
        for _ in range(4):
            poison.next_batch()
            poison.failed(incoming("CS1", 12), "bad")
        assert not logs
        for _ in range(10):
            poison.failed(incoming("CS2", 12), "bad")
    assert [(line["event"], line["stations"], line["reason"]) for line in logs] == [
        ("nothing succeeds: every record is given up", ["CS1", "CS2"], "bad")
    ]
    assert poison.failing == 2
    poison.succeeded([incoming("CS3", 12)])
    assert poison.failing == 0


def test_what_a_trial_found_counts_for_the_next_batch_only() -> None:
    poison = Poison("group", LIMITS)
    fail_all_but_one(poison)
    with pytest.raises(TooManyDeadLetters):
        poison.failed(incoming("CS5", 12), "bad")
    assert poison.hinders(incoming("CS9", 12))
    poison.succeeded([incoming("CS9", 12)])
    poison.trust_next_batch()
    poison.next_batch()
    fail_all_but_one(poison)
    poison.failed(incoming("CS5", 12), "bad")
    poison.next_batch()
    fail_all_but_one(poison)
    with pytest.raises(TooManyDeadLetters):
        poison.failed(incoming("CS5", 12), "bad")


def fail_all_but_one(poison: Poison) -> None:
    """So that one more stops the consumer."""
    for number in range(FEW_STATIONS - 1):
        poison.failed(incoming(f"CS{number}", 12), "bad")
