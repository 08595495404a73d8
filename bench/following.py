"""Waits until the services have handled all that was published so far."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from csms_bus.groups import Group

_PAUSE_S = 0.2


async def caught_up(kafka: str, groups: Sequence[Group]) -> None:
    """Ask Kafka again and again where the groups stand, until they are at the end."""
    admin, reader = AIOKafkaAdminClient(bootstrap_servers=kafka), AIOKafkaConsumer(bootstrap_servers=kafka)
    await admin.start()
    await reader.start()
    try:
        for group in groups:
            while await _lag(admin, reader, group):  # noqa: ASYNC110 nobody tells us
                await asyncio.sleep(_PAUSE_S)
    finally:
        await reader.stop()
        await admin.close()


async def _lag(admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer, group: Group) -> int:
    done = await admin.list_consumer_group_offsets(group.name)
    described = await admin.describe_topics(group.topic_names)
    counts = {str(found["topic"]): len(found["partitions"]) for found in described}
    ends = await reader.end_offsets([TopicPartition(topic, n) for topic in counts for n in range(counts[topic])])
    return sum(end - (done[where].offset if where in done else 0) for where, end in ends.items())
