"""Creates the catalogue's topics on Kafka, or brings them up to date: `python -m csms_bus.admin --bootstrap host:port`.

Idempotent. What it does not change, as replicas, it warns of. With `--check` it changes nothing, and says what differs.
The same CSMS_* variables as for the services set TLS, SASL and the size of the largest message.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import structlog
import typer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import InvalidReplicationFactorError, NoError, TopicAlreadyExistsError, for_code
from csms_runtime import logging
from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES, MAX_MAX_MESSAGE_BYTES

from csms_bus import kafka_security, kafka_state
from csms_bus.kafka_errors import bus_errors
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import BusUnavailable
from csms_bus.reassignment import reassignment
from csms_bus.topic_check import differences
from csms_bus.topic_plan import DEFAULT, REPLICAS, Plan, changes
from csms_bus.topics import CATALOGUE, STATION_PARTITIONS, Topic

_log = structlog.get_logger(__name__)

# Pretty tracebacks would show local variables, and secrets in them.
cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

DIFFER = 3
"""Exit status of `--check` and `--strict` when something differs."""
_LOOKS, _LOOK_PAUSE_S = 50, 0.1


async def create_topics(
    bootstrap_servers: str,
    plan: Plan = DEFAULT,
    *,
    security: Mapping[str, Any] | None = None,
    topics: Sequence[Topic] = CATALOGUE,
) -> None:
    """Create missing topics, add partitions where there are too few, and mend what would lose or refuse records.

    That is cleanup.policy, message.timestamp.type, and max.message.bytes where it is too low. Never removes topics or
    partitions. The rest of the configuration of existing topics belongs to their operators. Services notice new
    partitions by themselves (docs/runbooks/scale-partitions.md). Raises BusUnavailable.
    """
    admin = _client(bootstrap_servers, security)
    try:
        with bus_errors():
            await admin.start()
            counts = {name: found.number for name, found in (await kafka_state.partitions(admin)).items()}
            plan = plan.fitted(topics, counts)
            await _create(admin, [topic for topic in topics if topic.name not in counts], plan)
            await _grow(admin, [topic for topic in topics if counts.get(topic.name, 0) > 0], counts, plan)
            await _mend(admin, [topic for topic in topics if topic.name in counts], plan)
            await _seen(admin, topics, plan)
    finally:
        await admin.close()


async def check_topics(
    bootstrap_servers: str,
    plan: Plan = DEFAULT,
    *,
    security: Mapping[str, Any] | None = None,
    topics: Sequence[Topic] = CATALOGUE,
) -> list[str]:
    """Return what differs from what is wanted, a line each; empty: nothing. Changes nothing. Raises BusUnavailable."""
    admin = _client(bootstrap_servers, security)
    try:
        with bus_errors():
            await admin.start()
            return await _differences(admin, topics, plan)
    finally:
        await admin.close()


async def more_replicas(
    bootstrap_servers: str,
    plan: Plan = DEFAULT,
    *,
    security: Mapping[str, Any] | None = None,
    topics: Sequence[Topic] = CATALOGUE,
) -> dict[str, Any]:
    """Return what kafka-reassign-partitions.sh takes to give each partition its replicas. Changes nothing.

    Raises BusUnavailable, also when there are too few brokers.
    """
    admin = _client(bootstrap_servers, security)
    try:
        with bus_errors():
            await admin.start()
            layout, racks = await kafka_state.layout(admin), await kafka_state.racks(admin)
        return reassignment(topics, layout, racks, plan.replication_factor)
    except ValueError as error:
        raise BusUnavailable(str(error)) from error
    finally:
        await admin.close()


def _client(bootstrap_servers: str, security: Mapping[str, Any] | None) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(**KafkaSettings(bootstrap_servers, "csms-admin", dict(security or {})).client())


async def _differences(admin: AIOKafkaAdminClient, topics: Sequence[Topic], plan: Plan) -> list[str]:
    found = await kafka_state.partitions(admin)
    configs = await kafka_state.configs(admin, [topic.name for topic in topics if topic.name in found])
    return differences(topics, plan, found, configs)


async def _create(admin: AIOKafkaAdminClient, missing: Sequence[Topic], plan: Plan) -> None:
    if not missing:
        return
    response = await admin.create_topics(
        [
            NewTopic(
                name=topic.name,
                num_partitions=plan.partitions_of(topic),
                replication_factor=plan.replication_factor,
                topic_configs=plan.config_of(topic),
            )
            for topic in missing
        ]
    )
    for name, code, *details in response.topic_errors:
        _check(code, name, details)
        _log.info("topic created", topic=name)


async def _grow(admin: AIOKafkaAdminClient, topics: Sequence[Topic], counts: Mapping[str, int], plan: Plan) -> None:
    growing = {topic.name: plan.partitions_of(topic) for topic in topics}
    growing = {name: wanted for name, wanted in growing.items() if counts[name] < wanted}
    if not growing:
        return
    response = await admin.create_partitions({name: NewPartitions(count) for name, count in growing.items()})
    for name, code, *details in response.topic_errors:
        _check(code, name, details)
        _log.info("partitions added", topic=name, partitions=growing[name], before=counts[name])


async def _mend(admin: AIOKafkaAdminClient, topics: Sequence[Topic], plan: Plan) -> None:
    configs = await kafka_state.configs(admin, [topic.name for topic in topics])
    mended = {topic.name: changes(topic, plan, configs[topic.name].values) for topic in topics if topic.name in configs}
    mended = {name: changed for name, changed in mended.items() if changed}
    await kafka_state.alter(admin, {name: configs[name].own | changed for name, changed in mended.items()})
    for name, changed in mended.items():
        before = {setting: configs[name].values.get(setting) for setting in changed}
        _log.info("topic changed", topic=name, before=before, now=changed)


async def _seen(admin: AIOKafkaAdminClient, topics: Sequence[Topic], plan: Plan) -> None:
    """Wait some seconds at most until the broker that answers knows of the topics and their changes."""
    for _ in range(_LOOKS):
        found = await kafka_state.partitions(admin)
        configs = await kafka_state.configs(admin, [topic.name for topic in topics if topic.name in found])
        if all(topic.name in found and _is_done(topic, plan, found, configs) for topic in topics):
            return
        await asyncio.sleep(_LOOK_PAUSE_S)


def _is_done(
    topic: Topic, plan: Plan, found: Mapping[str, kafka_state.Partitions], configs: Mapping[str, kafka_state.Config]
) -> bool:
    config = configs.get(topic.name)
    is_mended = config is None or not changes(topic, plan, config.values)
    return is_mended and found[topic.name].number >= plan.partitions_of(topic)


def _check(code: int, topic: str, details: Sequence[object]) -> None:
    error = for_code(code)
    if error in (NoError, TopicAlreadyExistsError):
        return
    said = [error.__name__, *(str(detail) for detail in details if detail)]
    if error is InvalidReplicationFactorError:
        said.append("(fewer brokers need --replication-factor)")
    raise BusUnavailable(f"{topic}: {' '.join(said)}")


@cli.command()
def main(  # noqa: PLR0917 typer reads them as options
    bootstrap: Annotated[
        str, typer.Option(envvar="CSMS_KAFKA_BOOTSTRAP_SERVERS", help="Brokers: host:port, separated by commas.")
    ] = "127.0.0.1:9092",
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Partitions of the topics keyed by station id; absent: as many as those that exist have, "
            f"else {STATION_PARTITIONS}.",
        ),
    ] = None,
    inbox_partitions: Annotated[
        int | None,
        typer.Option(min=1, help="Partitions of the inboxes: as many as a service has replicas; absent: 32."),
    ] = None,
    replication_factor: Annotated[
        int, typer.Option(min=1, help="Replicas of the topics that are created; 1 for a single broker.")
    ] = REPLICAS,
    min_insync_replicas: Annotated[
        int | None,
        typer.Option(
            min=1, help="Replicas that must have a record before it counts; absent: 2 of 3 replicas or more, else 1."
        ),
    ] = None,
    max_message_bytes: Annotated[
        int,
        typer.Option(
            envvar="CSMS_MAX_MESSAGE_BYTES", min=1024, max=MAX_MAX_MESSAGE_BYTES, help="Largest OCPP message, in bytes."
        ),
    ] = DEFAULT_MAX_MESSAGE_BYTES,
    *,
    check: Annotated[
        bool, typer.Option("--check", help=f"Change nothing; say what differs, and end with status {DIFFER} then.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help=f"End with status {DIFFER} when something still differs, as replicas.")
    ] = False,
    replicas: Annotated[
        bool,
        typer.Option("--reassignment", help="Change nothing; print kafka-reassign-partitions.sh's JSON for replicas."),
    ] = False,
) -> None:
    """Create the bus's topics on Kafka, or bring them up to date. Nothing is ever removed."""
    plan = Plan(partitions, inbox_partitions, replication_factor, min_insync_replicas, max_message_bytes)
    security = kafka_security.from_environment()
    try:
        if replicas:
            typer.echo(json.dumps(asyncio.run(more_replicas(bootstrap, plan, security=security)), indent=1))
            return
        if not check:
            asyncio.run(create_topics(bootstrap, plan, security=security))
        found = asyncio.run(check_topics(bootstrap, plan, security=security))
    except BusUnavailable as error:
        typer.echo(f"Kafka at {bootstrap}: {error}", err=True)
        raise typer.Exit(1) from error
    _tell(found, as_log=not check)
    if found and (check or strict):
        raise typer.Exit(DIFFER)


def _tell(found: Sequence[str], *, as_log: bool) -> None:
    for line in found:
        if as_log:
            _log.warning("not as wanted, and not changed", differs=line)
        else:
            typer.echo(line)
    if found and as_log:
        _log.warning("topics are not as wanted: docs/runbooks/few-replicas.md", differences=len(found))


if __name__ == "__main__":
    logging.configure("info", "json" if os.environ.get("CSMS_LOG_FORMAT") == "json" else "console")
    cli()
