"""Remote requests that are older than they are to be kept are deleted, and no others."""

import asyncio
from datetime import timedelta

import pytest
from csms_db.retention import Kept, Retention
from csms_runtime.clock import utcnow
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
