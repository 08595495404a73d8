import asyncio
from datetime import timedelta

import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import Outcome
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.call_rows import CallOutcome, Completion
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.security_profile import profile_changes
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.sweeper import Sweeper
from csms_device_mgmt.tables import OUTBOX
from csms_runtime.clock import utcnow
from sqlalchemy import select


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


async def test_only_calls_a_minute_overdue_are_ended(units, sweeper):
    """Until then their outcome may still be on the bus; the minute is written here, not taken from the code."""
    now = utcnow()
    async with units.open() as unit:
        await call_rows.add(unit.session, columns("old", now - timedelta(seconds=61)))
        await call_rows.add(unit.session, columns("recent", now - timedelta(seconds=40)))
    assert await sweeper.sweep() == 1
    assert await sweeper.sweep() == 0
    async with units.reading() as session:
        old, recent = await call_rows.find(session, "old"), await call_rows.find(session, "recent")
    assert (old.state, old.outcome) == ("completed", "unknown")
    assert old.completed_at is not None
    assert recent.state == "open"


async def test_of_many_some_are_ended_at_a_time(units, sweeper, monkeypatch):
    monkeypatch.setattr("csms_device_mgmt.sweeper.AT_ONCE", 2)
    then = utcnow() - timedelta(hours=1)
    async with units.open() as unit:
        for number in range(5):
            await call_rows.add(unit.session, columns(f"c{number}", then))
    assert await sweeper.sweep() == 5
    assert await sweeper.sweep() == 0


async def test_a_result_that_comes_meanwhile_is_not_waited_for_in_a_circle(
    units, sweeper, with_station, database, monkeypatch
):
    """Whoever handles a result holds the station's row when it asks for the call's."""
    await with_station()
    lock, waiting = station_rows.lock, asyncio.Event()

    async def watched(session, station_ids):
        waiting.set()
        return await lock(session, station_ids)

    then = utcnow() - timedelta(hours=1)
    async with units.open() as unit:
        await call_rows.add(unit.session, columns("c", then, "SetVariables", {"setVariableData": []}))
    async with units.open() as unit:
        held = await station_rows.lock(unit.session, ["CS1"])
        monkeypatch.setattr(station_rows, "lock", watched)
        sweeping = asyncio.create_task(sweeper.sweep())
        if database.dialect == "postgresql":  # SQLite lets it begin when we are done
            await waiting.wait()
        row = await call_rows.lock(unit.session, "c")
        call_rows.complete(row, Completion(CallOutcome.RESULT, unit.now, response={}))
        del held
    assert await sweeping == 0
    async with units.reading() as session:
        assert (await call_rows.find(session, "c")).outcome == "result"


async def test_a_report_that_nobody_waits_for_failed(units, sweeper):
    then = utcnow() - timedelta(hours=1)
    async with units.open() as unit:
        await call_rows.add(unit.session, columns("c", then, "GetBaseReport", {"requestId": 3}))
        await report_rows.begin(unit.session, "CS1", 3, kind="GetBaseReport", call_id="c", now=then)
    await sweeper.sweep()
    async with units.reading() as session:
        assert (await report_rows.find(session, "CS1", 3)).status == "failed"


async def test_it_reminds_stations(sweeper, monkeypatch):
    reminded = asyncio.Event()

    async def remind(_unit):
        reminded.set()

    monkeypatch.setattr(profile_changes, "remind", remind)
    stop = asyncio.Event()
    running = asyncio.create_task(sweeper.run(stop))
    async with asyncio.timeout(10):
        await reminded.wait()
        stop.set()
        await running


async def test_it_goes_on_until_it_is_stopped(units, sweeper):
    stop = asyncio.Event()
    running = asyncio.create_task(sweeper.run(stop))
    async with units.open() as unit:
        await call_rows.add(unit.session, columns("old", utcnow() - timedelta(hours=1)))

    async def ended():
        async with units.reading() as session:
            return (await call_rows.find(session, "old")).state == "completed"

    async with asyncio.timeout(10):
        while not await ended():  # noqa: ASYNC110 a database tells nobody
            await asyncio.sleep(0.01)
    stop.set()
    await running


async def test_who_ordered_a_call_is_told_that_nothing_came_of_it(units, sweeper, database):
    then = utcnow() - timedelta(hours=1)
    ordered = {**columns("a", then, "TriggerMessage"), "origin": "auth", "requested_by": "auth"}
    for_somebody = {**columns("b", then), "origin": "transactions", "requested_by": "support"}
    async with units.open() as unit:
        for row in (ordered, for_somebody):
            await call_rows.add(unit.session, row)
    assert await sweeper.sweep() == 2
    async with database.reading() as session:
        told = [Record.FromString(row.record) for row in await session.execute(select(OUTBOX))]
    ended = {record.event.command_completed.call_id for record in told if record.HasField("event")}
    assert ended == {"a", "b"}
    told = [record for record in told if record.HasField("command_result")]
    results = {record.command_result.command.correlation_id: record.command_result for record in told}
    assert {name: result.command.origin for name, result in results.items()} == {"a": "auth", "b": "transactions"}
    assert all(result.outcome == Outcome.OUTCOME_UNKNOWN for result in results.values())
