"""Tokens of type Central, which we made for remote starts, come back in TransactionEvents (C05, F01)."""

import asyncio

import orjson
import pytest
from csms.v1.auth_pb2 import IdTokenInfo
from csms.v1.station_pb2 import Outcome

OURS = {"idToken": "Start-1", "type": "Central"}


@pytest.fixture
async def started(world, api):
    """The remoteStartId of a remote start with our token, which auth does not know."""
    for name in ("Start-1", "START-1", "Other"):
        world.auth.tokens[name] = IdTokenInfo(status="Unknown")
    await world.connect()
    posted = asyncio.create_task(api.post("/stations/CS1/remote-start", json={"id_token": OURS}))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    await posted
    return orjson.loads(command.payload)["remoteStartId"]


def event(transaction_event, remote_start_id, token, seq_no=0, kind="Started", **more):
    info = {} if remote_start_id is None else {"remoteStartId": remote_start_id}
    return transaction_event(seq_no, kind, info=info, idToken=token, **more)


@pytest.mark.parametrize("spelling", ["Start-1", "START-1"])
async def test_our_token_is_accepted(world, transaction_event, started, spelling):
    answer = await world.gateway.tell(event(transaction_event, started, {"idToken": spelling, "type": "Central"}))
    assert answer == {"idTokenInfo": {"status": "Accepted"}}


async def test_later_events_of_the_transaction_need_not_repeat_the_id(world, transaction_event, started):
    await world.gateway.tell(event(transaction_event, started, OURS))
    answer = await world.gateway.tell(event(transaction_event, None, OURS, seq_no=1, kind="Ended"))
    assert answer == {"idTokenInfo": {"status": "Accepted"}}


@pytest.mark.parametrize(
    ("token", "id_offset"),
    [
        ({"idToken": "Other", "type": "Central"}, 0),
        ({"idToken": "Start-1", "type": "ISO14443"}, 0),
        (OURS, 1),
    ],
)
async def test_any_other_is_as_auth_says(world, transaction_event, started, token, id_offset):
    answer = await world.gateway.tell(event(transaction_event, started + id_offset, token))
    assert answer == {"idTokenInfo": {"status": "Unknown"}}


async def test_a_blocked_one_stays_blocked(world, transaction_event, started):
    world.auth.tokens["Start-1"] = IdTokenInfo(status="Blocked")
    answer = await world.gateway.tell(event(transaction_event, started, OURS))
    assert answer == {"idTokenInfo": {"status": "Blocked"}}
