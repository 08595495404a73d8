"""What the catalogue's topics should be on Kafka: partitions, replicas, configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES

from csms_bus.topics import Cleanup, Key, Topic

CLEANUP, STAMPS, IN_SYNC, MAX_BYTES = (
    "cleanup.policy",
    "message.timestamp.type",
    "min.insync.replicas",
    "max.message.bytes",
)
"""Kafka's names."""
REPLICAS = 3
"""Replicas of each partition by default: one broker may be lost for good."""
_SAFE_REPLICAS = 2
"""With more replicas than this, a record is acknowledged when so many have it: one broker may be away."""
_HEADROOM_BYTES = 48 * 1024
"""Bytes for the key of the largest record, and for the batch around it."""


def needed_bytes(topic: Topic, max_message_bytes: int) -> int:
    """Return the `max.message.bytes` that a topic needs when OCPP messages have `max_message_bytes` at most."""
    return topic.max_record_bytes(max_message_bytes) + _HEADROOM_BYTES


def is_spread(topic: Topic) -> bool:
    """Whether a station's records go to one of many partitions: all such topics have the same number of them."""
    return topic.key is Key.STATION and topic.partitions > 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operator wants of the topics."""

    partitions: int | None = None
    """Of the topics whose key is the station. They all have the same number, so that a consumer gets the same stations
    of each. None: as many as those that exist have, else the catalogue's number."""
    inbox_partitions: int | None = None
    """Of the inboxes. A service can have as many replicas. None: the catalogue's number."""
    replication_factor: int = REPLICAS
    """Of topics that are created."""
    min_insync_replicas: int | None = None
    """None: 2 with three replicas or more, else 1."""
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    """Size of the largest OCPP message."""

    def partitions_of(self, topic: Topic) -> int:
        """Return the number of partitions that a topic should have."""
        if topic.key is Key.SLOT:
            return self.inbox_partitions or topic.partitions
        return (self.partitions or topic.partitions) if is_spread(topic) else topic.partitions

    def config_of(self, topic: Topic) -> dict[str, str]:
        """Return the configuration that a topic is created with."""
        return _lifecycle(topic) | {
            MAX_BYTES: str(needed_bytes(topic, self.max_message_bytes)),
            IN_SYNC: str(self.in_sync),
        }

    @property
    def in_sync(self) -> int:
        """The `min.insync.replicas` of topics that are created. Not left to the brokers, whose default may not fit."""
        if self.min_insync_replicas is not None:
            return self.min_insync_replicas
        return _SAFE_REPLICAS if self.replication_factor > _SAFE_REPLICAS else 1

    def fitted(self, topics: Sequence[Topic], existing: Mapping[str, int]) -> "Plan":
        """Return the plan with a number of partitions. `existing`: those of each topic that exists.

        One partition alone is what a broker makes by itself, and not what somebody wanted.
        """
        if self.partitions is not None:
            return self
        most = max((existing.get(topic.name, 1) for topic in topics if is_spread(topic)), default=1)
        return replace(self, partitions=most) if most > 1 else self


DEFAULT = Plan()
"""For a cluster of three brokers or more."""


def changes(topic: Topic, plan: Plan, config: Mapping[str, str]) -> dict[str, str]:
    """Return what must be set on a topic of this configuration, so that it loses nothing and takes every record.

    Replicas, and how long records are kept, belong to the operators.
    """
    wanted = plan.config_of(topic)
    found = {STAMPS: wanted[STAMPS]} if config[STAMPS] != wanted[STAMPS] else {}
    if config[CLEANUP] != wanted[CLEANUP]:
        found |= _lifecycle(topic)
    if int(config[MAX_BYTES]) < int(wanted[MAX_BYTES]):
        found[MAX_BYTES] = wanted[MAX_BYTES]
    return found


def _lifecycle(topic: Topic) -> dict[str, str]:
    config = {
        CLEANUP: topic.cleanup.value,
        # With times of producers, records of a clock that is ahead are refused, and those of one behind are deleted.
        STAMPS: "LogAppendTime",
    }
    if topic.cleanup is Cleanup.COMPACT:
        return config | {
            # Tables are read as a whole at every start, so they should be short: roll every hour, clean early.
            "segment.ms": _ms(timedelta(hours=1)),
            "min.cleanable.dirty.ratio": "0.1",
            "max.compaction.lag.ms": _ms(timedelta(hours=6)),
            "delete.retention.ms": _ms(timedelta(days=1)),
        }
    # Old records are deleted with their segment, so a segment must not be kept much longer than the retention.
    return config | {
        "retention.ms": _ms(topic.retention),
        "segment.ms": _ms(max(topic.retention / 8, timedelta(minutes=10))),
    }


def _ms(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))
