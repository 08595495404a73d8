"""The outbox: in order, at least once, whatever fails in between."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_db import outbox, quota
from csms_db.engine import Database
from csms_db.outbox import Failure, OutboxRecord, OutboxRelay, Publish, SetAside, aside, relay
from csms_runtime import metrics
from csms_runtime.clock import utcnow
from csms_testing.postgres import LocalPostgres

Models = SimpleNamespace


class Published:
    """A bus that remembers, and fails when told to."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.records: list[OutboxRecord] = []
        self.away = 0
        """How many calls publish nothing."""
        self.unacknowledged = 0
        """How many calls publish all and do not know it."""
        self.failing: dict[str | None, Failure] = {}
        """Keys whose records fail."""
        self._changed = asyncio.Condition()

    async def publish(self, records: Sequence[OutboxRecord]) -> Mapping[int, Failure]:
        if self.away:
            self.away -= 1
            return dict.fromkeys(range(len(records)), Failure("the bus is away", final=False))
        failures = {at: self.failing[record.key] for at, record in enumerate(records) if record.key in self.failing}
        passed = [record for at, record in enumerate(records) if at not in failures]
        async with self._changed:
            self.ids += [Record.FromString(record.value).record_id for record in passed]
            self.records += passed
            self._changed.notify_all()
        if self.unacknowledged:
            self.unacknowledged -= 1
            return dict.fromkeys(range(len(records)), Failure("not acknowledged", final=False))
        return failures

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.ids) >= count)


@pytest.fixture
def published() -> Published:
    return Published()


def records(*ids: str) -> list[Outgoing]:
    return [Outgoing("events.things", Record(record_id=name, station_id="CS1")) for name in ids]


async def commit(database: Database, models: Models, *ids: str) -> None:
    async with database.transaction() as session:
        await outbox.add(session, models.outbox, records(*ids))


async def left(database: Database, models: Models) -> int:
    async with database.reading() as session:
        return int(await session.scalar(sa.select(sa.func.count()).select_from(models.outbox)) or 0)


async def emptied(database: Database, models: Models) -> None:
    async with asyncio.timeout(10):
        while await left(database, models):  # noqa: ASYNC110 a table tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(database: Database, models: Models, publish: Publish) -> AsyncIterator[OutboxRelay]:
    stop = asyncio.Event()
    started = OutboxRelay(database, models.outbox, publish)
    async with asyncio.TaskGroup() as group:
        group.create_task(started.run(stop))
        yield started
        stop.set()


async def test_publishes_in_order_what_was_committed(database: Database, models: Models, published: Published) -> None:
    await commit(database, models, "1", "2")
    await commit(database, models, "3")
    async with running(database, models, published.publish):
        await published.until(3)
        await emptied(database, models)
    assert published.ids == ["1", "2", "3"]


async def test_wake_is_faster_than_the_poll(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "POLL_S", 60.0)
    async with running(database, models, published.publish) as started:
        for number in range(3):
            await commit(database, models, str(number))
            started.wake()
            await published.until(number + 1)


async def test_poll_finds_what_nobody_woke_for(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "POLL_S", 0.02)
    async with running(database, models, published.publish):
        await commit(database, models, "1")
        await published.until(1)


