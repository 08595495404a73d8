"""A job from its selection to its end, on both databases."""

from datetime import timedelta

from csms_bus.memory import MemoryBus
from csms_device_mgmt.bulk import bulk_rows, working
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.bulk.working import Work
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.call_rows import CallOutcome, Completion
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.deliveries import waiting
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import BulkJob

CONNECTED = {
    "connection_open": True,
    "connection_slot": 0,
    "connection_epoch": 100,
    "connection_id": "a",
    "connection_number": 1,
    "registration_status": "Accepted",
}


async def add_stations(units, **stations):
    async with units.open() as unit:
        for station_id, columns in stations.items():
            row = station_rows.new_station(station_id, waiting.Registration.ACCEPTED, 1, unit.now)
            assert await station_rows.create(unit.session, {**row, **columns})


async def add_job(units, **columns):
    async with units.open() as unit:
        fixed = {
            "bulk_id": "b1",
            "action": "Reset",
            "request": {"type": "OnIdle"},
            "sealed": bulk_rows.sealed(unit.sealer, "b1", {"type": "OnIdle"}),
            "selection": Selection(ids=["A", "B", "C", "nobody"]).stored(),
            "total": 0,
            "is_selected": False,
            "rate_per_s": 5000.0,
            "requested_by": "test",
            "state": "running",
            "counts": {},
            "created_at": unit.now,
        }
        unit.session.add(BulkJob(**{**fixed, **columns}))
    async with units.open() as unit:
        assert await bulk_rows.claim(unit.session, "me", unit.now, 1) == ["b1"]


async def turns(work, count):
    for _ in range(count):
        await work.turn()


async def results(units):
    async with units.reading() as session:
        found = await bulk_rows.results(session, "b1", limit=10, after=None, status=None)
    return {row["BulkTarget"].station_id: row["BulkTarget"] for row in found.rows}


async def test_a_job_ends_when_each_station_has_a_result(units, gateways, monkeypatch):
    monkeypatch.setattr(working, "ANSWERS_S", -1.0)
    await add_stations(
        units,
        A={**CONNECTED, "connection_protocol": "ocpp2.0.1"},
        B={**CONNECTED, "connection_protocol": "ocpp1.6"},
        C={"connection_protocol": "ocpp2.0.1"},
    )
    await add_job(units)
    async with units.reading() as session:
        assert await bulk_rows.unfinished(session) == 1
    work = Work(units, MemoryBus(), None, Presence(gateways), units.sealer, {}, "b1", "me")
    await turns(work, 6)  # it is selected, seen to be so, then commanded at its rate
    found = await results(units)
    assert {name: each.status for name, each in found.items()} == {
        "A": "open",
        "B": "refused",
        "C": "not_connected",
        "nobody": "refused",
    }
    assert (found["B"].refusal["status"], found["nobody"].refusal["status"]) == (422, 404)
    async with units.open() as unit:
        row = await call_rows.lock(unit.session, found["A"].call_id)
        assert (row.state, row.request, row.target_connection_id) == ("open", {"type": "OnIdle"}, "a")
        call_rows.complete(row, Completion(CallOutcome.RESULT, unit.now, response={"status": "Accepted"}))
    assert await work.turn() is None
    async with units.reading() as session:
        job = await bulk_rows.find(session, "b1")
    assert (job.state, job.sealed, job.counts) == (
        "completed",
        None,
        {"result": 1, "refused": 2, "not_connected": 1},
    )


async def test_calls_that_wait_are_deferred_and_cancelled_with_the_job(units, gateways, monkeypatch):
    monkeypatch.setattr(working, "ANSWERS_S", -1.0)
    await add_stations(units, A={"connection_protocol": "ocpp2.0.1"})
    async with units.open() as unit:
        until = unit.now + timedelta(hours=1)
    await add_job(units, selection=Selection(ids=["A"]).stored(), deliver_until=until)
    work = Work(units, MemoryBus(), None, Presence(gateways), units.sealer, {}, "b1", "me")
    await turns(work, 3)
    assert (await results(units))["A"].status == "deferred"
    async with units.open() as unit:
        (await bulk_rows.lock(unit.session, "b1")).state = "cancelled"
        await bulk_rows.claim(unit.session, "me", unit.now + timedelta(minutes=5), 1)
    await turns(Work(units, MemoryBus(), None, Presence(gateways), units.sealer, {}, "b1", "me"), 4)
    async with units.reading() as session:
        job = await bulk_rows.find(session, "b1")
        assert (await station_rows.find(session, "A")).waiting_calls == 0
    assert (job.counts, job.finished_at is None) == ({"cancelled": 1}, False)
