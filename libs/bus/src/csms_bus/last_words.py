"""Publishes what a batch led to, and the last words of records that are given up."""

from collections.abc import Sequence

import structlog
from csms.v1.bus_pb2 import Record
from csms_runtime import metrics

from csms_bus.placement import misplacement
from csms_bus.ports import Bus, BusUnavailable, Incoming, Outgoing, RecordRefused
from csms_bus.records import dead_letter, error_to
from csms_bus.topics import CATALOGUE, Key

_log = structlog.get_logger(__name__)

_INBOXES = frozenset(topic.name for topic in CATALOGUE if topic.key is Key.SLOT)


async def publish_led_to(bus: Bus, group: str, outgoing: Sequence[Outgoing]) -> None:
    """Publish what a batch of a consumer group led to. After a BusError the batch must come again.

    When only answers for an inbox can't be published, they are dropped and counted. Nobody waits for them longer than
    some seconds, and they must not hold up all stations.
    """
    try:
        await bus.publish(outgoing)
    except BusUnavailable as error:
        failed = [outgoing[at] for at in error.of_each(len(outgoing))]
        if len(failed) == len(outgoing) or any(each.topic not in _INBOXES for each in failed):
            raise
        for each in failed:
            metrics.CONSUMER_ANSWERS_LOST.labels(group, each.topic).inc(len(each.record.replies.replies) or 1)
        _log.error("answers lost: an inbox cannot be reached", group=group, records=len(failed), error=str(error))


async def publish_words(bus: Bus, group: str, words: Sequence[Outgoing]) -> None:
    """Publish those that can be published. A station may name a wrong place for its answer: that stops nobody."""
    try:
        await publish_led_to(bus, group, words)
    except RecordRefused as error:
        for at, refused in error.of_each(len(words)).items():
            _log.error("last words lost", group=group, topic=words[at].topic, error=str(refused))


def last_words(group: str, incoming: Incoming, reason: str) -> list[Outgoing]:
    """Return the dead letter of a record, and an error for the station if it waits for an answer."""
    words = [dead_letter(incoming, group=group, reason=reason)]
    record = incoming.record
    if record is not None and record.WhichOneof("body") == "station_call" and _wants_error(incoming, record):
        text = "The message could not be processed"
        words.append(error_to(record.station_call, record.station_id, "InternalError", text))
    return words


def refused(incoming: Incoming) -> str:
    """Return why no handler must see the record. Empty: a handler may see it."""
    if incoming.record is not None:
        return misplacement(incoming.topic, incoming.record)
    return "the value is no record" if incoming.value else ""


def unknown(incoming: Incoming) -> bool:
    """Whether a newer version wrote it."""
    return incoming.record is not None and incoming.record.WhichOneof("body") is None


def _wants_error(incoming: Incoming, record: Record) -> bool:
    return not record.station_call.no_reply and not misplacement(incoming.topic, record)
