"""Which transaction came of which request."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
from csms.v1.station_pb2 import Outcome
from csms_transactions.ordering import Asker
from csms_transactions.remote import RemoteControl, StartRequest, Terms
from csms_transactions.store import remote_requests, tables
from sqlalchemy import select

TOKEN = {"idToken": "4711", "type": "KeyCode"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def noted(world: Any) -> Any:
    async with world.database.reading() as session:
        return (await session.execute(select(tables.remote_requests))).mappings().one()


async def start(world: Any, response: dict[str, Any]) -> int:
    control: RemoteControl = world.control
    request = StartRequest(station_id="CS1", id_token=TOKEN, evse_id=1)
    sending = asyncio.create_task(control.start(request, Terms(Asker("test"), timeout_s=1)))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, response)
    await sending

    async def outcome_noted() -> bool:  # device-mgmt answers who asked; this service reads the result by itself
        return (await noted(world))["outcome"] is not None

    await world.eventually(outcome_noted)
    return int(orjson.loads(command.payload)["remoteStartId"])


async def test_a_request_is_noted_with_its_outcome_and_without_secrets(world):
    await world.connect()
    remote_start_id = await start(world, {"status": "Rejected"})
    found = await noted(world)
    assert (found["remote_start_id"], found["outcome"], found["status"]) == (remote_start_id, "result", "Rejected")
    assert (found["id_token"], found["transaction_id"]) == ("***", None)


async def test_the_transaction_names_its_request(world):
    await world.connect()
    remote_start_id = await start(world, {"status": "Accepted"})
    await world.gateway.tell(world.event(0, "Started", info={"remoteStartId": remote_start_id}))
    assert (await noted(world))["transaction_id"] == "tx-1"


async def test_the_cable_came_first(world):
    await world.connect()
    await world.gateway.tell(world.event(0, "Started", triggerReason="CablePluggedIn"))
    remote_start_id = await start(world, {"status": "Accepted", "transactionId": "tx-1"})
    assert (await noted(world))["transaction_id"] == "tx-1"
    await world.gateway.tell(world.event(1, info={"remoteStartId": remote_start_id}))
    async with world.database.reading() as session:
        rows = (await session.execute(select(tables.transactions))).mappings().all()
    assert [(row["transaction_id"], row["remote_start_id"]) for row in rows] == [("tx-1", remote_start_id)]


async def test_ids_begin_at_the_seconds_since_2025_and_grow(database):
    async with database.transaction() as session:
        ids = [
            await remote_requests.allocate_start_id(session, database.dialect, station_id, NOW)
            for station_id in ("CS1", "CS1", "CS2", "CS1")
        ]
    first = 365 * 24 * 3600
    assert ids == [first, first + 1, first, first + 2]
