"""The service's life."""

import asyncio

from csms_testing.databases import database_fixture

database = database_fixture("csms_transactions", schema="transactions", dialects=["sqlite"])


async def test_it_is_healthy_while_it_works(world):
    await world.eventually(lambda: world.health.ready)
    parts = ("consumer", "results", "boots", "starts")
    assert set(world.health.components()) == {f"transactions-{part}" for part in parts}


async def test_who_waits_for_auth_is_answered_before_it_ends(database, make_world):
    world = make_world(database)
    world.auth.silent = True
    async with world.running():
        record, correlation_id = world.gateway.station_call("CS1", "TransactionEvent", world.event(0, token="TAG"))
        await world.bus.publish([record])
        await world.eventually(lambda: world.auth.requests)
    await world.eventually(lambda: correlation_id in world.gateway.replies)
    assert world.gateway.replies[correlation_id].error.code == "InternalError"


async def test_it_ends_when_it_is_told_to_before_it_has_begun(database, make_world):
    stop = asyncio.Event()
    stop.set()
    await asyncio.wait_for(make_world(database).service.run(stop), 5)
