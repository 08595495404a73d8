import asyncio
from collections.abc import Mapping

import pytest
from csms_bus.flow import Backoff
from csms_bus.offsets import Offsets
from csms_bus.ports import BusUnavailable, Incoming, NotAssigned, TopicPartition

P0, P1 = TopicPartition("t", 0), TopicPartition("t", 1)


class Commits:
    """A consumer that only commits."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.made: list[dict[TopicPartition, int]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.made.append(dict(offsets))
        await self.may_end.wait()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


def records(*places: tuple[int, int]) -> list[Incoming]:
    return [Incoming("t", partition, offset, "CS1", None) for partition, offset in places]


async def test_flush_commits_the_offset_after_the_last_record_of_each_partition() -> None:
    offsets, consumer = Offsets("g", 60), Commits()
    offsets.done(records((0, 5), (1, 7), (0, 6)))
    await offsets.flush(consumer)
    assert consumer.made == [{P0: 7, P1: 8}]
    await offsets.flush(consumer)
    assert len(consumer.made) == 1


async def test_commits_in_the_background_are_seldom_and_never_two_at_once() -> None:
    offsets, consumer = Offsets("g", 0), Commits()
    consumer.may_end.clear()
    for offset in range(3):
        offsets.done(records((0, offset)))
        offsets.commit_soon(consumer)
        await asyncio.sleep(0)
    assert consumer.made == [{P0: 1}]
    consumer.may_end.set()
    await offsets.flush(consumer)
    assert consumer.made == [{P0: 1}, {P0: 3}]


async def test_interval_is_kept() -> None:
    offsets, consumer = Offsets("g", 60), Commits()
    for offset in range(3):
        offsets.done(records((0, offset)))
        offsets.commit_soon(consumer)
        await asyncio.sleep(0)
    assert len(consumer.made) == 1


async def test_commit_that_the_broker_did_not_take_is_made_again() -> None:
    offsets, consumer = Offsets("g", 60), Commits(BusUnavailable("away"))
    offsets.done(records((0, 1), (1, 1)))
    await offsets.flush(consumer)
    assert offsets.pending
    offsets.done(records((0, 2)))
    await offsets.flush(consumer)
    assert consumer.made[-1] == {P0: 3, P1: 2}
    assert not offsets.pending


async def test_commit_of_partitions_that_moved_is_not_made_again() -> None:
    offsets, consumer = Offsets("g", 60), Commits(NotAssigned("moved"))
    offsets.done(records((0, 1)))
    await offsets.flush(consumer)
    assert not offsets.pending


def test_undone_is_where_each_partition_goes_on() -> None:
    offsets = Offsets("g", 60)
    batch = records((0, 5), (0, 6), (1, 1), (0, 9))
    offsets.done(batch[:1])
    assert offsets.undone(batch) == {P0: 6, P1: 1}
    offsets.done(batch[1:])
    assert offsets.undone(batch) == {}


def test_forgotten_partitions_start_anew() -> None:
    offsets = Offsets("g", 60)
    offsets.done(records((0, 5), (1, 5)))
    offsets.forget({P0})
    assert offsets.undone(records((0, 3), (1, 3))) == {P0: 3}


@pytest.mark.parametrize("failures", [0, 3, 2000])
def test_backoff_is_bounded(failures: int) -> None:
    backoff = Backoff(0.1, 10)
    pauses = [backoff.next_pause() for _ in range(failures + 1)]
    assert min(0.1 * 2.0 ** min(failures, 20), 10) / 2 <= pauses[-1] <= 10
    backoff.reset()
    assert 0.05 <= backoff.next_pause() <= 0.1
