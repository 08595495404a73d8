"""What Kafka says of its topics. Asking never makes a broker create one: all topics are listed, none is named."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, for_code

from csms_bus.flow import Backoff
from csms_bus.kafka_errors import bus_errors
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import BusUnavailable

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
_DYNAMIC_TOPIC_CONFIG = 1
"""Kafka's ConfigSource of values that were set for the topic itself."""

Answer = TypeVar("Answer")


class Partitions(NamedTuple):
    """How a topic lies on the brokers."""

    number: int
    replicas: int
    """Replicas of the partition that has fewest."""


class Config(NamedTuple):
    """A topic's configuration."""

    values: dict[str, str]
    own: dict[str, str]
    """The values that were set for the topic itself. To alter one of them all must be sent again."""


async def asked(settings: KafkaSettings, question: Callable[[AIOKafkaAdminClient], Awaitable[Answer]]) -> Answer:
    """Ask something of Kafka. Tries for some seconds, since the broker that is asked may be down.

    Raises BusUnavailable.
    """
    clock = asyncio.get_running_loop().time
    until, backoff = clock() + settings.request_timeout_s, Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    while True:
        admin = AIOKafkaAdminClient(**settings.client())
        try:
            with bus_errors():
                await admin.start()
                return await question(admin)
        except BusUnavailable:
            pause_s = backoff.next_pause()
            if clock() + pause_s > until:
                raise
            await asyncio.sleep(pause_s)
        finally:
            await admin.close()


async def partitions(admin: AIOKafkaAdminClient) -> Mapping[str, Partitions]:
    """Return all topics that exist and may be seen. Raises KafkaError."""
    return {
        found["topic"]: Partitions(
            len(found["partitions"]), min((len(each["replicas"]) for each in found["partitions"]), default=0)
        )
        for found in await admin.describe_topics()
        if for_code(found["error_code"]) is NoError
    }


async def layout(admin: AIOKafkaAdminClient) -> dict[str, dict[int, list[int]]]:
    """Return the brokers that hold each partition of each topic that may be seen. Raises KafkaError."""
    return {
        found["topic"]: {each["partition"]: each["replicas"] for each in found["partitions"]}
        for found in await admin.describe_topics()
        if for_code(found["error_code"]) is NoError
    }


async def racks(admin: AIOKafkaAdminClient) -> dict[int, str | None]:
    """Return all brokers that are there, by their number, with their racks. Raises KafkaError."""
    return {each["node_id"]: each["rack"] for each in (await admin.describe_cluster())["brokers"]}


async def configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> Mapping[str, Config]:
    """Return the configurations of these topics, which exist. Those that may not be seen are left out.

    Needs the right to describe configurations. Raises KafkaError.
    """
    if not names:
        return {}
    found: dict[str, Config] = {}
    for response in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names]):
        for code, _message, _kind, name, entries in response.resources:
            if for_code(code) is not NoError:
                _log.warning("cannot see the configuration of a topic", topic=name, error=for_code(code).__name__)
                continue
            values = {entry[0]: entry[1] for entry in entries}
            own = {entry[0]: entry[1] for entry in entries if entry[3] == _DYNAMIC_TOPIC_CONFIG}
            found[name] = Config(values, own)
    return found


async def alter(admin: AIOKafkaAdminClient, altered: Mapping[str, dict[str, str]]) -> None:
    """Set the configurations of topics: all values of each. Raises KafkaError, BusUnavailable when one is refused."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, values) for name, values in altered.items()]
    for response in await admin.alter_configs(resources) if resources else ():
        for code, message, _kind, name in response.resources:
            if for_code(code) is not NoError:
                raise BusUnavailable(f"{name}: {for_code(code).__name__} {message or ''}".strip())
