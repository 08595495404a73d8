"""Compares topics with what is wanted of them, and says in words what differs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from csms_bus.kafka_state import Config, Partitions
from csms_bus.topic_plan import CLEANUP, IN_SYNC, MAX_BYTES, STAMPS, Plan, is_spread
from csms_bus.topics import Topic


def differences(
    topics: Sequence[Topic], plan: Plan, found: Mapping[str, Partitions], configs: Mapping[str, Config]
) -> list[str]:
    """Return a line for each thing that differs, with what mends it; empty: all is as wanted.

    More partitions, replicas and bytes than wanted are no difference.
    """
    plan = plan.fitted(topics, {name: each.number for name, each in found.items()})
    lines = []
    for topic in topics:
        if topic.name not in found:
            lines.append(f"{topic.name}: is missing, or this user may not see it; csms_bus.admin creates it")
            continue
        lines += _of_partitions(topic, plan, found[topic.name])
        if topic.name in configs:
            lines += _of_config(topic, plan, found[topic.name], configs[topic.name].values)
        else:
            lines.append(f"{topic.name}: its configuration may not be seen (DescribeConfigs)")
    return lines + uneven(topics, {name: each.number for name, each in found.items()})


def uneven(topics: Sequence[Topic], counts: Mapping[str, int]) -> list[str]:
    """Return which topics keyed by the station have another number of partitions than most of them."""
    spread = {topic.name: counts[topic.name] for topic in topics if is_spread(topic) and topic.name in counts}
    if len(set(spread.values())) <= 1:
        return []
    most = max(spread.values(), key=lambda count: (Counter(spread.values())[count], count))
    others = ", ".join(f"{name} {count}" for name, count in sorted(spread.items()) if count != most)
    where = f"{others}, all others {most}; csms_bus.admin --partitions {max(spread.values())} adds some"
    return [f"topics keyed by the station have different numbers of partitions: {where}"]


def _of_partitions(topic: Topic, plan: Plan, found: Partitions) -> Iterator[str]:
    wanted = plan.partitions_of(topic)
    if found.number < wanted:
        yield f"{topic.name}: has {found.number} partitions, {wanted} are wanted; csms_bus.admin adds some"
    if found.replicas < plan.replication_factor:
        yield (
            f"{topic.name}: replication factor {found.replicas}, {plan.replication_factor} is wanted; "
            "csms_bus.admin --reassignment says what kafka-reassign-partitions.sh has to do"
        )


def _of_config(topic: Topic, plan: Plan, found: Partitions, config: Mapping[str, str]) -> Iterator[str]:
    wanted = plan.config_of(topic)
    for name in (CLEANUP, STAMPS):
        if config[name] != wanted[name]:
            yield f"{topic.name}: {name} {config[name]}, {wanted[name]} is wanted; csms_bus.admin sets it"
    if int(config[MAX_BYTES]) < int(wanted[MAX_BYTES]):
        yield f"{topic.name}: {MAX_BYTES} {config[MAX_BYTES]}, {wanted[MAX_BYTES]} is wanted; csms_bus.admin raises it"
    in_sync = int(config[IN_SYNC])
    if in_sync < plan.in_sync:
        yield (
            f"{topic.name}: {IN_SYNC} {in_sync}, {plan.in_sync} is wanted; "
            f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} "
            f"--add-config {IN_SYNC}={plan.in_sync}"
        )
    elif in_sync > found.replicas:
        yield f"{topic.name}: {IN_SYNC} {in_sync} with {found.replicas} replicas: nothing can be written"
    elif in_sync == found.replicas > 1:
        yield f"{topic.name}: {IN_SYNC} {in_sync} with {found.replicas} replicas: no broker may be away"
