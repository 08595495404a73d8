"""What is older than it is to be kept is deleted, and nothing else."""

import asyncio
from datetime import timedelta

import pytest
from csms_db.retention import Kept, Retention
from csms_runtime.clock import utcnow
from csms_transactions.settings import TransactionSettings
from csms_transactions.store import remote_requests, tables
from csms_transactions.store import retention as store_retention
from csms_transactions.store.meter_values import ROW_BYTES
from csms_transactions.store.remote_requests import RemoteRequest
from csms_transactions.store.retention import OldMeterValues, OldTransactions
from sqlalchemy import select


@pytest.fixture
def noted(database):
    async def ids():
        async with database.reading() as session:
            return sorted(await session.scalars(select(tables.remote_requests.c.call_id)))

    return ids


@pytest.fixture
def add(database):
    async def insert(call_id, **age):
        request = RemoteRequest(call_id, "CS1", "RequestStopTransaction", utcnow() - timedelta(**age))
        async with database.transaction() as session:
            await remote_requests.add(session, request)

    return insert


@pytest.fixture
def retention(database):
    def make(days, **limits):
        return Retention(database, [Kept("remote_requests", days, remote_requests.delete_old)], **limits)

    return make


async def test_what_is_too_old_goes(retention, add, noted):
    await add("old", days=31)
    await add("recent", days=29)
    assert await retention(30).apply() == {"remote_requests": 1}
    assert await noted() == ["recent"]
    assert await retention(30).apply() == {}


async def test_as_many_batches_as_it_takes_but_not_without_end(retention, add, noted):
    few = retention(30, batch=2, most_batches=2)
    for number in range(6):
        await add(f"call-{number}", days=40, minutes=number)
    assert await few.apply() == {"remote_requests": 4}
    assert await noted() == ["call-0", "call-1"]  # the oldest went first
    assert await few.apply() == {"remote_requests": 2}


async def test_it_runs_until_it_is_stopped(retention, add, noted):
    await add("old", days=31)
    stop = asyncio.Event()
    running = asyncio.create_task(retention(30).run(stop))
    async with asyncio.timeout(10):
        while await noted():  # noqa: ASYNC110 a database tells nobody
            await asyncio.sleep(0.01)
        stop.set()
        await running


async def test_0_keeps_them_for_ever(retention, add, noted):
    await add("old", days=1000)
    async with asyncio.timeout(10):
        await retention(0).run(asyncio.Event())
    assert await noted() == ["old"]


def test_default():
    assert TransactionSettings().keep_remote_requests_days == 90


def old_transaction(key, age, *, state="Ended"):
    at = utcnow() - timedelta(days=age)
    row = {"id": key, "station_id": "CS1", "transaction_id": key, "state": state, "started_at": at, "updated_at": at}
    row |= {"ended_at": at if state == "Ended" else None, "last_seq_no": 0, "event_count": 1, "gaps": []}
    return row | {"started_seen": True, "offline_events": 0}


def old_event(key, seq_no, age):
    at = utcnow() - timedelta(days=age)
    row = {"transaction": key, "seq_no": seq_no, "protocol": "ocpp2.0.1", "event_type": "Updated"}
    return row | {"trigger_reason": "Trigger", "timestamp": at, "offline": False, "received_at": at, "payload": b"{}"}


async def insert(database, table, *rows):
    async with database.transaction() as session:
        await session.execute(table.insert(), list(rows))


async def left(database, table):
    async with database.reading() as session:
        return sorted((await session.scalars(select(next(iter(table.primary_key.columns))))).all())


async def test_transactions_that_ended_long_ago_go_with_their_events(database):
    await insert(
        database,
        tables.transactions,
        old_transaction("old", 31),
        old_transaction("recent", 29),
        old_transaction("running", 31, state="Active"),
    )
    names = ("old", "recent", "running")
    await insert(
        database, tables.transaction_events, *(old_event(name, number, 31) for name in names for number in (0, 1))
    )
    assert await Retention(database, [old_transactions()]).apply() == {"transactions": 3}  # its events count, too
    assert await left(database, tables.transactions) == ["recent", "running"]
    assert await left(database, tables.transaction_events) == ["recent", "recent", "running", "running"]


async def test_a_transaction_of_many_events_goes_step_by_step(database):
    await insert(database, tables.transactions, old_transaction("old", 31))
    await insert(database, tables.transaction_events, *(old_event("old", number, 31) for number in range(7)))
    few = Retention(database, [old_transactions()], batch=3, most_batches=1)
    for events in (4, 1, 0):
        assert await left(database, tables.transactions) == ["old"]
        await few.apply()
        assert len(await left(database, tables.transaction_events)) == events
    assert await left(database, tables.transactions) == []


async def test_what_comes_late_is_kept_from_when_it_came(database):
    late = old_transaction("late", 400) | {"updated_at": utcnow() - timedelta(days=29)}
    await insert(database, tables.transactions, late)
    await insert(database, tables.transaction_events, old_event("late", 0, 400))
    assert await Retention(database, [old_transactions()]).apply() == {}
    assert await left(database, tables.transaction_events) == ["late"]


