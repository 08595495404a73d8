"""Where more replicas go. That Kafka takes it was seen with kafka-reassign-partitions.sh on three brokers."""

from collections import Counter

import pytest
from csms_bus.reassignment import reassignment
from csms_bus.topics import API_KEYS, RESULTS

NO_RACKS: dict[int, str | None] = {1: None, 2: None, 3: None}


def placed(layout: dict[int, list[int]], racks: dict[int, str | None], replicas: int = 3) -> dict[int, list[int]]:
    made = reassignment([RESULTS], {RESULTS.name: layout}, racks, replicas)
    assert made["version"] == 1
    assert {each["topic"] for each in made["partitions"]} <= {RESULTS.name}
    return {each["partition"]: each["replicas"] for each in made["partitions"]}


def test_what_is_there_stays_and_its_leader_is_the_same() -> None:
    made = placed({0: [2], 1: [3, 1]}, NO_RACKS)
    assert made == {0: [2, 1, 3], 1: [3, 1, 2]}


def test_partitions_with_enough_replicas_and_topics_of_others_are_left_alone() -> None:
    assert placed({0: [1, 2, 3], 1: [1, 2, 3, 4]}, NO_RACKS | {4: None}) == {}
    theirs = {"theirs": {0: [1]}, API_KEYS.name: {0: [1]}}
    (moved,) = reassignment([API_KEYS, RESULTS], theirs, NO_RACKS, 2)["partitions"]
    assert moved["topic"] == API_KEYS.name


def test_replicas_go_to_other_racks_first() -> None:
    racks: dict[int, str | None] = {1: "a", 2: "a", 3: "b", 4: "b", 5: "c"}
    made = placed({number: [1 + number % 5] for number in range(60)}, racks)
    for brokers in made.values():
        assert len(set(brokers)) == 3
        assert {racks[broker] for broker in brokers} == {"a", "b", "c"}


def test_more_replicas_than_racks_share_them() -> None:
    made = placed({0: [1]}, {1: "a", 2: "a", 3: "b"})
    assert made == {0: [1, 3, 2]}


def test_no_broker_gets_most_of_them() -> None:
    brokers: dict[int, str | None] = dict.fromkeys(range(6))
    made = placed({number: [0] for number in range(120)}, brokers)
    held = Counter(broker for each in made.values() for broker in each[1:])
    assert max(held.values()) <= 2 * min(held.values())


def test_too_few_brokers_are_said() -> None:
    with pytest.raises(ValueError, match="3 replicas need as many brokers, there are 2"):
        placed({0: [1]}, {1: None, 2: None})
