"""Remote requests that are older than they are to be kept are deleted, and no others."""

import asyncio
from datetime import timedelta

import pytest
from csms_runtime.clock import utcnow
from csms_transactions import retention
from csms_transactions.retention import Retention
from csms_transactions.settings import TransactionSettings
from csms_transactions.store import remote_requests, tables
from csms_transactions.store.remote_requests import RemoteRequest
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


async def test_what_is_too_old_goes(database, add, noted):
    await add("old", days=31)
    await add("recent", days=29)
    assert await Retention(database, 30).apply() == 1
    assert await noted() == ["recent"]
    assert await Retention(database, 30).apply() == 0


async def test_as_many_batches_as_it_takes_but_not_without_end(database, add, noted, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "MAX_BATCHES", 2)
    for number in range(6):
        await add(f"call-{number}", days=40, minutes=number)
    assert await Retention(database, 30).apply() == 4
    assert await noted() == ["call-0", "call-1"]  # the oldest went first
    assert await Retention(database, 30).apply() == 2


async def test_it_runs_until_it_is_stopped(database, add, noted):
    await add("old", days=31)
    stop = asyncio.Event()
    running = asyncio.create_task(Retention(database, 30).run(stop))
    async with asyncio.timeout(10):
        while await noted():  # noqa: ASYNC110 a database tells nobody
            await asyncio.sleep(0.01)
        stop.set()
        await running


async def test_0_keeps_them_for_ever(database, add, noted):
    await add("old", days=1000)
    async with asyncio.timeout(10):
        await Retention(database, 0).run(asyncio.Event())
    assert await noted() == ["old"]


def test_default():
    assert TransactionSettings().keep_remote_requests_days == 90
