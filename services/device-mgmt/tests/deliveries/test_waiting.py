"""What a connection and a boot do with calls that wait, and that two processes send each once."""

import asyncio
from datetime import timedelta

import pytest
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.command import Command
from csms_device_mgmt.commands.new_call import new_call
from csms_device_mgmt.deliveries import waiting, waiting_rows
from csms_device_mgmt.stations import station_rows
from csms_runtime.clock import utcnow

RESET = {"type": "OnIdle"}


@pytest.fixture
async def kept(units, with_station):
    """A call that waits for the station, which was accepted once."""
    await with_station(registration_status="Accepted")
    command = Command("call-1", "CS1", "ocpp2.0.1", "Reset", RESET, 5.0)
    async with units.open() as unit:
        until = unit.now + timedelta(hours=1)
        columns = await new_call(unit, command, None, requested_by="test")
        await call_rows.add(unit.session, {**columns, **waiting.columns(unit, command, until)})
        station = await station_rows.find(unit.session, "CS1")
        waiting.keep(unit, station, command, until)


async def due(units, when):
    async with units.reading() as session:
        return await waiting_rows.due(session, when, 10)


@pytest.mark.usefixtures("kept")
async def test_after_the_boot_it_follows_the_answer(apply, records, units):
    boot = records.boot()
    boot.station_call.connection_id = "a"
    await apply(records.connection("a"))
    assert await due(units, utcnow()) == []
    answer, command = (await apply(boot)).replies
    assert answer.record.HasField("reply")
    assert (command.record.station_command.correlation_id, command.record.station_command.connection_id) == (
        "call-1",
        "a",
    )
    again = (await apply(records.boot())).replies
    assert len(again) == 1  # it was sent
    async with units.reading() as session:
        row = await call_rows.find(session, "call-1")
        station = await station_rows.find(session, "CS1")
    assert (row.state, row.target_connection_id, station.waiting_calls) == ("open", "a", 0)


@pytest.mark.usefixtures("kept")
async def test_without_a_boot_it_is_due_a_moment_later(apply, records, units):
    await apply(records.connection("a"))
    assert await due(units, utcnow() + waiting.BOOTS_WITHIN) == ["CS1"]


@pytest.mark.usefixtures("kept")
async def test_a_station_that_is_not_accepted_gets_nothing(apply, records, units):
    await apply(records.connection("a"))
    async with units.open() as unit:
        station = (await station_rows.lock(unit.session, ["CS1"]))["CS1"]
        station.registration_status = "Pending"
        assert await waiting.deliver(unit, station) == []
    assert await due(units, utcnow() + timedelta(minutes=1)) == []


@pytest.mark.usefixtures("kept")
async def test_two_processes_send_it_once(apply, records, units):
    await apply(records.connection("a"))

    async def deliver():
        async with units.open() as unit:
            stations = await station_rows.lock(unit.session, ["CS1"])
            return await waiting.deliver(unit, stations["CS1"])

    sent = await asyncio.gather(deliver(), deliver())
    assert sorted(map(len, sent)) == [0, 1]
