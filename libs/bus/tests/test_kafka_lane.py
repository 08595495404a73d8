"""The way to one partition, when it does not acknowledge."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.errors import KafkaTimeoutError
from csms_bus import kafka_lane
from csms_bus.delivery import Delivery
from csms_bus.kafka_lane import Lane, Message
from csms_bus.ports import BusUnavailable, TopicPartition

PATIENCE_S = 0.2


class Producer:
    """Takes batches as aiokafka's producer does; the outcome of each is set by the test."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[bytes], asyncio.Future[None]]] = []

    def create_batch(self) -> "Batch":
        return Batch()

    async def send_batch(self, batch: "Batch", _topic: str, *, partition: int) -> asyncio.Future[None]:
        assert partition == 0
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent.append((batch.values, outcome))
        return outcome


class Batch:
    def __init__(self) -> None:
        self.values: list[bytes] = []

    def append(self, *, timestamp: None, key: bytes, value: bytes) -> bool:
        assert (timestamp, key) == (None, b"k")
        self.values.append(value)
        return True


async def published(lane: Lane, *values: bytes) -> Sequence[object]:
    """Put them, and wait for their outcomes."""
    delivery = Delivery(len(values))
    for position, value in enumerate(values):
        lane.put(Message(b"k", value, delivery, position))
    await delivery.wait()
    return [delivery.failures.get(position) for position in range(len(values))]


@pytest.fixture
def producer() -> Producer:
    return Producer()


@pytest.fixture
def lane(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> Lane:
    monkeypatch.setattr(kafka_lane, "DOUBT_S", 0.02)
    return Lane(producer, TopicPartition("t", 0), PATIENCE_S, set())  # type: ignore[arg-type]


async def until_sent(producer: Producer, count: int) -> asyncio.Future[None]:
    async with asyncio.timeout(5):
        while len(producer.sent) < count:  # noqa: ASYNC110 a turn of the loop each
            await asyncio.sleep(0)
    return producer.sent[-1][1]


async def test_once_it_failed_nobody_is_let_wait_until_something_is_acknowledged(
    lane: Lane, producer: Producer
) -> None:
    first = asyncio.create_task(published(lane, b"1"))
    (await until_sent(producer, 1)).set_exception(KafkaTimeoutError())
    [error] = await first
    assert isinstance(error, BusUnavailable)

    async with asyncio.timeout(PATIENCE_S / 2):  # the next is sent, and not waited for as long as the first
        [error] = await published(lane, b"2")
    assert isinstance(error, BusUnavailable)
    async with asyncio.timeout(PATIENCE_S / 2):
        assert all(isinstance(error, BusUnavailable) for error in await published(lane, b"3", b"4"))
    assert [values for values, _ in producer.sent] == [[b"1"], [b"2"]]

    producer.sent[-1][1].set_result(None)  # it is back
    assert lane.task is not None
    await lane.task
    third = asyncio.create_task(published(lane, b"5"))
    outcome = await until_sent(producer, 3)
    await asyncio.sleep(PATIENCE_S / 2)  # as slow as any may be
    outcome.set_result(None)
    assert await third == [None]


async def test_what_waits_behind_a_doubtful_batch_is_given_up_with_it(lane: Lane, producer: Producer) -> None:
    first = asyncio.create_task(published(lane, b"1"))
    (await until_sent(producer, 1)).set_exception(KafkaTimeoutError())
    await first
    second = asyncio.create_task(published(lane, b"2"))
    outcome = await until_sent(producer, 2)
    third = asyncio.create_task(published(lane, b"3"))
    assert isinstance((await second)[0], BusUnavailable)
    assert isinstance((await third)[0], BusUnavailable)
    outcome.set_result(None)
    assert lane.task is not None
    await lane.task
    assert [values for values, _ in producer.sent] == [[b"1"], [b"2"]], "what was given up is not sent later"
