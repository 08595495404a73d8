"""Creates the catalogue's topics on Kafka, or brings them up to date: `python -m csms_bus.admin --bootstrap host:port`.

Idempotent. The same CSMS_* variables as for the services set TLS, SASL and the size of the largest message.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

import structlog
import typer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code
from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES, MAX_MAX_MESSAGE_BYTES

from csms_bus import kafka_security
from csms_bus.kafka_errors import bus_errors
from csms_bus.kafka_limits import MAX_BYTES, needed_bytes, widen
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import BusUnavailable
from csms_bus.topics import CATALOGUE, Cleanup, Key, Topic

_log = structlog.get_logger(__name__)

# Pretty tracebacks would show local variables, and secrets in them.
cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_SAFE_REPLICAS = 2
"""With more replicas than this, a record is acknowledged when so many have it: one broker may be away."""


def config_of(
    topic: Topic, replication_factor: int = 1, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
) -> dict[str, str]:
    """Return the configuration that a topic is created with."""
    config = {
        "cleanup.policy": topic.cleanup.value,
        MAX_BYTES: str(needed_bytes(topic, max_message_bytes)),
        # With times of producers, records of a clock that is ahead are refused, and those of one behind are deleted.
        "message.timestamp.type": "LogAppendTime",
    }
    if replication_factor > _SAFE_REPLICAS:
        config["min.insync.replicas"] = str(_SAFE_REPLICAS)
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


def partitions_of(topic: Topic, partitions: int | None, inbox_partitions: int | None = None) -> int:
    """Return the number of partitions that a topic should have.

    `partitions` replaces the default of the topics whose key is the station. They all have the same number, so that a
    consumer gets the same stations of each. `inbox_partitions` replaces that of inboxes: a service can have as many
    replicas.
    """
    if topic.key is Key.SLOT:
        return inbox_partitions or topic.partitions
    spread = topic.key is Key.STATION and topic.partitions > 1
    return partitions if partitions is not None and spread else topic.partitions


async def create_topics(
    bootstrap_servers: str,
    *,
    partitions: int | None = None,
    replication_factor: int = 1,
    inbox_partitions: int | None = None,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    security: Mapping[str, Any] | None = None,
    topics: Sequence[Topic] = CATALOGUE,
) -> None:
    """Create missing topics, add partitions where there are too few, and raise the size of records that topics take.

    Never removes anything. The rest of the configuration of existing topics belongs to their operators. New partitions
    move stations to other partitions: add them while no station is connected. Inboxes may grow at any time. Raises
    BusUnavailable.
    """
    numbers = {topic.name: partitions_of(topic, partitions, inbox_partitions) for topic in topics}
    settings = KafkaSettings(bootstrap_servers, "csms-admin", dict(security or {}))
    admin = AIOKafkaAdminClient(**settings.client())
    try:
        with bus_errors():
            await admin.start()
            await _create(admin, topics, numbers, replication_factor, max_message_bytes)
            await _grow(admin, numbers)
            for name, change in (await widen(admin, topics, max_message_bytes)).items():
                _log.info("topic takes larger records", topic=name, before=change.found, now=change.needed)
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient,
    topics: Sequence[Topic],
    numbers: Mapping[str, int],
    replication_factor: int,
    max_message_bytes: int,
) -> None:
    existing = set(await admin.list_topics())
    missing = [topic for topic in topics if topic.name not in existing]
    if not missing:
        return
    response = await admin.create_topics(
        [
            NewTopic(
                name=topic.name,
                num_partitions=numbers[topic.name],
                replication_factor=replication_factor,
                topic_configs=config_of(topic, replication_factor, max_message_bytes),
            )
            for topic in missing
        ]
    )
    for name, code, *details in response.topic_errors:
        _check(code, name, details)
        _log.info("topic created", topic=name)


async def _grow(admin: AIOKafkaAdminClient, wanted: Mapping[str, int]) -> None:
    described = await admin.describe_topics(list(wanted))
    existing = {found["topic"]: len(found["partitions"]) for found in described}
    # The broker that answers may not know a topic yet that was just created. Such a topic has what it needs.
    growing = {name: count for name, count in wanted.items() if 0 < existing.get(name, 0) < count}
    if not growing:
        return
    response = await admin.create_partitions({name: NewPartitions(count) for name, count in growing.items()})
    for name, code, *details in response.topic_errors:
        _check(code, name, details)
        _log.info("partitions added", topic=name, partitions=growing[name], before=existing[name])


def _ms(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))


def _check(code: int, topic: str, details: Sequence[object]) -> None:
    error = for_code(code)
    if error not in (NoError, TopicAlreadyExistsError):
        raise BusUnavailable(
            f"{topic}: {error.__name__} {' '.join(str(detail) for detail in details if detail)}".strip()
        )


@cli.command()
def main(
    bootstrap: Annotated[
        str, typer.Option(envvar="CSMS_KAFKA_BOOTSTRAP_SERVERS", help="Brokers: host:port, separated by commas.")
    ] = "127.0.0.1:9092",
    partitions: Annotated[
        int | None,
        typer.Option(min=1, help="Partitions of the topics keyed by station id; absent: as in the catalogue."),
    ] = None,
    inbox_partitions: Annotated[
        int | None,
        typer.Option(min=1, help="Partitions of the inboxes: as many as a service has replicas; absent: 32."),
    ] = None,
    replication_factor: Annotated[int, typer.Option(min=1, help="Replicas of the topics that are created.")] = 1,
    max_message_bytes: Annotated[
        int,
        typer.Option(
            envvar="CSMS_MAX_MESSAGE_BYTES", min=1024, max=MAX_MAX_MESSAGE_BYTES, help="Largest OCPP message, in bytes."
        ),
    ] = DEFAULT_MAX_MESSAGE_BYTES,
) -> None:
    """Create the bus's topics on Kafka, or bring them up to date. Nothing is ever removed."""
    work = create_topics(
        bootstrap,
        partitions=partitions,
        inbox_partitions=inbox_partitions,
        replication_factor=replication_factor,
        max_message_bytes=max_message_bytes,
        security=kafka_security.from_environment(),
    )
    try:
        asyncio.run(work)
    except BusUnavailable as error:
        typer.echo(f"Kafka at {bootstrap}: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    cli()
