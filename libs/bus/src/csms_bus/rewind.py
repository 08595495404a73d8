"""Sets consumer groups back to a time: `python -m csms_bus.rewind --to 2026-11-27T10:00:00Z`.

For a database that was restored to an earlier time: what was handled since is handled again from the topics. Handlers
bear repeats, so that to go back too far costs time and nothing else. See docs/runbooks/restore.md.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError
from aiokafka.structs import TopicPartition as KafkaPartition

from csms_bus import kafka_security
from csms_bus.groups import GROUPS, Group
from csms_bus.kafka_errors import bus_errors
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import BusError, BusUnavailable

# Pretty tracebacks would show local variables, and secrets in them.
cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

MARGIN_S = 900
"""Records that were produced before the time may have been handled after it: consumers lag."""
_LIMIT_S = 60.0


class GroupInUse(BusUnavailable):
    """Somebody reads for the group: it can't be set back."""


@dataclass(slots=True)
class Rewound:
    """What was, or would be, done with one topic of a group."""

    group: str
    topic: str
    offsets: dict[KafkaPartition, int] = field(default_factory=dict)
    """By partition that is set back: its new offset."""
    records: int = 0
    """How many are handled again."""
    begins_at: datetime | None = None
    """When the topic's oldest record was stored, if that is after the time: what was before is gone."""

    @property
    def text(self) -> str:
        """One line for people."""
        line = f"{self.group}: {self.topic}: {self.records} records again, {len(self.offsets)} partitions set back"
        if self.begins_at is not None:
            line += f"; WARNING: the topic reaches back to {self.begins_at:%Y-%m-%dT%H:%M:%SZ} only"
        return line


async def rewind(
    settings: KafkaSettings, to: datetime, groups: Sequence[Group] = GROUPS, *, dry_run: bool = False
) -> list[Rewound]:
    """Set the groups back to the first records that were stored at `to` or later. No group is set forward.

    Returns what was done, by group and topic. With `dry_run` nothing is done. The groups' services must not run: all
    groups are tried before the first is changed. Raises GroupInUse, BusUnavailable.
    """
    plans: list[Plan] = []
    with bus_errors():
        for group in groups:
            async with _consumer(settings, group) as consumer:
                plans.append(await _plan(consumer, group, to, await _partitions(settings, group)))
                if not dry_run:  # a broker refuses every commit from outside while the group has members
                    await _commit(consumer, group, plans[-1].committed)
        for group, plan in zip(groups, plans, strict=True):
            if not dry_run:
                async with _consumer(settings, group) as consumer:
                    consumer.assign(list(plan.committed))
                    await _commit(consumer, group, plan.wanted)
    return [rewound for plan in plans for rewound in plan.topics]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with a group."""

    committed: Mapping[KafkaPartition, int]
    """By partition: where the group stands."""
    topics: Sequence[Rewound]

    @property
    def wanted(self) -> dict[KafkaPartition, int]:
        """By partition that is set back: the new offset."""
        return {partition: offset for rewound in self.topics for partition, offset in rewound.offsets.items()}


@asynccontextmanager
async def _consumer(settings: KafkaSettings, group: Group) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(**settings.client(), group_id=group.name, enable_auto_commit=False)
    try:
        async with asyncio.timeout(_LIMIT_S):
            await consumer.start()
            yield consumer
    finally:
        await consumer.stop()


async def _commit(consumer: AIOKafkaConsumer, group: Group, offsets: Mapping[KafkaPartition, int]) -> None:
    if not offsets:
        return
    try:
        await consumer.commit(dict(offsets))
    except CommitFailedError as error:
        raise GroupInUse(f"somebody reads for {group.name}: stop the services first") from error


async def _plan(consumer: AIOKafkaConsumer, group: Group, to: datetime, partitions: Sequence[KafkaPartition]) -> Plan:
    consumer.assign(list(partitions))
    times = await consumer.offsets_for_times(dict.fromkeys(partitions, int(to.timestamp() * 1000)))
    first = await consumer.beginning_offsets(partitions)
    found = {name: Rewound(group.name, name) for name in group.topic_names}
    committed: dict[KafkaPartition, int] = {}
    for partition in partitions:
        at, stands = times.get(partition), await consumer.committed(partition)
        if stands is None:
            continue  # nothing was ever handled
        committed[partition] = stands
        if at is None or at.offset >= stands:
            continue  # nothing came since, or it is not handled yet
        rewound = found[partition.topic]
        rewound.offsets[partition] = at.offset
        rewound.records += stands - at.offset
        if at.offset == first[partition] > 0:
            stored_at = datetime.fromtimestamp(at.timestamp / 1000, UTC)
            rewound.begins_at = max(stored_at, rewound.begins_at or stored_at)
    return Plan(committed, list(found.values()))


async def _partitions(settings: KafkaSettings, group: Group) -> list[KafkaPartition]:
    admin = AIOKafkaAdminClient(**settings.client())
    try:
        await admin.start()
        described = await admin.describe_topics(group.topic_names)
    finally:
        await admin.close()
    counts = {str(found["topic"]): len(found["partitions"]) for found in described}
    missing = [name for name in group.topic_names if not counts.get(name)]
    if missing:
        raise BusUnavailable(f"there is no topic {', '.join(missing)}")
    return [KafkaPartition(name, number) for name in group.topic_names for number in range(counts[name])]


def _chosen(services: Sequence[str], names: Sequence[str]) -> list[Group]:
    unknown = {*services} - {group.service for group in GROUPS} | {*names} - {group.name for group in GROUPS}
    if unknown:
        raise typer.BadParameter(f"no service or group: {', '.join(sorted(unknown))}")
    if not services and not names:
        return list(GROUPS)
    return [group for group in GROUPS if group.service in services or group.name in names]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text}: want a time like 2026-11-27T10:00:00Z") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text}: want a time with its zone, like 2026-11-27T10:00:00Z")
    return moment


@cli.command()
def main(
    to: Annotated[str, typer.Option(help="The time that the database was restored to, like 2026-11-27T10:00:00Z.")],
    bootstrap: Annotated[
        str, typer.Option(envvar="CSMS_KAFKA_BOOTSTRAP_SERVERS", help="Brokers: host:port, separated by commas.")
    ] = "127.0.0.1:9092",
    margin_s: Annotated[
        int, typer.Option(min=0, help="Go back so many seconds more: the longest that consumers lagged at that time.")
    ] = MARGIN_S,
    service: Annotated[list[str] | None, typer.Option(help="Only the groups of this service; may be repeated.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Only this group; may be repeated.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option(help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Set consumer groups back after their database was restored to an earlier time. Stop the services before."""
    security: dict[str, Any] = kafka_security.from_environment()
    settings = KafkaSettings(bootstrap, "csms-rewind", security)
    moment = _moment(to) - timedelta(seconds=margin_s)
    try:
        found = asyncio.run(rewind(settings, moment, _chosen(service or [], group or []), dry_run=dry_run))
    except BusError as error:
        typer.echo(f"Kafka at {bootstrap}: {error}", err=True)
        raise typer.Exit(1) from error
    for rewound in found:
        typer.echo(rewound.text)


if __name__ == "__main__":
    cli()
