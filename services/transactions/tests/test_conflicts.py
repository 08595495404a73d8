"""Events with the seqNo of another one, and transaction ids that are used again: nothing is lost, nothing is mixed."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import IdToken, IdTokenInfo
from csms_runtime.clock import now_ms
from csms_transactions.domain.identity import Identity, transaction_key
from csms_transactions.domain.transaction import Transaction
from csms_transactions.events.applying import Applied, apply_events
from csms_transactions.store import queries, transactions
from csms_transactions.store.events import NewEvent
from csms_transactions.store.facts import facts_of
from csms_transactions.versions.v201 import messages as v201

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def at(minutes: float) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def told(event: Any, kind: str, seq_no: int, minutes: float, **fields: Any) -> dict[str, Any]:
    """An event at a time of its own; its meter values have its time, too."""
    payload = event(seq_no, kind, fields.pop("transaction_id", "1"), **fields) | {"timestamp": at(minutes)}
    for value in payload.get("meterValue", ()):
        value["timestamp"] = at(minutes)
    return payload  # type: ignore[no-any-return]


def new(payload: dict[str, Any], key: str) -> NewEvent:
    event, text = v201.transaction_event(payload), orjson.dumps(payload)
    return NewEvent(key, "ocpp2.0.1", event, text, NOW, text, facts_of(event) if event.seq_no % 2 else None)


async def store(database: Any, payloads: Sequence[dict[str, Any]]) -> Applied:
    batch: dict[Identity, list[NewEvent]] = {}
    for payload in payloads:
        spelled = payload["transactionInfo"]["transactionId"]
        identity = Identity(transaction_key("CS1", spelled), "CS1", spelled)
        batch.setdefault(identity, []).append(new(payload, identity.key)._replace(question=0))
    async with database.direct() as session:
        return await apply_events(session, batch, NOW, decisions=[IdTokenInfo(status="Accepted")])


async def stored(database: Any, reuse: int = 0) -> Transaction | None:
    key = transaction_key("CS1", "1", reuse)
    async with database.transaction() as session:
        return (await transactions.load(session, [key])).get(key)


async def shown(database: Any, reuse: int = 0, limit: int = 100) -> list[tuple[int, str, bool]]:
    """All events, read in pages."""
    found: list[tuple[int, str, bool]] = []
    after = None
    while True:
        async with database.reading() as session:
            key = transaction_key("CS1", "1", reuse)
            page = await queries.events(session, key, after=after, limit=limit)
        found += [(row["seq_no"], row["event_type"], row["number"] >= 0) for row in page.rows]
        if not page.more:
            return found
        after = (page.rows[-1]["seq_no"], page.rows[-1]["number"])


async def test_an_ended_event_with_a_used_seq_no_ends_the_transaction(database, transaction_event):
    """The station lost its counter under way and goes on with 1."""
    begin, later, end = (
        told(transaction_event, "Started", 0, 0, energy=1000),
        told(transaction_event, "Updated", 1, 10, energy=1500),
        told(transaction_event, "Ended", 1, 20, energy=9000, info={"stoppedReason": "EVDisconnected"}),
    )
    await store(database, [begin, later])
    applied = await store(database, [end])
    assert (applied.stored, applied.repeats, len(applied.conflicts)) == (1, 0, 1)
    found = await stored(database)
    assert found is not None
    assert (found.state, found.stopped_reason, found.energy.wh) == ("Ended", "EVDisconnected", 8000)
    assert (found.event_count, found.conflicts, found.last_seq_no, found.gaps) == (3, 1, 1, ())
    assert found.ended_at == datetime(2026, 1, 1, 0, 20, tzinfo=UTC)
    for limit in (1, 100):
        expected = [(0, "Started", False), (1, "Updated", False), (1, "Ended", True)]
        assert await shown(database, limit=limit) == expected
    again = await store(database, [end, later, begin, dict(reversed(end.items()))])
    assert (again.stored, again.repeats, again.steps) == (0, 4, [])


async def test_what_was_changed_when_it_was_sent_again_belongs_where_it_was(database, transaction_event):
    """Many stations set `offline` in what they send again; that makes no old reading the newest."""
    first = told(transaction_event, "Updated", 1, 10, energy=1500)
    await store(database, [told(transaction_event, "Started", 0, 0, energy=1000), first])
    await store(database, [told(transaction_event, "Updated", 2, 20, energy=4000)])
    await store(database, [first | {"offline": True}])
    found = await stored(database)
    assert found is not None
    assert (found.energy.wh, found.conflicts, found.event_count, found.offline_events) == (3000, 1, 4, 1)


async def test_of_an_event_that_was_changed_the_first_one_counts(database, transaction_event):
    for payload in session(transaction_event, 0, "CARD", 1000, 2000):
        await store(database, [payload])
    for seq_no, kind, minutes in ((1, "Updated", 10), (2, "Ended", 30), (1, "Updated", 10)):
        changed = told(transaction_event, kind, seq_no, minutes, energy=9000, info={"stoppedReason": "PowerLoss"})
        await store(database, [changed])
    found = await stored(database)
    assert found is not None
    assert (found.energy.wh, found.stopped_reason, found.conflicts, found.event_count) == (1000, "Local", 2, 5)
    await store(database, [told(transaction_event, "Updated", 3, 31)])
    found = await stored(database)
    assert found is not None
    assert (found.energy.wh, found.stopped_reason, found.event_count) == (1000, "Local", 6)


@pytest.mark.parametrize("seed", range(6))
async def test_batches_of_any_size_store_the_same(database, transaction_event, seed):
    """A counter that is lost twice, and a late event in between."""
    rng = random.Random(seed)  # noqa: S311 repeatable tests
    queue = [
        told(transaction_event, "Started" if number == 0 else "Updated", seq_no, number, energy=1000.0 + number)
        for number, seq_no in enumerate([0, 1, 2, 5, 1, 2, 6, 4, 1, 1, 3])
    ]
    queue.append(told(transaction_event, "Ended", 2, 30, energy=2000))
    queue = [payload for payload in queue for _ in range(rng.choice([1, 1, 2]))]
    while queue:
        batch, queue = queue[: (size := rng.randint(1, 7))], queue[size:]
        await store(database, batch)
    found = await stored(database)
    assert found is not None
    assert (found.event_count, found.conflicts, found.last_seq_no, found.gaps) == (12, 5, 6, ())
    assert (found.state, found.energy.wh) == ("Ended", 1000)
    assert len(await shown(database)) == 12


def session(event: Any, start: float, token: str, begin: float, end: float) -> list[dict[str, Any]]:
    """A transaction of a station that counts from 1 after each boot."""
    return [
        told(event, "Started", 0, start, token=token, energy=begin),
        told(event, "Updated", 1, start + 10, energy=(begin + end) / 2),
        told(event, "Ended", 2, start + 30, energy=end),
    ]


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_an_id_that_is_used_again_is_another_transaction(database, transaction_event, size):
    days = [0, 1440, 2880]
    sessions = [session(transaction_event, day, f"CARD-{day}", 1000 + day, 2000 + 2 * day) for day in days]
    queue = [payload for one in sessions for payload in one]
    for start in range(0, len(queue), size):
        await store(database, queue[start : start + size])
    for again in (queue, sessions[0], list(reversed(queue))):  # records may come twice, and late
        applied = await store(database, again)
        assert (applied.stored, applied.repeats) == (0, len(again))
    for reuse, day in enumerate(days):
        found = await stored(database, reuse)
        assert found is not None
        assert found.id_token is not None
        assert (found.id_token.value, found.energy.wh) == (f"CARD-{day}", 1000 + day)
        assert (found.state, found.event_count, found.conflicts) == ("Ended", 3, 0)
    assert await stored(database, 3) is None


async def test_a_late_start_is_no_other_transaction(database, transaction_event):
    start, middle, end = session(transaction_event, 0, "CARD", 1000, 2000)
    for payload in (end, middle, start, start):
        await store(database, [payload])
    found = await stored(database)
    assert found is not None
    assert (found.state, found.event_count, found.gaps, found.started_seen) == ("Ended", 3, (), True)
    assert await stored(database, 1) is None


async def test_a_running_transaction_whose_id_begins_anew_has_ended(database, transaction_event):
    """The power failed under way, and the station counts from 1 again."""
    lost, again = (session(transaction_event, day, "CARD", 1000, 2000) for day in (0, 1440))
    await store(database, lost[:2])
    await store(database, again)
    first, second = await stored(database), await stored(database, 1)
    assert first is not None
    assert second is not None
    assert (first.state, first.end_seen, first.energy.wh) == ("Ended", False, 500)
    assert first.closed is not None
    assert (first.closed.reason, first.closed.by) == ("TransactionIdUsedAgain", "")
    assert first.ended_at == datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
    assert (second.state, second.energy.wh, second.closed) == ("Ended", 1000, None)


async def test_a_start_with_a_corrected_time_is_the_same_transaction(database, transaction_event):
    await store(database, [told(transaction_event, "Started", 0, 0)])
    await store(database, [told(transaction_event, "Started", 0, 0.5)])
    found = await stored(database)
    assert found is not None
    assert (found.state, found.event_count, found.conflicts) == ("Active", 2, 1)
    assert await stored(database, 1) is None


@pytest.mark.parametrize("size", [1, 100])
async def test_a_transaction_whose_start_was_lost_is_not_mixed_with_an_old_one(database, transaction_event, size):
    queue = [
        *session(transaction_event, 0, "CARD-A", 1000, 2000),
        *session(transaction_event, 1440, "B", 2000, 9000)[1:],
    ]
    for start in range(0, len(queue), size):
        await store(database, queue[start : start + size])
    again = await store(database, queue)
    assert (again.stored, again.repeats) == (0, 5)
    first, second = await stored(database), await stored(database, 1)
    assert first is not None
    assert second is not None
    assert (first.state, first.energy.wh, first.conflicts, first.event_count) == ("Ended", 1000, 0, 3)
    assert (second.state, second.started_seen, second.gaps, second.event_count) == ("Ended", False, ((0, 0),), 2)


async def test_an_ended_event_with_another_time_is_no_other_transaction(database, transaction_event):
    await store(database, session(transaction_event, 0, "CARD", 1000, 2000))
    await store(database, [told(transaction_event, "Ended", 2, 600, energy=2000)])
    await store(database, [told(transaction_event, "Updated", 1, 31, energy=2000)])
    found = await stored(database)
    assert found is not None
    assert (found.state, found.event_count, found.conflicts) == ("Ended", 5, 2)
    assert await stored(database, 1) is None


async def test_ids_compare_without_case(world, api):
    tell, event = world.gateway.tell, world.event
    await tell(event(0, "Started", "Tx-ABC", energy=1))
    await tell(event(1, "Updated", "TX-ABC", energy=2))
    await tell(event(2, "Ended", "tx-abc", energy=3))
    for spelled in ("Tx-ABC", "tx-Abc"):
        (item,) = (await api.get("/transactions", params={"transaction_id": spelled})).json()["items"]
        assert (item["transaction_id"], item["state"], item["event_count"], item["energy_wh"]) == (
            "Tx-ABC",
            "Ended",
            3,
            2,
        )


async def test_spellings_in_one_batch(world, api):
    outgoing = [
        world.gateway.station_call("CS1", "TransactionEvent", world.event(seq_no, kind, name), deadline_ms=now_ms())[0]
        for seq_no, kind, name in ((0, "Started", "a"), (1, "Ended", "A"))
    ]
    await world.bus.publish(outgoing)

    async def ended() -> bool:
        items = (await api.get("/transactions")).json()["items"]
        return [(item["state"], item["event_count"]) for item in items] == [("Ended", 2)]

    await world.eventually(ended)


async def test_events_in_conflict_are_shown_and_flagged(world, api):
    tell, event = world.gateway.tell, world.event
    await tell(event(0, "Started"))
    await tell(event(1, energy=5))
    assert await tell(event(1, "Ended", energy=7)) == {}
    (item,) = (await api.get("/transactions")).json()["items"]
    assert (item["state"], item["conflicts"], item["event_count"]) == ("Ended", 1, 3)
    events, cursor = [], None
    for _ in range(3):
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(f"/transactions/{item['id']}/events", params=params)).json()
        events, cursor = events + page["items"], page["next_cursor"]
    assert cursor is None
    assert [(one["seq_no"], one["event_type"], one["conflict"]) for one in events] == [
        (0, "Started", False), (1, "Updated", False), (1, "Ended", True),
    ]  # fmt: skip
    assert len({one["id"] for one in events}) == 3
    values = (await api.get(f"/transactions/{item['id']}/meter-values")).json()["items"]
    assert [one["meter_value"]["sampledValue"][0]["value"] for one in values] == [5, 7]


async def test_the_group_is_that_of_the_transaction_the_id_means_now(world, api):
    world.auth.tokens["NEW"] = IdTokenInfo(status="Accepted", group_id_token=IdToken(id_token="G", type="Central"))
    first, second = (session(world.event, day, token, 1, 2) for day, token in ((0, "OLD"), (1440, "NEW")))
    for payload in (*first, second[0]):
        await world.gateway.tell(payload)

    async def kept() -> bool:
        items = (await api.get("/transactions")).json()["items"]
        return [item["group_id_token"] for item in items] == ["G", None]

    await world.eventually(kept)


async def test_a_late_start_a_little_after_the_end_is_no_other_transaction(database, transaction_event):
    """A clock was corrected meanwhile."""
    for payload in (told(transaction_event, "Ended", 2, 10), told(transaction_event, "Started", 0, 10.5)):
        await store(database, [payload])
    found = await stored(database)
    assert found is not None
    assert (found.state, found.event_count, found.started_seen) == ("Ended", 2, True)
    assert await stored(database, 1) is None
    await store(database, [told(transaction_event, "Started", 0, 20)])
    assert await stored(database, 1) is not None
