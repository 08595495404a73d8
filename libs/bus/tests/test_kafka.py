"""What only happens with Kafka: outages, what others wrote, limits of size."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from csms.v1.station_pb2 import Reply, ReplyTo, StationCall
from csms_bus import kafka_consumer
from csms_bus.admin import create_topics
from csms_bus.inbox import Inbox
from csms_bus.kafka import KafkaBus
from csms_bus.kafka_lane import DOUBT_S
from csms_bus.kafka_records import hash_of
from csms_bus.ports import BusError, BusUnavailable, Incoming, Outgoing, RecordTooLarge
from csms_bus.records import new_record, reply_to
from csms_bus.requests import NoAnswer, Requester
from csms_bus.topic_plan import Plan
from csms_bus.topics import DEAD_LETTERS
from csms_testing.buses import DEADLINE_S, World, own_topics, running, world_of
from csms_testing.kafka import ONE_BROKER, LocalKafka, kafka_requirement
from csms_testing.requirements import require

pytestmark = pytest.mark.kafka

TIMEOUT_S = 2.0
ALONE = Plan(replication_factor=1)
"""Topics with as many partitions as they say."""


@asynccontextmanager
async def kafka_world(bootstrap: str, name: str) -> AsyncIterator[World]:
    await create_topics(bootstrap, ONE_BROKER)
    await create_topics(bootstrap, ALONE, topics=own_topics(name))
    bus = KafkaBus(bootstrap, client_id=name, heartbeat_s=0.3, publish_timeout_s=TIMEOUT_S)
    async with world_of(bus, name) as world:
        yield world


@pytest.fixture
async def world(kafka_bootstrap: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with kafka_world(kafka_bootstrap, f"{request.node.name}-{time.time_ns()}") as world:
        yield world


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    require(kafka_requirement())
    with LocalKafka(tmp_path / "kafka") as kafka:
        yield kafka


async def answer(batch: list[Incoming]) -> list[Outgoing]:
    return [reply_to(incoming.record.station_call, payload=b"{}") for incoming in batch if incoming.record]


async def test_records_of_a_producer_with_a_wrong_clock_are_taken_and_kept(world: World, kafka_bootstrap: str) -> None:
    """Kafka refuses records from the future, and deletes by the age that records claim to have."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    try:
        for days in (1, -30):
            wrong_ms = int((time.time() + days * 86400) * 1000)
            written = await producer.send_and_wait(world.log, b"", key=b"CS1", timestamp_ms=wrong_ms)
            assert abs(written.timestamp / 1000 - time.time()) < DEADLINE_S
    finally:
        await producer.stop()


@pytest.mark.alone
async def test_everything_goes_on_after_an_outage(own_kafka: LocalKafka) -> None:
    async with kafka_world(own_kafka.bootstrap, "outage") as world:
        requester = Requester(world.bus, ReplyTo(topic=world.inbox, partition=0))
        inbox = Inbox(world.bus, world.inbox, 0, requester.deliver)

        async def ask() -> None:
            correlation_id = requester.new_correlation_id()
            call = StationCall(reply_to=requester.reply_to, correlation_id=correlation_id)
            await requester.ask(Outgoing(world.log, new_record("CS1", station_call=call)), correlation_id, 5)

        async with running(inbox.run), world.runner(answer):
            await inbox.ready()
            await ask()
            own_kafka.kill()
            started = time.monotonic()
            with pytest.raises(BusUnavailable):
                await world.publish(("CS1", 1))
            assert time.monotonic() - started < TIMEOUT_S + 1
            await asyncio.to_thread(own_kafka.start)
            async with asyncio.timeout(60):
                while True:
                    try:
                        await ask()
                        break
                    except (BusUnavailable, NoAnswer):
                        continue


async def test_start_without_a_broker_is_refused() -> None:
    bus = KafkaBus("127.0.0.1:1", client_id="test")
    with pytest.raises(BusUnavailable):
        await bus.start()
    with pytest.raises(BusUnavailable):
        bus.partitions("ocpp.results")


async def test_undecodable_record_becomes_a_dead_letter_unseen(world: World, kafka_bootstrap: str) -> None:
    seen: list[str] = []

    async def handle(batch: list[Incoming]) -> list[Outgoing]:
        seen.extend(incoming.key for incoming in batch)
        return []

    async with world.reading(DEAD_LETTERS.name) as dead, world.runner(handle):
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
            await producer.send_and_wait(world.log, b"\xff not a record", key=b"CS1", partition=0)
        letter = await dead.next()
    assert (letter.station_id, letter.dead_letter.value) == ("CS1", b"\xff not a record")
    assert letter.dead_letter.reason == "the value is no record"
    assert seen == []


async def test_a_foreign_producers_records_stop_nothing(world: World, kafka_bootstrap: str) -> None:
    """Without a key, with a key that is no text, with headers, an old timestamp, no value."""
    seen: list[str] = []
    finished = asyncio.Event()

    async def handle(batch: list[Incoming]) -> list[Outgoing]:
        seen.extend(incoming.key for incoming in batch)
        if "last" in seen:
            finished.set()
        return []

    async with world.runner(handle):
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
            value = world.call("CS1", 1).record.SerializeToString()
            for odd in (
                {"value": value, "key": None},
                {"value": value, "key": b"\xff\xfe"},
                {"value": value, "key": b"", "headers": [("h", b"\xff"), ("h", b""), ("", b"x" * 1000)]},
                {"value": value, "key": b"old", "timestamp_ms": 1},
                {"value": None, "key": b"nothing"},
                {"value": b"", "key": b"empty"},
                {"value": value, "key": b"last"},
            ):
                await producer.send_and_wait(world.log, partition=0, **odd)
        async with asyncio.timeout(DEADLINE_S):
            await finished.wait()
    assert seen == ["", "\ufffd\ufffd", "", "old", "last"]