async def test_a_backlog_of_any_size_goes_without_waiting_for_the_next_minute(database):
    await insert(database, tables.transactions, *(old_transaction(f"tx-{number}", 31) for number in range(30)))
    behind = Retention(database, [old_transactions()], batch=10, most_batches=2)
    stop = asyncio.Event()
    running = asyncio.create_task(behind.run(stop, interval_s=3600))
    async with asyncio.timeout(10):
        while await left(database, tables.transactions):  # noqa: ASYNC110 a database tells nobody
            await asyncio.sleep(0.01)
        stop.set()
        await running


async def test_one_kind_with_a_backlog_holds_up_no_other(database, add, noted):
    await add("old", days=31)
    await insert(database, tables.transactions, *(old_transaction(f"tx-{number}", 31) for number in range(9)))
    requests = Kept("remote_requests", 30, remote_requests.delete_old)
    await Retention(database, [old_transactions(), requests], batch=10, most_batches=1).apply()
    assert await noted() == []
    assert len(await left(database, tables.transactions)) == 8


async def test_deleting_ends_when_the_process_is_to_end(database):
    await insert(database, tables.transactions, *(old_transaction(f"tx-{number}", 31) for number in range(9)))
    stop = asyncio.Event()
    stop.set()
    assert await Retention(database, [old_transactions()], batch=10).apply(stop) == {}


def old_transactions():
    kind = OldTransactions()
    return Kept("transactions", 30, kind.delete, kind.unfinished)


def message(number, station_id, age):
    at = utcnow() - timedelta(days=age)
    row = {"id": f"{number}", "station_id": station_id, "evse_id": 1, "timestamp": at, "received_at": at}
    return row | {"payload": b"12345"}


async def test_old_meter_values_go_and_their_bytes_are_not_counted_any_more(database):
    ages = ((0, "CS1", 31), (1, "CS1", 29), (2, "CS2", 31), (3, "CS3", 29))
    await insert(database, tables.meter_values, *(message(*one) for one in ages))
    each = 5 + ROW_BYTES
    sizes = {"CS1": 2 * each, "CS2": each, "CS3": each}
    await insert(
        database, tables.meter_value_bytes, *({"station_id": name, "bytes": size} for name, size in sizes.items())
    )
    old = Retention(database, [Kept("meter_values", 30, OldMeterValues().delete)])
    assert await old.apply() == {"meter_values": 2}
    assert await left(database, tables.meter_values) == ["1", "3"]
    async with database.reading() as session:
        counted = dict((await session.execute(select(tables.meter_value_bytes))).all())
    assert counted == {"CS1": each, "CS3": each}


async def test_the_meter_values_of_all_stations_are_looked_at_in_turn(database, monkeypatch):
    monkeypatch.setattr(store_retention, "STATIONS", 2)
    names = [f"CS{number}" for number in range(5)]
    await insert(database, tables.meter_values, *(message(number, name, 31) for number, name in enumerate(names)))
    await insert(database, tables.meter_value_bytes, *({"station_id": name, "bytes": 255} for name in names))
    kind = OldMeterValues()
    each = Retention(database, [Kept("meter_values", 30, kind.delete)])
    assert [await each.apply() for _ in range(4)] == [{"meter_values": 2}, {"meter_values": 2}, {"meter_values": 1}, {}]
    assert await left(database, tables.meter_values) == []


async def test_all_stations_are_looked_at_in_one_go_and_again_after_an_hour(database, monkeypatch):
    monkeypatch.setattr(store_retention, "STATIONS", 2)
    kind, now = OldMeterValues(), utcnow()
    monkeypatch.setattr(store_retention, "utcnow", lambda: now)
    old = Retention(database, [Kept("meter_values", 30, kind.delete, kind.unfinished)])
    for round_number in range(2):
        names = [f"CS{round_number}{number}" for number in range(5)]
        await insert(database, tables.meter_values, *(message(name, name, 31) for name in names))
        await insert(database, tables.meter_value_bytes, *({"station_id": name, "bytes": 255} for name in names))
        if round_number:
            assert await old.apply() == {}, "it rests"
            now += store_retention.ROUND
        assert await old.apply() == {"meter_values": 5}
    assert await left(database, tables.meter_values) == []


async def test_a_clock_in_the_past_costs_no_message(database):
    """What has just come stays, whatever the station says when it measured."""
    await insert(database, tables.meter_values, message(1, "CS1", 31) | {"received_at": utcnow()})
    await insert(database, tables.meter_value_bytes, {"station_id": "CS1", "bytes": 255})
    assert await Retention(database, [Kept("meter_values", 30, OldMeterValues().delete)]).apply() == {}


def test_defaults_of_what_else_is_kept():
    settings = TransactionSettings()
    assert (settings.keep_transactions_days, settings.keep_meter_values_days) == (0, 365)
