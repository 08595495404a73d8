"""Topics on a real broker: made, checked, waited for, grown while records lie in them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from csms.v1.station_pb2 import Reply, StationCall
from csms_bus.admin import DIFFER, check_topics, cli, create_topics
from csms_bus.following import follow
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Incoming, Outgoing, RecordRefused, Start
from csms_bus.records import new_record
from csms_bus.runner import ConsumerRunner
from csms_bus.topic_plan import Plan
from csms_bus.topics import API_KEYS, CALLS_TRANSACTIONS, Topic
from csms_runtime.starting import StoppedEarly
from csms_runtime.waiting import done_before
from csms_testing.buses import DEADLINE_S, own_topics, running
from csms_testing.kafka import ONE_BROKER, LocalKafka, kafka_requirement
from csms_testing.requirements import require
from typer.testing import CliRunner

pytestmark = pytest.mark.kafka

ALONE = Plan(replication_factor=1)
STATIONS = [f"CS{number}" for number in range(40)]


@pytest.fixture
def creating_kafka() -> Iterator[LocalKafka]:
    """A broker that makes topics by itself, as Kafka does by default."""
    require(kafka_requirement())
    with LocalKafka(settings={"auto.create.topics.enable": "true"}) as kafka:
        yield kafka


@asynccontextmanager
async def admin_of(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def started(bootstrap: str, **limits: float) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(bootstrap, client_id="test", heartbeat_s=0.3, **limits)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


def own(partitions: int = 2) -> Topic:
    return replace(own_topics(f"topics-{time.time_ns()}")[0], partitions=partitions)


async def partitions_of(bootstrap: str) -> dict[str, int]:
    async with admin_of(bootstrap) as admin:
        return {found["topic"]: len(found["partitions"]) for found in await admin.describe_topics()}


async def until(told: list[str], words: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not (told and words in told[-1]):  # noqa: ASYNC110 the broker is asked now and then
            await asyncio.sleep(0.02)


async def test_services_wait_for_topics_which_no_broker_makes(creating_kafka: LocalKafka) -> None:
    bootstrap, told, stop = creating_kafka.bootstrap, list[str](), asyncio.Event()
    bus = KafkaBus(bootstrap, client_id="test", service="transactions")

    async def waited(slot: int) -> None:
        async with asyncio.timeout(30):
            await bus.wait("transactions", slot, told.append, stop)

    waiting = asyncio.create_task(waited(0))
    await until(told, "missing (or no ACL lets this user see them): ocpp.calls.transactions, ")
    assert await partitions_of(bootstrap) == {}

    await create_topics(bootstrap, replace(ONE_BROKER, inbox_partitions=2, max_message_bytes=1024))
    await until(told, "transactions.inbox has max.message.bytes")
    await create_topics(bootstrap, ONE_BROKER)
    await waiting

    waiting = asyncio.create_task(waited(32))
    await until(told, "transactions.inbox has 32 partitions, CSMS_SLOT=32 needs 33")
    stop.set()
    with pytest.raises(StoppedEarly, match=r"CSMS_SLOT=32"):
        await waiting

    # What one service reads is no other's, and nothing was made on the way.
    assert set((await partitions_of(bootstrap)).values()) == {1, 4, 12, 32}


async def test_topics_are_created_and_grown_but_never_shrunk(kafka_bootstrap: str) -> None:
    topic = own()

    async def partitions() -> int:
        return (await partitions_of(kafka_bootstrap))[topic.name]

    await create_topics(kafka_bootstrap, ALONE, topics=[topic])
    assert await partitions() == 2
    await create_topics(kafka_bootstrap, replace(ALONE, partitions=5), topics=[topic])
    assert await partitions() == 5
    await create_topics(kafka_bootstrap, replace(ALONE, partitions=1), topics=[topic])
    await create_topics(kafka_bootstrap, ALONE, topics=[topic])
    assert await partitions() == 5


async def test_what_the_broker_made_by_itself_is_told_and_mended(kafka_bootstrap: str) -> None:
    table, log = (replace(topic, name=f"{topic.name}-{time.time_ns()}") for topic in (API_KEYS, CALLS_TRANSACTIONS))
    theirs = {"retention.ms": "123456", "cleanup.policy": "compact"}
    async with admin_of(kafka_bootstrap) as admin:
        await admin.create_topics([NewTopic(table.name, 1, 1), NewTopic(log.name, 1, 1, topic_configs=theirs)])
    plan = replace(ONE_BROKER, min_insync_replicas=1)
    found = await check_topics(kafka_bootstrap, plan, topics=[table, log])
    for words in (
        f"{table.name}: cleanup.policy delete, compact",
        f"{table.name}: message.timestamp.type CreateTime",
        f"{log.name}: has 1 partitions, 12",
        f"{log.name}: cleanup.policy compact, delete",
        f"{log.name}: max.message.bytes",
    ):
        assert any(line.startswith(words) for line in found), (words, found)
    await create_topics(kafka_bootstrap, plan, topics=[table, log])
    assert await check_topics(kafka_bootstrap, plan, topics=[table, log]) == []
    replicas, in_sync = await check_topics(kafka_bootstrap, Plan(), topics=[table])
    assert replicas.startswith(f"{table.name}: replication factor 1, 3 is wanted; csms_bus.admin --reassignment")
    assert in_sync.startswith(f"{table.name}: min.insync.replicas 1, 2 is wanted; kafka-configs.sh --alter")


async def test_a_broker_alone_holds_no_three_replicas(kafka_bootstrap: str) -> None:
    with pytest.raises(Exception, match=r"InvalidReplicationFactor.*--replication-factor"):
        await create_topics(kafka_bootstrap, topics=[own()])


def test_the_check_has_an_exit_status(kafka_bootstrap: str) -> None:
    asyncio.run(create_topics(kafka_bootstrap, ONE_BROKER))
    command = ["--check", "--bootstrap", kafka_bootstrap, "--replication-factor", "1"]
    assert CliRunner().invoke(cli, command).exit_code == 0
    more = CliRunner().invoke(cli, [*command, "--partitions", "13"])
    assert more.exit_code == DIFFER
    assert "ocpp.results: has 12 partitions, 13 are wanted" in more.output
    assert CliRunner().invoke(cli, ["--check", "--bootstrap", "127.0.0.1:1"]).exit_code == 1


def test_topics_of_before_with_too_few_replicas_are_told_of_and_fail_what_is_strict(kafka_bootstrap: str) -> None:
    asyncio.run(create_topics(kafka_bootstrap, ONE_BROKER))
    command = ["--bootstrap", kafka_bootstrap, "--replication-factor", "3", "--min-insync-replicas", "1"]
    upgrade = CliRunner().invoke(cli, command)
    strict = CliRunner().invoke(cli, [*command, "--strict"])
    assert (upgrade.exit_code, strict.exit_code) == (0, DIFFER)
    for each in (upgrade, strict):
        assert "auth.api-keys: replication factor 1, 3 is wanted" in each.output
        assert "few-replicas.md" in each.output
    well = CliRunner().invoke(cli, ["--bootstrap", kafka_bootstrap, "--replication-factor", "1", "--strict"])
    assert (well.exit_code, "not as wanted" in well.output) == (0, False)


def test_a_plan_for_replicas_needs_as_many_brokers(kafka_bootstrap: str) -> None:
    asyncio.run(create_topics(kafka_bootstrap, ONE_BROKER))
    command = ["--bootstrap", kafka_bootstrap, "--reassignment", "--replication-factor"]
    assert json.loads(CliRunner().invoke(cli, [*command, "1"]).output) == {"version": 1, "partitions": []}
    few = CliRunner().invoke(cli, [*command, "3"])
    assert few.exit_code == 1
    assert "3 replicas need as many brokers, there are 1" in few.output


async def test_an_inbox_that_grows_is_written_and_read_at_once(kafka_bootstrap: str) -> None:
    inbox = replace(own_topics(f"inbox-{time.time_ns()}")[2], partitions=1)
    await create_topics(kafka_bootstrap, ALONE, topics=[inbox])
    first, answer = (
        Outgoing(inbox.name, new_record("CS1", reply=Reply(correlation_id=str(number))), partition=number)
        for number in range(2)
    )
    async with (
        started(kafka_bootstrap, metadata_age_s=3600) as writer,
        started(kafka_bootstrap, metadata_age_s=3600) as reader,
    ):
        for bus in (writer, reader):
            await bus.publish([first])
            with pytest.raises(RecordRefused, match="no partition 1"):
                await bus.publish([answer])
        await create_topics(kafka_bootstrap, replace(ALONE, inbox_partitions=2), topics=[inbox])
        await asyncio.sleep(0.6)  # it asks twice a second at most
        await writer.publish([first, answer])
        async with reader.read(inbox.name, partition=1, start=Start.BEGINNING) as records:
            async with asyncio.timeout(DEADLINE_S):
                batch = await anext(records.batches())
    assert [incoming.record for incoming in batch] == [answer.record]


async def test_partitions_that_are_added_are_noticed_and_none_is_skipped(kafka_bootstrap: str) -> None:
    """By producers, consumers and readers that began before, records in them that came unnoticed included."""
    topic, seen, read = own(), set[tuple[str, int]](), set[tuple[str, int]]()
    await create_topics(kafka_bootstrap, ALONE, topics=[topic])

    async def take(batch: Sequence[Incoming]) -> list[Outgoing]:
        seen.update((incoming.key, incoming.partition) for incoming in batch)
        return []

    def note(batch: Sequence[Incoming]) -> None:
        read.update((incoming.key, incoming.partition) for incoming in batch)

    def records() -> list[Outgoing]:
        return [Outgoing(topic.name, new_record(name, station_call=StationCall())) for name in STATIONS]

    async with started(kafka_bootstrap, metadata_age_s=2) as bus:
        runner = ConsumerRunner(bus, group=topic.name, topics=[topic.name], handler=take)

        async def following(stop: asyncio.Event) -> None:
            await done_before(follow(bus, topic.name, note, start=Start.BEGINNING), stop)

        async def everywhere(partitions: int) -> None:
            async with asyncio.timeout(DEADLINE_S):
                while {at for _, at in seen} != set(range(partitions)) or seen != read:  # noqa: ASYNC110 others read
                    await asyncio.sleep(0.05)
            assert {name for name, _ in seen} == set(STATIONS)

        async with running(runner.run), running(following):
            await bus.publish(records())
            await everywhere(2)
            await create_topics(kafka_bootstrap, replace(ALONE, partitions=7), topics=[topic])
            async with started(kafka_bootstrap) as newcomer:
                await newcomer.publish(records())
            await everywhere(7)
            async with asyncio.timeout(DEADLINE_S):
                while bus.partitions(topic.name) != 7:  # noqa: ASYNC110 it learns of it by itself
                    await asyncio.sleep(0.05)
