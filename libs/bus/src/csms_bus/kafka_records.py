"""Records as Kafka stores them: key and value as bytes, and the partition of a key."""

from functools import lru_cache

from aiokafka import ConsumerRecord
from aiokafka.partitioner import murmur2
from csms.v1.bus_pb2 import Record
from google.protobuf.message import DecodeError

from csms_bus.ports import Incoming, Outgoing


def key_of(outgoing: Outgoing) -> str:
    """Return a record's key."""
    return outgoing.record.station_id if outgoing.key is None else outgoing.key


@lru_cache(maxsize=65_536)
def hash_of(key: str) -> int:
    """Return the hash that Kafka's clients choose partitions by (murmur2, positive). Cached: it is slow in Python."""
    return int(murmur2(key.encode())) & 0x7FFFFFFF


def decode(consumed: ConsumerRecord) -> Incoming:
    """Decode a record; one that is no Record keeps its value."""
    key = "" if consumed.key is None else consumed.key.decode(errors="replace")
    value = consumed.value
    if value is None:
        return Incoming(consumed.topic, consumed.partition, consumed.offset, key, None)
    try:
        record = Record.FromString(value)
    except DecodeError:
        return Incoming(consumed.topic, consumed.partition, consumed.offset, key, None, value)
    return Incoming(consumed.topic, consumed.partition, consumed.offset, key, record)
