import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from csms.v1.bus_pb2 import Record
from csms_bus.kafka_records import hash_of
from csms_bus.ports import BusError, BusUnavailable, Outgoing, RecordTooLarge, Settled
from csms_gateway.publisher import Publisher
from csms_gateway.retrying import RetryingPublisher, group_of
from structlog.testing import capture_logs


class FakeBus:
    """Publishes into a list; fails or hangs when told to."""

    def __init__(self) -> None:
        self.refused: dict[str, BusError] = {}
        """What becomes of a station's records, when something does."""
        self.batches: list[list[str]] = []
        self.topics: list[str] = []
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()

    @property
    def names(self) -> list[str]:
        return [name for batch in self.batches for name in batch]

    async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
        self.entered.set()
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        names = [outgoing.record.station_id for outgoing in records]
        self.topics += [each.topic for each in records]
        self.batches.append([name for name in names if name not in self.refused])
        outcomes = {at: self.refused[name] for at, name in enumerate(names) if name in self.refused}
        if settled is not None:
            for at in range(len(names)):
                settled(at, outcomes.get(at))
        if outcomes:
            raise BusUnavailable("some failed", outcomes=outcomes)


def outgoing(name: str) -> Outgoing:
    return Outgoing("t", Record(station_id=name))


class Outcomes(list[BusError | None]):
    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()

    def __call__(self, error: BusError | None) -> None:
        self.append(error)
        self.changed.set()

    async def reach(self, count: int) -> None:
        while len(self) < count:
            self.changed.clear()
            await self.changed.wait()


def publisher(bus: FakeBus, *, deadline_s: float = 5, max_records: int = 100) -> Publisher:
    return Publisher(bus, deadline_s=deadline_s, max_records=max_records)  # type: ignore[arg-type]


async def test_what_is_submitted_in_one_turn_of_the_loop_is_one_batch() -> None:
    bus = FakeBus()
    outcomes = Outcomes()
    subject = publisher(bus)
    for name in "aaa":
        subject.submit(outgoing(name), outcomes)
    await outcomes.reach(3)
    assert bus.batches == [["a", "a", "a"]]
    assert outcomes == [None, None, None]
    assert subject.records == 0


def alike(first: str) -> str:
    """Another station of the same group."""
    wanted = group_of(outgoing(first))
    return next(name for name in map(str, range(1000)) if group_of(outgoing(name)) == wanted)


async def test_each_record_has_its_own_outcome() -> None:
    bus = FakeBus()
    other = alike("a")
    bus.refused = {"a": RecordTooLarge("too large")}
    outcomes: dict[str, BusError | None] = {}
    subject = publisher(bus)
    for name in ("a", other):
        subject.submit(outgoing(name), partial(outcomes.__setitem__, name))
    await subject.drain()
    await asyncio.sleep(0)
    assert outcomes == {"a": bus.refused["a"], other: None}


async def test_a_partition_that_does_not_answer_fails_only_its_own_stations() -> None:
    class Hanging(FakeBus):
        async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
            assert settled is not None
            for at, each in enumerate(records):
                if hash_of(each.record.station_id) % 12:
                    settled(at, None)
            await asyncio.Event().wait()

    failed: dict[str, BusError | None] = {}
    subject = publisher(Hanging(), deadline_s=0.05, max_records=1000)
    names = [f"CS{number}" for number in range(200)]
    for name in names:
        subject.submit(outgoing(name), partial(failed.__setitem__, name))
    await subject.drain()
    await asyncio.sleep(0)
    assert {name for name in names if failed[name]} == {name for name in names if hash_of(name) % 12 == 0}


async def test_bytes_under_way_are_bounded() -> None:
    bus = FakeBus()
    bus.gate.clear()
    outcomes = Outcomes()
    subject = Publisher(bus, deadline_s=5, max_records=100, max_bytes=1000)  # type: ignore[arg-type]
    subject.submit(Outgoing("t", Record(station_id="a" * 1000)), lambda _error: None)
    subject.submit(outgoing("b"), outcomes)
    await outcomes.reach(1)
    assert isinstance(outcomes[0], BusUnavailable)
    bus.gate.set()
    await subject.drain()


async def test_an_outage_is_reported_for_each_record() -> None:
    bus = FakeBus()
    bus.failure = BusUnavailable("down")
    subject = publisher(bus)
    with pytest.raises(BusUnavailable, match="down"):
        await subject.publish(outgoing("a"))
    assert subject.records == 0


async def test_a_bus_that_does_not_answer_is_an_outage_after_the_deadline() -> None:
    bus = FakeBus()
    bus.gate.clear()
    with pytest.raises(BusUnavailable, match=r"0\.01 s"):
        await publisher(bus, deadline_s=0.01).publish(outgoing("a"))