async def test_record_that_is_too_large_is_refused_before_it_is_sent(world: World) -> None:
    large = new_record("CS1", reply=Reply(payload=bytes(5_000_000)))
    with pytest.raises(RecordTooLarge):
        await world.bus.publish([Outgoing(world.inbox, large, partition=0)])


async def test_publishing_goes_on_after_the_broker_refused_a_record(world: World, kafka_bootstrap: str) -> None:
    narrow = replace(own_topics("x")[0], name=f"{world.log}.narrow", partitions=1)
    await create_topics(kafka_bootstrap, replace(ALONE, max_message_bytes=1024), topics=[narrow])
    with pytest.raises(RecordTooLarge):
        await world.bus.publish([Outgoing(narrow.name, new_record("CS1", reply=Reply(payload=bytes(2_000_000))))])
    async with world.reading(narrow.name) as log:
        await world.bus.publish([Outgoing(narrow.name, new_record("CS1", reply=Reply(correlation_id="small")))])
        assert (await log.next()).reply.correlation_id == "small"


async def test_largest_records_pass(world: World) -> None:
    record = new_record("CS1", reply=Reply(payload=bytes(999_000)))
    async with world.reading(world.inbox, 0) as inbox:
        await world.bus.publish([Outgoing(world.inbox, record, partition=0)] * 3)
        for _ in range(3):
            assert await inbox.next() == record


async def test_much_more_than_fits_the_buffers_is_published(world: World) -> None:
    async with world.consumer() as consumer:
        payload = bytes(100_000)
        call = StationCall(correlation_id="1", payload=payload)
        outgoing = [Outgoing(world.log, new_record("CS1", station_call=call)) for _ in range(100)]
        await asyncio.gather(*(world.bus.publish(outgoing[start : start + 10]) for start in range(0, 100, 10)))
        records = await world.take(consumer, 100)
        assert [incoming.record for incoming in records] == [sent.record for sent in outgoing]


async def test_a_poll_brings_what_came_since_the_broker_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_consumer, "_MORE_MS", 10_000)
    consumer = await world.bus.subscribe("group", [world.log])
    await world.bus.publish([Outgoing(world.log, new_record("CS1", reply=Reply())) for _ in range(2)])
    async with asyncio.timeout(DEADLINE_S):
        while not consumer._consumer._fetcher._records:  # noqa: ASYNC110 only aiokafka knows that they have come
            await asyncio.sleep(0.01)
    await world.bus.publish([Outgoing(world.log, new_record("CS1", reply=Reply())) for _ in range(5)])
    assert len(await consumer.poll(max_records=100, timeout_s=DEADLINE_S)) == 7
    await consumer.close()


async def test_a_rebalance_while_more_is_awaited_neither_loses_nor_repeats_records(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_consumer, "_MORE_MS", 10_000)
    records = [Outgoing(world.log, new_record(f"CS{number}", reply=Reply())) for number in range(20)]
    first = await world.bus.subscribe("group", [world.log])
    await world.bus.publish(records)
    polling = asyncio.create_task(first.poll(max_records=100, timeout_s=DEADLINE_S))
    second = await world.bus.subscribe("group", [world.log])
    got = [incoming.key for incoming in await polling]
    monkeypatch.setattr(kafka_consumer, "_MORE_MS", 1)
    async with asyncio.timeout(DEADLINE_S):
        while len(got) < len(records):
            for consumer in (first, second):
                got += [incoming.key for incoming in await consumer.poll(max_records=100, timeout_s=0.1)]
    assert sorted(got) == sorted(outgoing.record.station_id for outgoing in records)
    await second.close()
    await first.close()


async def test_unknown_topic_is_reported_in_time(world: World) -> None:
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(BusUnavailable):
            await world.bus.publish([Outgoing("no.such.topic", world.call("CS1").record)])


@pytest.mark.alone
@pytest.mark.slow
async def test_partition_without_a_leader_fails_only_its_own_stations(tmp_path: Path) -> None:
    require(kafka_requirement())
    log = replace(own_topics("lone")[0], name="lone.log", partitions=3)
    stations = {hash_of(name) % 3: name for name in (f"CS{number}" for number in range(20))}
    records = [Outgoing(log.name, new_record(stations[number], station_call=StationCall())) for number in range(3)]
    with LocalKafka(tmp_path / "kafka", brokers=3) as cluster:
        await create_topics(cluster.bootstrap, ALONE, topics=[log])  # one replica each
        bus = KafkaBus(cluster.bootstrap, client_id="test", publish_timeout_s=5, request_timeout_s=6)
        await bus.start()

        told: dict[int, BusError | None] = {}

        async def failed() -> set[int]:
            told.clear()
            try:
                await bus.publish(records, told.__setitem__)
            except BusUnavailable as error:
                return set(error.outcomes)
            return set()

        async def until(count: int) -> set[int]:
            async with asyncio.timeout(90):
                while len(found := await failed()) != count:  # noqa: ASYNC110 brokers notice a little later
                    await asyncio.sleep(0.1)
            return found

        assert await until(0) == set()
        cluster.nodes[0].kill()
        (dead,) = await until(1)
        assert list(told)[-1] == dead, "the others are told only with that partition"
        began = time.monotonic()
        while time.monotonic() - began < 15:  # meanwhile aiokafka gives up what it tries, and begins anew
            started = time.monotonic()
            assert await failed() == {dead}
            assert time.monotonic() - started < DOUBT_S + 2, "others wait for that partition, too"
            assert {position for position, error in told.items() if error is None} == {0, 1, 2} - {dead}
        await asyncio.to_thread(cluster.nodes[0].start)
        assert await until(0) == set()
        await bus.stop()
