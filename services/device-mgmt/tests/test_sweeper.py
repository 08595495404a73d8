import asyncio
from datetime import timedelta

import pytest
from csms_device_mgmt.store import calls, reports
from csms_device_mgmt.sweeper import GRACE, Sweeper
from csms_runtime.clock import utcnow


def columns(call_id, deadline_at, action="Reset", request=None):
    return {
        "call_id": call_id,
        "station_id": "CS1",
        "action": action,
        "protocol": "ocpp2.0.1",
        "request": request or {},
        "state": "open",
        "origin": "device-mgmt",
        "created_at": deadline_at - timedelta(seconds=30),
        "deadline_at": deadline_at,
    }


@pytest.fixture
def sweeper(units):
    return Sweeper(units, interval_s=0.01)


async def test_only_calls_long_overdue_are_ended(units, sweeper):
    now = utcnow()
    async with units.open() as unit:
        await calls.add(unit.session, columns("old", now - GRACE - timedelta(seconds=1)))
        await calls.add(unit.session, columns("recent", now - GRACE + timedelta(seconds=30)))
    assert await sweeper.sweep() == 1
    assert await sweeper.sweep() == 0
    async with units.reading() as session:
        old, recent = await calls.find(session, "old"), await calls.find(session, "recent")
    assert (old.state, old.outcome) == ("completed", "timeout")
    assert old.completed_at is not None
    assert recent.state == "open"


async def test_a_report_that_nobody_waits_for_failed(units, sweeper):
    then = utcnow() - timedelta(hours=1)
    async with units.open() as unit:
        await calls.add(unit.session, columns("c", then, "GetBaseReport", {"requestId": 3}))
        await reports.begin(unit.session, "CS1", 3, kind="GetBaseReport", call_id="c", now=then)
    await sweeper.sweep()
    async with units.reading() as session:
        assert (await reports.find(session, "CS1", 3)).status == "failed"


async def test_it_goes_on_until_it_is_stopped(units, sweeper):
    stop = asyncio.Event()
    running = asyncio.create_task(sweeper.run(stop))
    async with units.open() as unit:
        await calls.add(unit.session, columns("old", utcnow() - timedelta(hours=1)))

    async def ended():
        async with units.reading() as session:
            return (await calls.find(session, "old")).state == "completed"

    async with asyncio.timeout(10):
        while not await ended():  # noqa: ASYNC110 a database tells nobody
            await asyncio.sleep(0.01)
    stop.set()
    await running
