"""Tokens of type Central, which we made for remote starts, come back in TransactionEvents (C05, F01)."""

import asyncio

import orjson
import pytest
from csms.v1.auth_pb2 import IdTokenInfo
from csms.v1.station_pb2 import Outcome, RemoteStart, ReplyTo
from csms_bus import topics
from csms_bus.inbox import Inbox
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.requests import Requester
from csms_runtime.clock import now_ms, utcnow
from csms_transactions.store import remote_requests

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


@pytest.mark.parametrize("kind", ["Started", "Updated"])
async def test_it_is_good_for_one_transaction(world, transaction_event, started, kind):
    for transaction_id, status in (("tx-1", "Accepted"), ("tx-2", "Unknown"), ("TX-1", "Accepted")):
        seq_no = 1 if transaction_id == "TX-1" else 0
        told = event(transaction_event, started, OURS, seq_no, kind, transaction_id=transaction_id)
        assert await world.gateway.tell(told) == {"idTokenInfo": {"status": status}}, transaction_id


async def test_one_that_is_not_repeated_belongs_to_one_transaction(world, api, transaction_event, started):
    for transaction_id in ("tx-1", "tx-2"):
        info = {"remoteStartId": started}
        assert await world.gateway.tell(transaction_event(0, "Started", transaction_id, info=info)) == {}
    shown = {item["transaction_id"]: item["id_token"] for item in (await api.get("/transactions")).json()["items"]}
    assert shown == {"tx-1": "Start-1", "tx-2": None}


async def test_a_blocked_one_stays_blocked(world, transaction_event, started):
    world.auth.tokens["Start-1"] = IdTokenInfo(status="Blocked")
    answer = await world.gateway.tell(event(transaction_event, started, OURS))
    assert answer == {"idTokenInfo": {"status": "Blocked"}}


# ---- Asked for as a call of device-mgmt, which tells of it first -----------------------------------------------------
class Starting:
    """device-mgmt, as far as it tells of remote starts."""

    def __init__(self, bus):
        self._requester = Requester(bus, ReplyTo(topic=topics.DEVICES_INBOX.name, partition=0))
        self.inbox = Inbox(bus, topics.DEVICES_INBOX.name, 0, self._requester.deliver)
        self._bus = bus

    async def tell(self, remote_start_id, call_id="call-1", name="Start-1", kind="Central", at_ms=None):
        correlation_id = self._requester.new_correlation_id()
        body = RemoteStart(
            reply_to=self._requester.reply_to,
            correlation_id=correlation_id,
            call_id=call_id,
            remote_start_id=remote_start_id,
            evse_id=1,
            id_token=name,
            id_token_type=kind,
            requested_at_ms=at_ms or now_ms(),
        )
        question = Outgoing(topics.TRANSACTIONS_STARTS.name, new_record("CS1", remote_start=body))
        return (await self._requester.ask(question, correlation_id, 5)).remote_start_noted


@pytest.fixture
async def starting(world):
    made, stop = Starting(world.bus), asyncio.Event()
    running = asyncio.create_task(made.inbox.run(stop))
    await made.inbox.ready()
    for name in ("Start-1", "Other"):
        world.auth.tokens[name] = IdTokenInfo(status="Unknown")
    yield made
    stop.set()
    await running


async def test_a_start_by_a_call_is_known_before_its_transaction_begins(world, transaction_event, starting):
    assert await starting.tell(12345)
    assert await starting.tell(12345)  # the same again
    answer = await world.gateway.tell(event(transaction_event, 12345, OURS))
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    other = event(transaction_event, 12346, OURS, transaction_id="tx-2")
    assert await world.gateway.tell(other) == {"idTokenInfo": {"status": "Unknown"}}


async def test_of_several_with_one_id_the_newest_counts(world, transaction_event, starting):
    now = now_ms()
    await starting.tell(7, "call-2", "Other", at_ms=now)
    await starting.tell(7, "call-1", "Start-1", at_ms=now - 1000)  # read again, late
    answer = await world.gateway.tell(event(transaction_event, 7, {"idToken": "Other", "type": "Central"}))
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    await starting.tell(7, "call-3", "Start-1", at_ms=now + 1000)
    answer = await world.gateway.tell(event(transaction_event, 7, OURS, transaction_id="tx-2"))
    assert answer == {"idTokenInfo": {"status": "Accepted"}}


@pytest.mark.parametrize(("used", "following"), [(2**30 - 1, 2**30), (2**30, None), (-5, None)])
async def test_our_own_ids_are_others(world, starting, used, following):
    await starting.tell(used)
    async with world.database.transaction() as session:
        allocated = await remote_requests.allocate_start_id(session, world.database.dialect, "CS1", utcnow())
    assert allocated == following if following else 0 < allocated < 2**30
