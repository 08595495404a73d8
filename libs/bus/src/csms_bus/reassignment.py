"""Where more replicas go: the JSON that kafka-reassign-partitions.sh takes. What is there stays where it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from csms_bus.topics import Topic

Layout = Mapping[str, Mapping[int, Sequence[int]]]
"""The brokers that hold each partition of each topic, its preferred leader first."""


def reassignment(
    topics: Sequence[Topic], layout: Layout, racks: Mapping[int, str | None], replicas: int
) -> dict[str, Any]:
    """Return the new brokers of each partition that has fewer replicas than wanted. `racks`: of all brokers, by number.

    New replicas go to other racks first, and one partition's to the brokers after those of the one before. Raises
    ValueError when there are fewer brokers than replicas.
    """
    if len(racks) < replicas:
        raise ValueError(f"{replicas} replicas need as many brokers, there are {len(racks)}")
    moved = [
        {"topic": topic.name, "partition": partition, "replicas": _more(held, partition, racks, replicas)}
        for topic in topics
        for partition, held in sorted(layout.get(topic.name, {}).items())
        if len(held) < replicas
    ]
    return {"version": 1, "partitions": moved}


def _more(held: Sequence[int], partition: int, racks: Mapping[int, str | None], replicas: int) -> list[int]:
    brokers = sorted(racks)
    start = partition % len(brokers)
    found, free = list(held), [each for each in brokers[start:] + brokers[:start] if each not in held]
    while len(found) < replicas:
        used = {racks.get(each) for each in found} - {None}
        broker = next((each for each in free if racks[each] not in used), free[0])
        found.append(broker)
        free.remove(broker)
    return found
