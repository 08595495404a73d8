"""Compares what topics take with what they must take (`max.message.bytes`), and raises it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, for_code
from csms_runtime.starting import CannotStart

from csms_bus.flow import Backoff
from csms_bus.kafka_errors import bus_errors
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import BusUnavailable
from csms_bus.topics import CATALOGUE, Topic

_log = structlog.get_logger(__name__)

MAX_BYTES = "max.message.bytes"
"""Kafka's name for the size of the largest batch that a topic takes."""
_HEADROOM_BYTES = 48 * 1024
"""Bytes for the key of the largest record, and for the batch around it."""
_LOOKS, _LOOK_PAUSE_S = 50, 0.1
_DYNAMIC_TOPIC_CONFIG = 1
"""Kafka's ConfigSource of values that were set for the topic itself."""


class TopicsTooNarrow(CannotStart):
    """Topics do not take messages of CSMS_MAX_MESSAGE_BYTES, which stations may send."""


class Width(NamedTuple):
    """A topic's `max.message.bytes`."""

    found: int
    needed: int


class _Described(NamedTuple):
    max_bytes: int
    own: dict[str, str]
    """The values that were set for the topic itself. To alter one of them all must be sent again."""


def needed_bytes(topic: Topic, max_message_bytes: int) -> int:
    """Return the `max.message.bytes` that a topic needs when OCPP messages have `max_message_bytes` at most."""
    return topic.max_record_bytes(max_message_bytes) + _HEADROOM_BYTES


async def check(settings: KafkaSettings) -> None:
    """Raise TopicsTooNarrow unless every topic that exists takes what it must. Raises BusUnavailable.

    Needs the right to describe the configurations of topics. Without it a warning is logged.
    """
    narrow = await _asked(settings)
    if narrow:
        found = ", ".join(f"{name} has {width.found} and needs {width.needed}" for name, width in narrow.items())
        raise TopicsTooNarrow(
            f"topics do not take the messages that CSMS_MAX_MESSAGE_BYTES={settings.max_message_bytes} allows: "
            f"{MAX_BYTES} of {found}. Run `python -m csms_bus.admin` with the same CSMS_MAX_MESSAGE_BYTES"
        )


async def _asked(settings: KafkaSettings) -> Mapping[str, Width]:
    """Ask which topics are too narrow. Tries for some seconds, since the broker that is asked may be down."""
    clock = asyncio.get_running_loop().time
    until, backoff = clock() + settings.request_timeout_s, Backoff(_LOOK_PAUSE_S, 1.0)
    while True:
        admin = AIOKafkaAdminClient(**settings.client())
        try:
            with bus_errors():
                await admin.start()
                return await _narrow(admin, CATALOGUE, settings.max_message_bytes)
        except BusUnavailable:
            pause_s = backoff.next_pause()
            if clock() + pause_s > until:
                raise
            await asyncio.sleep(pause_s)
        finally:
            await admin.close()


async def widen(admin: AIOKafkaAdminClient, topics: Sequence[Topic], max_message_bytes: int) -> Mapping[str, Width]:
    """Raise `max.message.bytes` where it is too low, and return where. Never lowers it. Raises BusUnavailable."""
    narrow = await _narrow(admin, topics, max_message_bytes)
    described = await _described(admin, list(narrow))
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, described[name].own | {MAX_BYTES: str(width.needed)})
        for name, width in narrow.items()
    ]
    for response in await admin.alter_configs(resources) if resources else ():
        for code, message, _kind, name in response.resources:
            if for_code(code) is not NoError:
                raise BusUnavailable(f"{name}: {for_code(code).__name__} {message or ''}".strip())
    await _seen(admin, topics, max_message_bytes)
    return narrow


async def _seen(admin: AIOKafkaAdminClient, topics: Sequence[Topic], max_message_bytes: int) -> None:
    """Wait some seconds at most until the broker that answers knows of the change."""
    for _ in range(_LOOKS):
        if not await _narrow(admin, topics, max_message_bytes):
            return
        await asyncio.sleep(_LOOK_PAUSE_S)


async def _narrow(admin: AIOKafkaAdminClient, topics: Sequence[Topic], max_message_bytes: int) -> dict[str, Width]:
    existing = set(await admin.list_topics())
    described = await _described(admin, [topic.name for topic in topics if topic.name in existing])
    return {
        topic.name: Width(described[topic.name].max_bytes, needed_bytes(topic, max_message_bytes))
        for topic in topics
        if topic.name in described and described[topic.name].max_bytes < needed_bytes(topic, max_message_bytes)
    }


async def _described(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, _Described]:
    if not names:
        return {}
    found: dict[str, _Described] = {}
    for response in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names]):
        for code, _message, _kind, name, entries in response.resources:
            if for_code(code) is not NoError:
                _log.warning("cannot see how large records a topic takes", topic=name, error=for_code(code).__name__)
                continue
            values = {entry[0]: entry[1] for entry in entries}
            own = {entry[0]: entry[1] for entry in entries if entry[3] == _DYNAMIC_TOPIC_CONFIG}
            found[name] = _Described(int(values[MAX_BYTES]), own)
    return found