async def test_rolled_back_records_are_never_published(
    database: Database, models: Models, published: Published
) -> None:
    async def fail() -> None:
        async with database.transaction() as session:
            await outbox.add(session, models.outbox, records("never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await commit(database, models, "1")
    async with running(database, models, published.publish):
        await published.until(1)
    assert published.ids == ["1"]


async def test_many_batches(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 7)
    ids = [str(number) for number in range(50)]
    await commit(database, models, *ids)
    async with running(database, models, published.publish):
        await published.until(50)
        await emptied(database, models)
    assert published.ids == ids


async def test_bus_away_for_a_while(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_MIN_BACKOFF_S", 0.01)
    published.away = 2
    await commit(database, models, "1", "2")
    async with running(database, models, published.publish):
        await published.until(2)
    assert published.ids == ["1", "2"]


async def test_published_but_not_acknowledged_is_published_again(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_MIN_BACKOFF_S", 0.01)
    published.unacknowledged = 1
    await commit(database, models, "1", "2")
    async with running(database, models, published.publish):
        await published.until(4)
        await emptied(database, models)
    assert published.ids == ["1", "2", "1", "2"]


async def test_crash_between_publishing_and_deleting(database: Database, models: Models, published: Published) -> None:
    class CrashError(Exception):
        pass

    async def crash(records: Sequence[OutboxRecord]) -> Mapping[int, Failure]:
        await published.publish(records)
        raise CrashError

    await commit(database, models, "1")
    with pytest.raises(CrashError):
        await OutboxRelay(database, models.outbox, crash).run(asyncio.Event())
    assert await left(database, models) == 1
    async with running(database, models, published.publish):
        await published.until(2)
        await emptied(database, models)
    assert published.ids == ["1", "1"]


async def of_stations(database: Database, models: Models, *named: tuple[str, str]) -> None:
    async with database.transaction() as session:
        sent = [Outgoing("events.things", Record(record_id=name, station_id=station)) for station, name in named]
        await outbox.add(session, models.outbox, sent)


async def test_refused_record_is_set_aside_and_holds_up_nothing(
    database: Database, models: Models, published: Published
) -> None:
    published.failing = {"CS1": Failure("too large", final=True)}
    await of_stations(database, models, ("CS1", "1"), ("CS2", "2"), ("CS1", "3"), ("CS3", "4"))
    aside = SetAside(database, models.outbox)
    async with running(database, models, published.publish) as started:
        await published.until(2)
        await emptied(database, models)
        assert published.ids == ["2", "4"]
        newest, oldest = await aside.page(limit=10, before=None)
        assert (oldest.topic, oldest.key, oldest.reason) == ("events.things", "CS1", "too large")
        assert newest.id > oldest.id
        assert [row.id for row in await aside.page(limit=10, before=newest.id)] == [oldest.id]
        published.failing = {}
        assert await aside.replay(oldest.id)
        started.wake()
        await published.until(3)
    assert published.ids == ["2", "4", "1"]
    assert not await aside.replay(oldest.id)
    assert await aside.delete(newest.id)
    assert await aside.find(newest.id) is None


async def test_record_that_cannot_be_published_for_now_holds_up_only_its_own_key(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 2)
    monkeypatch.setattr(relay, "_MIN_BACKOFF_S", 0.01)
    published.failing = {"CS1": Failure("no leader", final=False)}
    await of_stations(database, models, *(("CS1", f"a{number}") for number in range(5)), ("CS2", "b0"))
    async with running(database, models, published.publish) as started:
        await published.until(1)
        await of_stations(database, models, ("CS1", "a5"), ("CS2", "b1"))
        started.wake()
        await published.until(2)
        assert published.ids == ["b0", "b1"]
        published.failing = {}
        await published.until(8)
        await emptied(database, models)
    assert published.ids == ["b0", "b1", *(f"a{number}" for number in range(6))]


async def test_batches_are_bounded_in_bytes(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_BATCH_BYTES", 100)
    batches: list[int] = []

    async def count(records: Sequence[OutboxRecord]) -> Mapping[int, Failure]:
        batches.append(len(records))
        return await published.publish(records)

    await commit(database, models, *("x" * 40 for _ in range(4)), "y" * 200)
    async with running(database, models, count):
        await published.until(5)
        await emptied(database, models)
    assert batches == [2, 2, 1]


async def test_what_is_set_aside_is_bounded(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "_MOST_BYTES_PER_KEY", 2000)
    monkeypatch.setattr(aside, "_MOST_BYTES", 3500)
    monkeypatch.setattr(quota, "_STEP_ROWS", 1)
    published.failing = dict.fromkeys(("CS1", "CS2", "CS3"), Failure("too large", final=True))
    for station in ("CS2", "CS1", "CS3"):
        await of_stations(database, models, *((station, f"{station}{number}" + "x" * 900) for number in range(3)))
    async with running(database, models, published.publish):
        await emptied(database, models)
    kept = await SetAside(database, models.outbox).page(limit=10, before=None)
    assert [row.key for row in kept] == ["CS3", "CS3", "CS1"]


async def test_stops_while_the_bus_hangs_and_keeps_the_record(database: Database, models: Models) -> None:
    hanging = asyncio.Event()

    async def hang(_records: Sequence[OutboxRecord]) -> Mapping[int, Failure]:
        hanging.set()
        await asyncio.Event().wait()
        return {}

    await commit(database, models, "1")
    task = asyncio.create_task(OutboxRelay(database, models.outbox, hang).run(asyncio.Event()))
    await hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await left(database, models) == 1


async def test_keeps_topic_key_and_partition(database: Database, models: Models, published: Published) -> None:
    sent = Outgoing("devices.inbox", Record(record_id="1"), partition=7, key="k")
    async with database.transaction() as session:
        await outbox.add(session, models.outbox, [sent])
    async with running(database, models, published.publish):
        await published.until(1)
    assert published.records == [OutboxRecord("devices.inbox", "k", 7, sent.record.SerializeToString())]


async def test_no_tombstones(database: Database, models: Models) -> None:
    async with database.transaction() as session:
        with pytest.raises(ValueError, match="tombstone"):
            await outbox.add(session, models.outbox, [Outgoing("t", Record(), tombstone=True)])
        await outbox.add(session, models.outbox, [])


async def test_tells_how_much_waits(database: Database, models: Models, published: Published) -> None:
    await commit(database, models, "1", "2")
    seen: list[float] = []

    async def look(records: Sequence[OutboxRecord]) -> Mapping[int, Failure]:
        seen.append(metrics.OUTBOX_RECORDS.labels("things")._value.get())
        return await published.publish(records)

    async with running(database, models, look):
        await published.until(2)
        await emptied(database, models)
    assert seen == [2.0]


async def test_a_long_outbox_is_not_counted(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MOST_COUNTED", 3)
    names = [str(number) for number in range(10)]
    await commit(database, models, *names)
    long_ago = utcnow() - timedelta(hours=2)
    async with database.transaction() as session:
        first = sa.select(sa.func.min(models.outbox.c.id)).scalar_subquery()
        await session.execute(sa.update(models.outbox).values(created_at=long_ago).where(models.outbox.c.id == first))
    seen: list[tuple[float, float]] = []

    async def look(records: Sequence[OutboxRecord]) -> Mapping[int, Failure]:
        gauges = (metrics.OUTBOX_RECORDS, metrics.OUTBOX_AGE_SECONDS)
        seen.append(tuple(gauge.labels("things")._value.get() for gauge in gauges))
        return await published.publish(records)

    async with running(database, models, look):
        await published.until(10)
        await emptied(database, models)
    assert seen[0][0] == 3
    assert seen[0][1] == pytest.approx(7200, abs=60)


@pytest.mark.postgres
async def test_two_processes_publish_each_record_once_and_in_order(
    on_server: Database, server: LocalPostgres, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 3)
    other = Database(server.url, on_server.name)
    ids = [str(number) for number in range(60)]
    async with (
        running(on_server, models, published.publish) as first,
        running(other, models, published.publish) as second,
    ):
        for name in ids:
            await commit(on_server, models, name)
            first.wake()
            second.wake()
        await published.until(60)
        await emptied(on_server, models)
    await other.close()
    assert published.ids == ids


@pytest.mark.postgres
async def test_outlives_the_database(
    on_server: Database, server: LocalPostgres, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_MIN_BACKOFF_S", 0.05)
    async with running(on_server, models, published.publish) as started:
        await commit(on_server, models, "1")
        started.wake()
        await published.until(1)
        await emptied(on_server, models)
        server.kill()
        started.wake()
        await asyncio.to_thread(server.start)
        await commit(on_server, models, "2")
        await published.until(2)
    assert published.ids == ["1", "2"]
