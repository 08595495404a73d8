"""Encodes records as Kafka stores them, and chooses the partition of a key. Both buses use this."""

from functools import lru_cache

from aiokafka.partitioner import murmur2
from csms.v1.bus_pb2 import Record
from google.protobuf.message import DecodeError

from csms_bus.ports import Incoming, Outgoing, RecordTooLarge, UnknownPartition


@lru_cache(maxsize=65_536)
def hash_of(key: str) -> int:
    """Return the hash by which Kafka's clients choose partitions (murmur2, positive). Cached: it is slow in Python."""
    return int(murmur2(key.encode())) & 0x7FFFFFFF


def partition_of(outgoing: Outgoing, key: str, partitions: int) -> int:
    """Return the number of a record's partition in a topic with `partitions` of them. Raises UnknownPartition."""
    number = outgoing.partition
    if number is None:
        return hash_of(key) % partitions
    if not 0 <= number < partitions:
        raise UnknownPartition(f"{outgoing.topic} has no partition {number}: it has {partitions}")
    return number


def value_of(outgoing: Outgoing, limit: int) -> bytes | None:
    """Return a record's bytes, or None for a tombstone. Raises RecordTooLarge for more than `limit` bytes."""
    if outgoing.tombstone:
        return None
    value = outgoing.encoded()
    if len(value) > limit:
        raise RecordTooLarge(f"{len(value)} bytes for {outgoing.topic}, which takes at most {limit}")
    return value


def decode(topic: str, partition: int, offset: int, key: str, value: bytes | None) -> Incoming:
    """Decode a record. If the value is no Record, `record` is None."""
    if value is None:
        return Incoming(topic, partition, offset, key, None)
    try:
        record = Record.FromString(value)
    except DecodeError:
        return Incoming(topic, partition, offset, key, None, value)
    return Incoming(topic, partition, offset, key, record, value)
