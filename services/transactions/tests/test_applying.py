"""Recording on real databases: whatever the batches, the stored state is the one derived from all events."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from csms_bus.runner import Later
from csms_transactions.consumers import Consumer
from csms_transactions.domain.identity import Identity, transaction_key
from csms_transactions.domain.transaction import derive
from csms_transactions.events.applying import Applied, apply_events
from csms_transactions.events.cache import TransactionCache
from csms_transactions.events.step import Step
from csms_transactions.store import transactions
from csms_transactions.store.events import NewEvent
from csms_transactions.store.facts import event_of, facts_of
from csms_transactions.versions.v201 import messages as v201
from sqlalchemy.exc import IntegrityError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def identity(transaction_id: str) -> Identity:
    return Identity(transaction_key("CS1", transaction_id), "CS1", transaction_id)


def new(payload: dict[str, Any]) -> NewEvent:
    """An event; every other one is stored with its facts, as large ones are."""
    event, text = v201.transaction_event(payload), orjson.dumps(payload)
    facts = facts_of(event) if event.seq_no % 2 else None
    key = identity(payload["transactionInfo"]["transactionId"]).key
    return NewEvent(key, "ocpp2.0.1", event, text, NOW, text, facts)


async def store(database: Any, payloads: Sequence[dict[str, Any]]) -> Applied:
    batch = defaultdict(list)
    for payload in payloads:
        batch[identity(payload["transactionInfo"]["transactionId"])].append(new(payload))
    async with database.transaction() as session:
        return await apply_events(session, batch, NOW)


async def stored(database: Any, transaction_id: str) -> Any:
    async with database.transaction() as session:
        key = identity(transaction_id).key
        return (await transactions.load(session, [key])).get(key)


async def facts(database: Any, transaction_id: str) -> Any:
    """What the events tell."""
    found = await stored(database, transaction_id)
    return found and found._replace(revision=0)


def some_event(world_event: Any, rng: random.Random, seq_no: int, transaction_id: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"triggerReason": rng.choice(["Authorized", "StopAuthorized", "MeterValuePeriodic"])}
    if rng.random() < 0.5:
        fields["evse"] = {"id": rng.randint(1, 2), **({"connectorId": 1} if rng.random() < 0.5 else {})}
    if rng.random() < 0.7:
        fields["energy"] = rng.uniform(0, 1000)
    info = {"chargingState": rng.choice(["Charging", "Idle"]), "remoteStartId": rng.randint(1, 3)}
    kind = rng.choice(["Updated", "Updated", "Updated", "Ended"]) if seq_no else "Started"
    token = rng.choice([None, "A", "B"])
    return world_event(  # type: ignore[no-any-return]
        seq_no, kind, transaction_id, token=token, offline=rng.random() < 0.5,
        info={name: value for name, value in info.items() if rng.random() < 0.5}, **fields,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
async def test_batches_of_events_in_any_order_with_repeats(database, transaction_event, seed):
    rng = random.Random(seed)  # noqa: S311 repeatable tests
    told = [
        some_event(transaction_event, rng, seq_no, transaction_id)
        for transaction_id in ("a", "b")
        for seq_no in rng.sample(range(20), 10)
    ]
    queue = told + rng.sample(told, 8)
    rng.shuffle(queue)
    seen: list[dict[str, Any]] = []
    while queue:
        batch, queue = queue[: (size := rng.randint(1, 6))], queue[size:]
        await store(database, batch)
        seen += batch
        for transaction_id in ("a", "b"):
            events = [new(p).event for p in seen if p["transactionInfo"]["transactionId"] == transaction_id]
            assert await facts(database, transaction_id) == (derive(events) if events else None)


def test_facts_say_what_an_event_does(transaction_event):
    rng = random.Random(1)  # noqa: S311 repeatable tests
    for seq_no in range(200):
        payload = some_event(transaction_event, rng, seq_no, "t")
        event = v201.transaction_event(payload)
        assert event_of(facts_of(event)) == event


def test_facts_hold_no_key_code(transaction_event):
    payload = transaction_event(0, "Started") | {"idToken": {"idToken": "4711-4711", "type": "KeyCode"}}
    event = v201.transaction_event(payload)
    assert b"4711" not in facts_of(event)
    assert derive([event_of(facts_of(event))]) == derive([event])


async def test_counts_of_what_became_of_events(database, transaction_event):
    event = transaction_event
    first = await store(database, [event(0, "Started"), event(4), event(4), event(4, "Ended")])
    assert (first.stored, first.late, first.repeats, len(first.conflicts)) == (3, 0, 1, 1)
    second = await store(database, [event(2), event(0, "Started"), event(5), event(2)])
    assert (second.stored, second.late, second.repeats, len(second.conflicts)) == (2, 1, 2, 0)
    third = await store(database, [event(5), {**event(4), "offline": True}])
    assert (third.stored, third.late, third.repeats, len(third.conflicts)) == (1, 0, 1, 1)
    fourth = await store(database, [event(5), {**event(4), "offline": True}, event(4, "Ended")])
    assert (fourth.stored, fourth.steps, fourth.repeats, fourth.conflicts) == (0, [], 3, [])


async def test_a_repeat_with_other_spacing_is_a_repeat(database, transaction_event):
    payload = transaction_event(0, "Started")
    await store(database, [payload])
    spaced = new(payload)._replace(payload=orjson.dumps(payload, option=orjson.OPT_INDENT_2))
    async with database.transaction() as session:
        applied = await apply_events(session, {identity("tx-1"): [spaced]}, NOW)
    assert (applied.repeats, applied.conflicts) == (1, [])


@pytest.mark.parametrize("batches", [[[0, 1, 2, 3], [2, 3, 4, 5], [5, 4, 1]], [[n] for n in range(6)]])
async def test_processes_that_work_on_one_transaction_lose_nothing(database, transaction_event, batches):
    """A rebalance may leave a station with two processes for a moment."""
    events = [transaction_event(seq_no) for seq_no in range(6)]

    async def process(seq_nos: list[int]) -> None:
        while True:
            try:
                await store(database, [events[seq_no] for seq_no in seq_nos])
            except IntegrityError:
                continue  # as ConsumerRunner does
            return

    await asyncio.gather(*map(process, batches))
    assert await facts(database, "tx-1") == derive(new(payload).event for payload in events)


async def test_nobody_is_answered_when_nothing_could_be_stored(world, incoming):
    class Broken:
        def note_priced(self, _batch: object) -> None:
            pass

        async def write(self, _batch: object, _decisions: object) -> None:
            raise Later("the database is away")

    consumer = Consumer(Broken(), world.service._tokens, world.service.closing)  # type: ignore[arg-type]
    record, correlation_id = world.gateway.station_call("CS1", "TransactionEvent", world.event(0, token="TAG"))
    with pytest.raises(Later):
        await consumer([incoming(record)])
    await world.service._tokens.drain()
    assert correlation_id not in world.gateway.replies


async def test_what_is_known_is_not_read_and_never_trusted_when_it_is_old(database, transaction_event):
    def event(seq_no: int) -> dict[str, Any]:
        return transaction_event(seq_no, "Updated" if seq_no else "Started", "t", energy=float(seq_no))  # type: ignore[no-any-return]

    def batch(*payloads: dict[str, Any]) -> dict[Identity, list[NewEvent]]:
        return {identity("t"): [new(payload) for payload in payloads]}

    known = TransactionCache()
    async with database.direct() as session:
        known.remember((await apply_events(session, batch(event(0)), NOW)).steps)
    of_us = known.among([identity("t").key])
    async with database.direct() as session:
        await apply_events(session, batch(event(1)), NOW, of_us)
    for late in (event(1), event(2)):  # another process stored 1, of which we do not know
        with pytest.raises(Exception, match=r"(?i)unique|changed by another process"):
            async with database.direct() as session:
                await apply_events(session, batch(late), NOW, of_us)
    async with database.direct() as session:
        applied = await apply_events(session, batch(event(1), event(2)), NOW)
    assert (applied.stored, applied.repeats) == (1, 1)
    after = await stored(database, "t")
    assert (after.event_count, after.last_seq_no) == (3, 2)


async def test_only_the_running_transactions_heard_of_last_are_known(transaction_event):
    def step(name: str, kind: str) -> Step:
        transaction = derive([v201.transaction_event(transaction_event(0, kind, name))])
        return Step(identity(name), None, transaction)

    known = TransactionCache(most=2)
    known.remember([step("a", "Started"), step("b", "Started"), step("a", "Updated"), step("c", "Started")])
    keys = {name: identity(name).key for name in "abc"}
    assert known.among(keys.values()).keys() == {keys["a"], keys["c"]}
    known.remember([step("a", "Ended")])
    known.forget([keys["c"], "unknown"])
    assert not known.among(keys.values())
