"""Waits, when a service starts, until its topics are there and as it needs them. Never has a broker create one.

A broker whose auto.create.topics.enable is on creates a topic when a client asks for it by name: with one partition,
and with its own defaults. So nothing else of the bus may ask before this is done.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from csms_runtime.starting import StoppedEarly
from csms_runtime.waiting import wait_for

from csms_bus import kafka_state
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.topic_check import uneven
from csms_bus.topic_plan import MAX_BYTES, needed_bytes
from csms_bus.topics import CATALOGUE, Key, Topic

_log = structlog.get_logger(__name__)

_LOOK_S = 1.0
_TELL_S = 30.0
"""How often the log says again what is missing."""

Told = Callable[[str], None]
"""Is called with what is missing."""


def of_service(service: str) -> Sequence[Topic]:
    """Return the topics that a service writes or reads."""
    return [topic for topic in CATALOGUE if service in {*topic.producers, *topic.consumers}]


async def wait(settings: KafkaSettings, service: str, slot: int, tell: Told, stop: asyncio.Event) -> None:
    """Wait until a service's topics are as it needs them. `tell` and the log say at once, and again, what is missing.

    Raises BusUnavailable, and StoppedEarly when `stop` is set meanwhile.
    """
    clock = asyncio.get_running_loop().time
    told, again_at = "", 0.0
    while lacks := await kafka_state.asked(settings, partial(_lacks, service, slot, settings.max_message_bytes)):
        text = "; ".join(lacks)
        tell(text)
        if text != told or clock() >= again_at:
            _log.warning("waiting for topics", needed="python -m csms_bus.admin", lacking=text)
            told, again_at = text, clock() + _TELL_S
        if await wait_for(stop, timeout_s=_LOOK_S):
            raise StoppedEarly(f"told to stop while waiting for topics: {text}")


async def _lacks(service: str, slot: int, max_message_bytes: int, admin: AIOKafkaAdminClient) -> list[str]:
    topics = of_service(service)
    found = {name: each.number for name, each in (await kafka_state.partitions(admin)).items()}
    configs = await kafka_state.configs(admin, [topic.name for topic in topics if topic.name in found])
    widths = {name: int(config.values[MAX_BYTES]) for name, config in configs.items()}
    return [*lacking(service, slot, found), *narrow(topics, widths, max_message_bytes)]


def lacking(service: str, slot: int, counts: Mapping[str, int]) -> list[str]:
    """Return what a service's topics lack, by the numbers of partitions of those that exist and may be seen."""
    topics = of_service(service)
    missing = ", ".join(topic.name for topic in topics if topic.name not in counts)
    lacks = [f"missing (or no ACL lets this user see them): {missing}"] if missing else []
    lacks += uneven(topics, counts)
    for topic in topics:
        if topic.key is Key.SLOT and topic.consumers == (service,) and slot >= counts.get(topic.name, slot + 1):
            lacks.append(
                f"{topic.name} has {counts[topic.name]} partitions, CSMS_SLOT={slot} needs {slot + 1}: "
                f"csms_bus.admin --inbox-partitions {slot + 1} adds some"
            )
    return lacks


def narrow(topics: Sequence[Topic], widths: Mapping[str, int], max_message_bytes: int) -> list[str]:
    """Return which topics do not take the messages that stations may send, by the `max.message.bytes` of each."""
    return [
        f"{topic.name} has {MAX_BYTES} {widths[topic.name]} and needs {needed}: CSMS_MAX_MESSAGE_BYTES is "
        f"{max_message_bytes}, run csms_bus.admin with the same"
        for topic in topics
        if topic.name in widths and widths[topic.name] < (needed := needed_bytes(topic, max_message_bytes))
    ]
