"""Who locks several rows does so in one order, so that nobody deadlocks: whatever the database's collation is."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from csms_db.engine import Database
from csms_db.migrations import upgrade
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.history import history_rows, old_rows
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Call, Station
from csms_runtime.clock import utcnow
from csms_testing.databases import in_thread

IDS = ["CS-1", "CS-C", "CS-a", "CSA", "CS_1", "cs-b"]
"""In the order of Python; any language has another one."""


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database(test_databases):
    """A database whose texts are in the order of a language, with stations."""
    url = test_databases.empty_postgresql("en-US")
    in_thread(lambda: upgrade(url, "devices", "csms_device_mgmt"))
    opened = Database(url, "devices")
    async with opened.transaction() as session:
        rows = [station_rows.new_station(name, Registration.ACCEPTED, 1, utcnow()) for name in IDS]
        await station_rows.create_many(session, rows)
    yield opened
    await opened.close()
    test_databases.discard(url)


async def test_rows_are_locked_in_pythons_order(database):
    async with database.transaction() as session:
        found = await session.scalars(sa.select(Station.station_id).order_by(Station.station_id))
        assert list(found) != sorted(IDS), "the database orders as Python does: this test shows nothing"
        assert list(await station_rows.lock(session, IDS)) == sorted(IDS)
        now = utcnow()
        await station_rows.seen(session, dict.fromkeys(IDS, now))


@pytest.mark.parametrize(
    "lock",
    [
        station_rows.lock,
        station_rows.hold,
        lambda session, ids: station_rows.seen(session, dict.fromkeys(ids, utcnow())),
        lambda session, ids: history_rows.grow(session, dict.fromkeys(ids, 1)),
    ],
    ids=["lock", "hold", "seen", "grow"],
)
async def test_who_waits_for_a_row_holds_those_before_it_alone(database, lock):
    """Somebody else has the row in the middle: of the others exactly those before it are locked then."""
    middle = sorted(IDS)[2]
    async with database.transaction() as holder:
        await station_rows.lock(holder, [middle])

        async def locking():
            async with database.transaction() as session:
                await lock(session, IDS)

        waiting = asyncio.create_task(locking())
        await until_somebody_waits(database)
        assert await free_rows(database) == sorted(IDS)[3:]
    await waiting


async def test_what_is_too_old_is_not_locked_before_its_station(database):
    before = utcnow() - timedelta(days=30)
    async with database.transaction() as session:
        assert await call_rows.add(session, old_call("CS-1", before - timedelta(days=1)))
    async with database.transaction() as consumer:
        await station_rows.lock(consumer, ["CS-1"])

        async def deleting():
            async with database.transaction() as session:
                return await old_rows.delete_calls(session, before, 10)

        waiting = asyncio.create_task(deleting())
        await until_somebody_waits(database)
        changed = sa.update(Call).where(Call.call_id == "old").values(action="Reset")
        await consumer.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
        await consumer.execute(changed)  # a deadlock, if the row were locked already
    assert await waiting == 1


def old_call(station_id, at):
    return {
        "call_id": "old",
        "station_id": station_id,
        "action": "Reset",
        "protocol": "ocpp2.0.1",
        "request": {},
        "state": "completed",
        "origin": "device-mgmt",
        "created_at": at,
        "deadline_at": at,
    }


async def until_somebody_waits(database):
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while True:
            async with database.reading() as session:
                if await session.scalar(waiting):
                    return


async def free_rows(database):
    statement = sa.select(Station.station_id).with_for_update(skip_locked=True)
    async with database.transaction() as session:
        return sorted(await session.scalars(statement))
