"""How many partitions topics have, as a producer knows it."""

import asyncio

from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata

_LOOK_PAUSE_S = 0.5
"""Whoever names a partition that does not exist cannot make everybody ask all the time."""


class KnownPartitions:
    """Remembers what aiokafka's client knows, until that learns anew: aiokafka would make a set for every record."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client
        self._counts: dict[str, int] = {}
        self._looking: asyncio.Future[bool] | None = None
        self._look_again_at = 0.0
        client.cluster.add_listener(self._forget)

    def count(self, topic: str) -> int:
        """Return the number of a topic's partitions; 0: the topic is not known."""
        count = self._counts.get(topic)
        if count is None:
            count = self._counts[topic] = len(self._client.cluster.partitions_for_topic(topic) or ())
        return count

    async def look(self) -> None:
        """Ask the brokers now, for a partition that may be new; but twice a second at most."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now >= self._look_again_at):
            self._look_again_at = now + _LOOK_PAUSE_S
            self._looking = self._client.force_metadata_update()
        await asyncio.wait({self._looking})  # several may wait, and one that gives up must not end it

    def _forget(self, _cluster: ClusterMetadata) -> None:
        self._counts.clear()