async def test_a_hanging_batch_does_not_hold_up_the_next() -> None:
    bus = FakeBus()
    bus.gate.clear()
    subject = publisher(bus, deadline_s=60)
    hanging = asyncio.ensure_future(subject.publish(outgoing("a")))
    await bus.entered.wait()
    first_gate, bus.gate = bus.gate, asyncio.Event()
    bus.gate.set()
    await subject.publish(outgoing("b"))
    assert not hanging.done()
    first_gate.set()
    await hanging
    assert bus.names == ["b", "a"]


async def test_a_full_queue_refuses_at_once() -> None:
    bus = FakeBus()
    bus.gate.clear()
    outcomes = Outcomes()
    subject = publisher(bus, max_records=1)
    subject.submit(outgoing("a"), lambda _error: None)
    subject.submit(outgoing("b"), outcomes)
    await outcomes.reach(1)
    assert isinstance(outcomes[0], BusUnavailable)
    bus.gate.set()
    await subject.drain()
    assert bus.names == ["a"]


async def retrying(
    bus: FakeBus, *, max_age_s: float = 60, max_records: int = 100
) -> tuple[RetryingPublisher, asyncio.Task[None]]:
    subject = RetryingPublisher(bus, deadline_s=5, max_age_s=max_age_s, max_records=max_records)  # type: ignore[arg-type]
    return subject, asyncio.ensure_future(subject.run())


async def test_retrying_keeps_the_order_over_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms_gateway.retrying._FIRST_PAUSE_S", 0.001)
    bus = FakeBus()
    bus.failure = BusUnavailable("down")
    subject, task = await retrying(bus)
    for number in "123":
        subject.put(Outgoing(number, Record(station_id="a")))
        await asyncio.sleep(0)
    assert bus.names == []
    bus.failure = None
    await subject.drain()
    task.cancel()
    assert bus.topics == ["1", "2", "3"]


async def test_retrying_goes_on_with_other_stations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms_gateway.retrying._FIRST_PAUSE_S", 0.001)
    bus = FakeBus()
    bus.refused = {"a": BusUnavailable("no leader")}
    subject, task = await retrying(bus)
    others = ["b", "c", alike("a")]
    for name in ("a", *others):
        subject.put(outgoing(name))
    async with asyncio.timeout(5):
        while set(bus.names) != set(others):  # noqa: ASYNC110 a bus that remembers tells nobody
            await asyncio.sleep(0)
    bus.refused = {}
    await subject.drain()
    task.cancel()
    assert "a" in bus.names


async def test_retrying_gives_up_what_is_refused_for_good() -> None:
    bus = FakeBus()
    bus.refused = {"a": RecordTooLarge("too large")}
    subject, task = await retrying(bus)
    subject.put(outgoing("a"))
    await asyncio.wait_for(subject.drain(), 5)
    task.cancel()
    assert bus.names == []


async def test_retrying_gives_up_what_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms_gateway.retrying._FIRST_PAUSE_S", 0.001)
    bus = FakeBus()
    bus.failure = BusUnavailable("down")
    subject, task = await retrying(bus, max_age_s=0.005)
    subject.put(outgoing("a"))
    await asyncio.wait_for(subject.drain(), 5)
    bus.failure = None
    subject.put(outgoing("b"))
    await subject.drain()
    task.cancel()
    assert bus.names == ["b"]


@pytest.mark.parametrize(
    ("failures", "event"),
    [
        ([RecordTooLarge("too large")], "record lost"),
        ([BusUnavailable("not acknowledged")], "record given up, it may have been published"),
        ([BusUnavailable("no"), RecordTooLarge("no")], "record given up, it may have been published"),
    ],
)
async def test_retrying_says_lost_only_of_what_cannot_have_been_published(
    failures: list[BusError], event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms_gateway.retrying._FIRST_PAUSE_S", 0.001)
    told = iter(failures)

    class Failing(FakeBus):
        async def publish(self, _records: Sequence[Outgoing], _settled: Settled | None = None) -> None:
            raise next(told)

    subject, task = await retrying(Failing(), max_age_s=60 if len(failures) > 1 else 0)
    with capture_logs() as logs:
        subject.put(outgoing("a"))
        await asyncio.wait_for(subject.drain(), 5)
    task.cancel()
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [event]


async def test_what_was_never_given_to_the_bus_is_lost_when_the_gateway_stops() -> None:
    bus = FakeBus()
    bus.gate.clear()
    subject, task = await retrying(bus)
    subject.put(outgoing("a"))
    await bus.entered.wait()
    subject.put(outgoing("a"))
    with capture_logs() as logs:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [entry["event"] for entry in logs] == ["record given up, it may have been published", "record lost"]


async def test_retrying_gives_up_the_oldest_beyond_its_bound() -> None:
    bus = FakeBus()
    subject, task = await retrying(bus, max_records=2)
    for name in "abc":
        subject.put(outgoing(name))
    await subject.drain()
    task.cancel()
    assert sorted(bus.names) == ["b", "c"]
