"""A trial ends, also when what failed is no longer this consumer's."""

from collections.abc import Mapping
from contextlib import nullcontext
from unittest.mock import AsyncMock

import pytest
from csms_bus.flow import TooManyDeadLetters
from csms_bus.poison import Poison, RetryLimits
from csms_bus.ports import Incoming, TopicPartition
from csms_bus.trial import Trial


def record(key: str, partition: int, topic: str = "log") -> Incoming:
    return Incoming(topic, partition, 0, key, None)


def stopped(partition: int) -> Poison:
    """Records of five stations of a partition failed, and none of theirs succeeded; others did."""
    poison = Poison("g", RetryLimits(attempts=1, stations_in_a_row=5, pause_s=0))
    poison.next_batch()
    poison.succeeded([record("CS", 9, topic="another")])
    for number in range(4):
        poison.failed(record(f"CS{number}", partition), "bad")
    with pytest.raises(TooManyDeadLetters):
        poison.failed(record("CS4", partition), "bad")
    return poison


async def passes(poison: Poison, polled: list[Incoming]) -> tuple[bool, AsyncMock]:
    consumer, processor = AsyncMock(), AsyncMock()
    consumer.poll.return_value = polled
    processor.succeeds.return_value = False
    found = await Trial(processor, poison, 10, nullcontext, lambda: False).passes(consumer)
    rewound: Mapping[TopicPartition, int] = consumer.rewind.call_args.args[0]
    assert set(rewound) == {TopicPartition(one.topic, one.partition) for one in polled}
    return found, processor


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms_bus.trial._LONGEST_S", 0.05)


async def test_it_passes_when_what_failed_is_another_members_now() -> None:
    found, processor = await passes(stopped(1), [record("CS77", 2, topic="another")])
    assert found
    assert not processor.succeeds.called


async def test_it_does_not_pass_while_what_failed_still_fails() -> None:
    found, processor = await passes(stopped(1), [record("CS1", 1)])
    assert not found
    assert processor.succeeds.called


async def test_it_passes_at_once_when_the_partition_was_taken_away() -> None:
    poison = stopped(1)
    poison.forget([TopicPartition("log", 1)])
    poison.forget_others([TopicPartition("another", 9)])
    assert not poison.too_many()
