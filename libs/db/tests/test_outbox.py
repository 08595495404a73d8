"""The outbox: in order, at least once, whatever fails in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms.v1.bus_pb2 import Record
from csms_bus.ports import BusUnavailable, Outgoing
from csms_db import outbox
from csms_db.engine import Database
from csms_db.outbox import OutboxRelay, relay
from csms_runtime import metrics
from csms_testing.postgres import LocalPostgres

Models = SimpleNamespace


class Published:
    """A bus that remembers, and fails when told to."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.records: list[Outgoing] = []
        self.failures: list[Exception] = []
        """Raised one per call, before anything is published."""
        self.failures_after: list[Exception] = []
        """Raised one per call, after all was published."""
        self._changed = asyncio.Condition()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        async with self._changed:
            self.ids += [outgoing.record.record_id for outgoing in records]
            self.records += records
            self._changed.notify_all()
        if self.failures_after:
            raise self.failures_after.pop(0)

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
async def running(
    database: Database, models: Models, publish: Callable[[Sequence[Outgoing]], Awaitable[None]]
) -> AsyncIterator[OutboxRelay]:
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
    published.failures = [BusUnavailable(), BusUnavailable()]
    await commit(database, models, "1", "2")
    async with running(database, models, published.publish):
        await published.until(2)
    assert published.ids == ["1", "2"]


async def test_published_but_not_acknowledged_is_published_again(
    database: Database, models: Models, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_MIN_BACKOFF_S", 0.01)
    published.failures_after = [BusUnavailable()]
    await commit(database, models, "1", "2")
    async with running(database, models, published.publish):
        await published.until(4)
        await emptied(database, models)
    assert published.ids == ["1", "2", "1", "2"]


async def test_crash_between_publishing_and_deleting(database: Database, models: Models, published: Published) -> None:
    class CrashError(Exception):
        pass

    published.failures_after = [CrashError()]
    await commit(database, models, "1")
    with pytest.raises(CrashError):
        await OutboxRelay(database, models.outbox, published.publish).run(asyncio.Event())
    assert await left(database, models) == 1
    async with running(database, models, published.publish):
        await published.until(2)
        await emptied(database, models)
    assert published.ids == ["1", "1"]


async def test_stops_while_the_bus_hangs_and_keeps_the_record(database: Database, models: Models) -> None:
    hanging = asyncio.Event()

    async def hang(_records: Sequence[Outgoing]) -> None:
        hanging.set()
        await asyncio.Event().wait()

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
    assert published.records == [sent]


async def test_no_tombstones(database: Database, models: Models) -> None:
    async with database.transaction() as session:
        with pytest.raises(ValueError, match="tombstone"):
            await outbox.add(session, models.outbox, [Outgoing("t", Record(), tombstone=True)])
        await outbox.add(session, models.outbox, [])


async def test_tells_how_much_waits(database: Database, models: Models, published: Published) -> None:
    await commit(database, models, "1", "2")
    seen: list[float] = []

    async def look(records: Sequence[Outgoing]) -> None:
        seen.append(metrics.OUTBOX_RECORDS.labels("things")._value.get())
        await published.publish(records)

    async with running(database, models, look):
        await published.until(2)
        await emptied(database, models)
    assert seen == [2.0]


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
