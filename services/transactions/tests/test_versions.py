"""Adapters of versions: what is refused without one, and one whose answers tell what the database stored."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import IdTokenInfo
from csms.v1.station_pb2 import Reply
from csms_transactions import versions
from csms_transactions.consumers import Consumer
from csms_transactions.domain.identity import transaction_key
from csms_transactions.versions.v201 import V201, answers, messages
from csms_transactions.versions.version import EventMessage, StoredTransaction


def _answer(info: IdTokenInfo | None, stored: StoredTransaction | None) -> dict[str, Any]:
    assert stored is not None
    told = {} if info is None else {"idTokenInfo": answers.id_token_info(info)}
    return {**told, "id": stored.identity.key, "events": stored.transaction.event_count}


def _begin(raw: bytes) -> EventMessage:
    return messages.event_message(raw)._replace(answer=_answer, needs_stored=True)


@pytest.fixture(name="begin")
def begin_fixture(world, monkeypatch):
    """Sends a message of a version of which one event is answered with what was stored, the others as ever."""
    version = replace(V201, events={**V201.events, "Begin": _begin})
    monkeypatch.setitem(versions._BY_NAME, "ocpp-of-the-test", version)

    async def begin(seq_no: int, kind: str = "Started", **fields: Any) -> Any:
        payload = world.event(seq_no, kind, **fields)
        reply = await world.gateway.call("CS1", "Begin", payload, protocol="ocpp-of-the-test")
        return orjson.loads(reply.payload)

    return begin


def key(reuse: int = 0) -> str:
    return transaction_key("CS1", "tx-1", reuse)


async def test_an_answer_that_tells_what_was_stored(world, begin):
    assert await begin(0) == {"id": key(), "events": 1}
    assert await world.gateway.tell(world.event(1)) == {}
    assert await begin(2, "Updated") == {"id": key(), "events": 3}


async def test_a_repeat_is_told_the_same_transaction(begin):
    assert await begin(0) == {"id": key(), "events": 1}
    assert await begin(0) == {"id": key(), "events": 1}


async def test_an_answer_that_tells_auths_decision_too(world, begin):
    world.auth.tokens["TAG"] = IdTokenInfo(status="Blocked")
    assert await begin(0, token="TAG") == {"id": key(), "events": 1, "idTokenInfo": {"status": "Blocked"}}
    assert await begin(0, token="TAG") == {"id": key(), "events": 1, "idTokenInfo": {"status": "Blocked"}}


async def test_a_decision_that_comes_late_is_told_with_what_was_stored(begin, monkeypatch):
    monkeypatch.setattr("csms_transactions.tokens.asking.SOON_S", 0)
    assert await begin(0, token="TAG") == {"id": key(), "events": 1, "idTokenInfo": {"status": "Accepted"}}


async def test_where_an_id_is_used_again_the_new_transaction_is_told(begin):
    await begin(0)
    await begin(1, "Ended")
    assert await begin(0, timestamp="2026-01-01T02:00:00Z") == {"id": key(1), "events": 1}


@pytest.mark.usefixtures("begin")
async def test_of_one_batch_each_is_answered_with_its_own(world, incoming):
    calls = [
        world.gateway.station_call(
            "CS1", action, world.event(seq_no, kind, transaction_id), protocol="ocpp-of-the-test"
        )
        for action, seq_no, kind, transaction_id in (
            ("Begin", 0, "Started", "a"),
            ("TransactionEvent", 0, "Started", "b"),
            ("Begin", 1, "Updated", "b"),
        )
    ]
    consumer = Consumer(world.service._writer, world.service._tokens, world.service.closing)
    found = await consumer([incoming(outgoing) for outgoing, _ in calls])
    replies = [reply for outgoing in found for reply in outgoing.record.replies.replies or [outgoing.record.reply]]
    told = {reply.correlation_id: orjson.loads(reply.payload) for reply in replies}
    assert [told[name] for _, name in calls] == [
        {"id": transaction_key("CS1", "a"), "events": 1},
        {},
        {"id": transaction_key("CS1", "b"), "events": 2},
    ]


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp3"])
async def test_messages_of_other_versions_are_not_supported(world, protocol):
    reply: Reply = await world.gateway.call("CS1", "TransactionEvent", world.event(0, "Started"), protocol=protocol)
    assert (reply.error.code, reply.error.description) == (
        "NotSupported",
        f"TransactionEvent is not supported with {protocol}",
    )
