"""Which transaction came of which request."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import IdTokenInfo
from csms.v1.station_pb2 import CommandResult, Outcome, StationCommand
from csms_transactions.batch import BatchResult
from csms_transactions.orders import Asker
from csms_transactions.remote import outcomes
from csms_transactions.remote.control import RemoteControl, StartRequest, Terms
from csms_transactions.store import remote_requests, tables
from csms_transactions.store.remote_requests import RemoteRequest
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


async def transaction(world: Any) -> Any:
    async with world.database.reading() as session:
        return (await session.execute(select(tables.transactions))).mappings().one()


async def test_a_transaction_has_the_token_of_its_request_until_another_one_is_accepted(world):
    await world.connect()
    control: RemoteControl = world.control
    token = {"idToken": "CARD", "type": "ISO14443"}
    request = StartRequest(station_id="CS1", id_token=token, evse_id=1)
    sending = asyncio.create_task(control.start(request, Terms(Asker("test"), timeout_s=1)))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    await sending
    remote_start_id = int(orjson.loads(command.payload)["remoteStartId"])
    await world.gateway.tell(world.event(0, "Started", info={"remoteStartId": remote_start_id}))
    found = await transaction(world)
    assert (found["id_token"], found["id_token_type"], found["id_token_key"]) == ("CARD", "ISO14443", "card")
    assert await world.told(1) == ["transaction_started"]
    assert world.events[0].transaction_started.id_token == "CARD"
    await world.gateway.tell(world.event(2))
    await world.gateway.tell(world.event(1, info={"remoteStartId": remote_start_id}))  # late: derived again
    assert (await transaction(world))["id_token"] == "CARD"
    await world.gateway.tell(world.event(3, token="OTHER"))
    assert (await transaction(world))["id_token"] == "OTHER"


async def test_a_refused_token_is_not_replaced_by_that_of_the_request(world):
    await world.connect()
    remote_start_id = await start(world, {"status": "Accepted"})
    world.auth.tokens["TAG"] = IdTokenInfo(status="Blocked")
    await world.gateway.tell(world.event(0, "Started", token="TAG", info={"remoteStartId": remote_start_id}))
    assert (await transaction(world))["id_token"] is None


async def test_a_request_has_the_spelling_of_the_station_that_answered_it(database):
    request = RemoteRequest("call", "cs1", "RequestStartTransaction", NOW, 7)
    told = CommandResult(outcome=Outcome.OUTCOME_RESULT, payload=b'{"status":"Accepted"}', completed_at_ms=1)
    told.command.correlation_id, told.command.protocol = "call", "ocpp2.0.1"
    async with database.transaction() as session:
        await remote_requests.add(session, request)
        await remote_requests.finish(session, [outcomes.outcome(BatchResult("CS1", told))])
        found = (await session.execute(select(tables.remote_requests))).mappings().one()
    assert (found["station_id"], found["status"]) == ("CS1", "Accepted")


async def test_the_cable_came_first(world):
    await world.connect()
    await world.gateway.tell(world.event(0, "Started", triggerReason="CablePluggedIn"))
    remote_start_id = await start(world, {"status": "Accepted", "transactionId": "tx-1"})
    assert (await noted(world))["transaction_id"] == "tx-1"
    await world.gateway.tell(world.event(1, info={"remoteStartId": remote_start_id}))
    async with world.database.reading() as session:
        rows = (await session.execute(select(tables.transactions))).mappings().all()
    assert [(row["transaction_id"], row["remote_start_id"]) for row in rows] == [("tx-1", remote_start_id)]


async def test_ids_are_of_a_station_however_it_is_spelled(database):
    async with database.transaction() as session:
        await remote_requests.note(
            session, database.dialect, RemoteRequest("call-1", "Cs1", "RequestStartTransaction", NOW, 900_000_000)
        )
        ids = [
            await remote_requests.allocate_start_id(session, database.dialect, station_id, NOW)
            for station_id in ("CS1", "cs1")
        ]
    assert ids == [900_000_001, 900_000_002]


async def test_ids_begin_at_the_seconds_since_2025_and_grow(database):
    async with database.transaction() as session:
        ids = [
            await remote_requests.allocate_start_id(session, database.dialect, station_id, NOW)
            for station_id in ("CS1", "CS1", "CS2", "CS1")
        ]
    first = 365 * 24 * 3600
    assert ids == [first, first + 1, first, first + 2]


def told(outcome: Outcome.ValueType, number: int = 1, *, sent: bool = True) -> BatchResult:
    result = CommandResult(
        command=StationCommand(correlation_id="call-1", protocol="ocpp2.0.1", connection_number=number),
        outcome=outcome,
        payload=b'{"status":"Accepted"}' if outcome == Outcome.OUTCOME_RESULT else b"",
        sent_at_ms=1000 if sent else 0,
        completed_at_ms=2000,
    )
    return BatchResult("CS1", result)


ANSWER = told(Outcome.OUTCOME_RESULT)
TIMEOUT = told(Outcome.OUTCOME_TIMEOUT)
CUT_OFF = told(Outcome.OUTCOME_UNKNOWN)
ASSUMED = told(Outcome.OUTCOME_UNKNOWN, sent=False)
NOT_CONNECTED = told(Outcome.OUTCOME_NOT_CONNECTED, sent=False)


@pytest.mark.parametrize("at_once", [True, False], ids=["one batch", "two"])
@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (ASSUMED, ANSWER, "result"),
        (CUT_OFF, ANSWER, "result"),
        (TIMEOUT, ANSWER, "result"),
        (ASSUMED, TIMEOUT, "timeout"),
        (ASSUMED, NOT_CONNECTED, "not_connected"),
        (CUT_OFF, ASSUMED, "unknown"),
    ],
)
async def test_a_better_outcome_is_kept_in_whatever_order_they_come(database, first, second, kept, at_once):
    request = RemoteRequest("call-1", "CS1", "RequestStartTransaction", NOW)
    for order in ([first, second], [second, first], [first, second, first]):
        async with database.transaction() as session:
            await remote_requests.remove(session, "call-1")
            await remote_requests.add(session, request)
        for part in [order] if at_once else [[each] for each in order]:
            async with database.transaction() as session:
                await remote_requests.finish(session, [outcomes.outcome(item) for item in part])
        async with database.reading() as session:
            row = (await session.execute(select(tables.remote_requests))).mappings().one()
        assert row["outcome"] == kept
        assert row["status"] == ("Accepted" if kept == "result" else None)


@pytest.mark.parametrize("later", [CUT_OFF, TIMEOUT, ASSUMED])
async def test_never_sent_on_one_connection_says_nothing_of_the_next(database, later):
    """The call followed its station to a newer connection."""
    newer = BatchResult("CS1", CommandResult())
    newer.result.CopyFrom(later.result)
    newer.result.command.connection_number = 2
    for order in ([NOT_CONNECTED, newer], [newer, NOT_CONNECTED]):
        async with database.transaction() as session:
            await remote_requests.remove(session, "call-1")
            await remote_requests.add(session, RemoteRequest("call-1", "CS1", "RequestStartTransaction", NOW))
            await remote_requests.finish(session, [outcomes.outcome(item) for item in order])
            row = (await session.execute(select(tables.remote_requests))).mappings().one()
        assert row["outcome"] == outcomes.outcome_name(newer.result)
