"""What auth decided is kept with the event it answers; the transaction's token is that of the first accepted one."""

import asyncio
import itertools
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from csms.v1.auth_pb2 import IdToken, IdTokenInfo
from csms_transactions.batch import Batch
from csms_transactions.domain.identity import transaction_key
from csms_transactions.events.writer import BatchWriter
from csms_transactions.handlers import transaction_event
from csms_transactions.store import queries
from csms_transactions.tokens.asking_again import AskingAgain
from csms_transactions.versions.v201.messages import event_message


def group(name: str) -> IdToken:
    return IdToken(id_token=name, type="Central")


async def shown(api: Any, station_id: str = "CS1", transaction_id: str = "tx-1") -> dict[str, Any]:
    found = await api.get(f"/transactions/{transaction_key(station_id, transaction_id)}")
    return found.json()  # type: ignore[no-any-return]


async def row(world: Any, station_id: str = "CS1", transaction_id: str = "tx-1") -> Any:
    async with world.database.reading() as session:
        return await queries.get(session, transaction_key(station_id, transaction_id))


async def told(world: Any, event: dict[str, Any], station_id: str = "CS1") -> str:
    answer = await world.gateway.tell(event, station_id)
    return answer["idTokenInfo"]["status"]  # type: ignore[no-any-return]


def statuses(item: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    return [(one["seq_no"], one["token"], one["status"]) for one in item["authorizations"]]


async def test_a_refused_card_is_not_billed_and_is_shown_as_refused(world, api):
    world.auth.tokens["BAD"] = IdTokenInfo(status="Blocked", group_id_token=group("BAD GROUP"))
    world.auth.tokens["GOOD"] = IdTokenInfo(status="Accepted", group_id_token=group("FLEET"))
    event = world.event
    await world.gateway.tell(event(0, "Started"))
    assert await told(world, event(1, token="BAD", triggerReason="Authorized")) == "Blocked"
    before = await shown(api)
    assert (before["id_token"], before["group_id_token"]) == (None, None)
    assert await told(world, event(2, token="GOOD", triggerReason="Authorized")) == "Accepted"
    item = await shown(api)
    assert (item["id_token"], item["id_token_type"], item["group_id_token"]) == ("GOOD", "ISO14443", "FLEET")
    assert statuses(item) == [(1, "BAD", "Blocked"), (2, "GOOD", "Accepted")]
    assert [one["group_id_token"] for one in item["authorizations"]] == ["BAD GROUP", "FLEET"]
    found = await api.get("/transactions", params={"id_token": "BAD"})
    assert found.json()["items"] == []


async def test_who_charged_with_an_unknown_card_is_seen_until_another_is_accepted(world, api):
    world.auth.tokens["NEW"] = IdTokenInfo(status="Unknown")
    world.auth.tokens["BAD"] = IdTokenInfo(status="Blocked")
    world.auth.tokens["GOOD"] = IdTokenInfo(status="Accepted", group_id_token=group("FLEET"))
    await told(world, world.event(0, "Started", token="BAD"))
    await told(world, world.event(1, token="NEW"))
    item = await shown(api)
    assert (item["id_token"], item["group_id_token"]) == ("NEW", None)
    assert statuses(item) == [(0, "BAD", "Blocked"), (1, "NEW", "Unknown")]
    await told(world, world.event(2, token="GOOD"))
    item = await shown(api)
    assert (item["id_token"], item["group_id_token"]) == ("GOOD", "FLEET")


async def test_token_and_group_come_with_the_first_domain_event(world):
    world.auth.tokens["TAG"] = IdTokenInfo(status="Accepted", group_id_token=group("FLEET"))
    await told(world, world.event(0, "Started", token="TAG"))
    assert await world.told(1) == ["transaction_started"]
    started = world.events[0].transaction_started
    assert (started.id_token, started.transaction.group_id_token) == ("TAG", "FLEET")


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2))))
async def test_the_first_accepted_by_seq_no_counts_in_whatever_order_they_come(world, api, order):
    world.auth.tokens["A"] = IdTokenInfo(status="Invalid")
    for name in ("B", "C"):
        world.auth.tokens[name] = IdTokenInfo(status="Accepted", group_id_token=group(f"GROUP {name}"))
    events = [world.event(0, "Started", token="A"), world.event(1, token="B"), world.event(2, token="C")]
    for number in (*order, *order):
        await told(world, events[number])
    item = await shown(api)
    assert (item["id_token"], item["group_id_token"]) == ("B", "GROUP B")
    assert statuses(item) == [(0, "A", "Invalid"), (1, "B", "Accepted"), (2, "C", "Accepted")]


async def test_a_late_event_leaves_the_token_alone(world, api):
    await told(world, world.event(0, "Started", token="TAG"))
    for seq_no in (5, 3):
        await world.gateway.tell(world.event(seq_no, energy=seq_no))
    assert (await shown(api))["id_token"] == "TAG"


async def test_an_event_that_comes_again_is_answered_as_before(world, api):
    event = world.event(0, "Started", token="TAG")
    assert await told(world, event) == "Accepted"
    world.auth.tokens["TAG"] = IdTokenInfo(status="Blocked")
    assert await told(world, event) == "Accepted"
    world.auth.silent = True
    assert await told(world, event) == "Accepted"
    assert statuses(await shown(api)) == [(0, "TAG", "Accepted")]


async def test_stopping_tokens_leave_token_and_group_alone(world, api):
    for name in ("FIRST", "SECOND", "THIRD"):
        world.auth.tokens[name] = IdTokenInfo(status="Accepted", group_id_token=group(f"GROUP {name}"))
    await told(world, world.event(0, "Started", token="FIRST"))
    await told(world, world.event(1, token="SECOND", triggerReason="StopAuthorized"))
    await told(world, world.event(2, "Ended", token="THIRD"))
    item = await shown(api)
    assert (item["id_token"], item["group_id_token"], item["stop_id_token"]) == ("FIRST", "GROUP FIRST", "THIRD")
    assert [one["stops"] for one in item["authorizations"]] == [False, True, True]


@pytest.mark.parametrize("first", [None, "REFUSED", "ALONE"])
async def test_who_stops_a_transaction_gives_it_neither_token_nor_group(world, api, first):
    """Begun by a button or with a refused card, or with an accepted one that is in no group."""
    world.auth.tokens["REFUSED"] = IdTokenInfo(status="Blocked")
    world.auth.tokens["ALONE"] = IdTokenInfo(status="Accepted")
    world.auth.tokens["GUARD"] = IdTokenInfo(status="Accepted", group_id_token=group("GUARDS"))
    await world.gateway.tell(world.event(0, "Started", token=first))
    await told(world, world.event(1, token="GUARD", triggerReason="StopAuthorized"))
    await told(world, world.event(2, "Ended", token="GUARD"))
    item = await shown(api)
    token = "ALONE" if first == "ALONE" else None
    assert (item["id_token"], item["group_id_token"], item["stop_id_token"]) == (token, None, "GUARD")


async def test_decisions_that_come_late_are_kept(world, api):
    world.auth.silent = True
    reply = await world.gateway.call("CS1", "TransactionEvent", world.event(0, "Started", token="TAG"))
    assert reply.error.code == "InternalError"
    assert statuses(await shown(api)) == [(0, "TAG", None)]
    world.auth.silent = False
    asking = AskingAgain(world.service._writer, world.service._tokens, after=timedelta(0))
    assert await asking.ask() == 1
    assert await asking.ask() == 0
    item = await shown(api)
    assert (item["id_token"], statuses(item)) == ("TAG", [(0, "TAG", "Accepted")])
    assert await world.told(2) == ["transaction_started", "transaction_updated"]
    assert world.events[1].transaction_updated.id_token == "TAG"
    decisions = [event.authorization_decided for event in world.decisions]
    assert [(one.status, one.reason) for one in decisions] == [("Undecided", "auth_away"), ("Accepted", "")]


async def test_a_key_code_is_not_asked_about_again(world):
    world.auth.silent = True
    code = {"idToken": "4711", "type": "KeyCode"}
    await world.gateway.call("CS1", "TransactionEvent", world.event(0, "Started", idToken=code))
    world.auth.silent = False
    assert await AskingAgain(world.service._writer, world.service._tokens, after=timedelta(0)).ask() == 0


async def test_what_auth_says_after_the_events_are_stored_counts(world, api):
    world.auth.tokens["TAG"] = IdTokenInfo(
        status="Accepted", group_id_token=group("FLEET"), concurrent_tx_limit=1, token_key="tag"
    )
    for station_id, expected in (("CS1", "Accepted"), ("CS2", "ConcurrentTx")):
        world.service._tokens._slow = True  # nobody waits for auth before storing
        assert await told(world, world.event(0, "Started", token="TAG"), station_id) == expected
        assert await told(world, world.event(0, "Started", token="TAG"), station_id) == expected
    first, second = await shown(api), await shown(api, "CS2")
    assert (first["id_token"], first["group_id_token"], second["id_token"]) == ("TAG", "FLEET", None)
    assert await world.told(3) == ["transaction_started", "transaction_updated", "transaction_started"]


async def test_a_limit_holds_across_stations(world, api):
    world.auth.tokens["TAG"] = world.auth.tokens["tag"] = IdTokenInfo(
        status="Accepted", concurrent_tx_limit=2, token_key="tag", evse_ids=[1]
    )
    event = world.event
    for number, expected in ((1, "Accepted"), (2, "Accepted"), (3, "ConcurrentTx")):
        token = "TAG" if number % 2 else "tag"
        assert await told(world, event(0, "Started", token=token), f"CS{number}") == expected
    refused = await shown(api, "CS3")
    assert (refused["id_token"], statuses(refused)) == (None, [(0, "TAG", "ConcurrentTx")])
    assert await told(world, event(1, token="TAG"), "CS1") == "Accepted"  # it is in this one already
    assert await told(world, event(0, "Started", token="TAG"), "CS3") == "ConcurrentTx"
    await world.gateway.tell(event(2, "Ended"), "CS1")
    assert await told(world, event(1, token="TAG"), "CS3") == "Accepted"
    assert (await shown(api, "CS3"))["id_token"] == "TAG"


async def test_a_limit_holds_within_a_batch_and_for_stopping_tokens_there_is_none(world):
    world.auth.tokens["TAG"] = IdTokenInfo(status="Accepted", concurrent_tx_limit=3, token_key="tag")
    answers = await asyncio.gather(
        *(told(world, world.event(0, "Started", token="TAG"), f"CS{number}") for number in range(10))
    )
    assert sorted(answers) == ["Accepted"] * 3 + ["ConcurrentTx"] * 7
    assert await told(world, world.event(1, "Ended", token="TAG"), f"CS{answers.index('ConcurrentTx')}") == "Accepted"


async def test_a_limit_of_a_key_code_counts_that_code_alone(world):
    for code in ("1111", "2222"):
        world.auth.tokens[code] = IdTokenInfo(status="Accepted", concurrent_tx_limit=1, token_key=f"digest of {code}")
    for station_id, code, expected in (
        ("CS1", "1111", "Accepted"),
        ("CS2", "2222", "Accepted"),
        ("CS3", "1111", "ConcurrentTx"),
    ):
        token = {"idToken": code, "type": "KeyCode"}
        assert await told(world, world.event(0, "Started", idToken=token), station_id) == expected


async def test_services_side_by_side_count_one_after_the_other(world, make_world):
    """Two processes of the service on one database."""
    other = make_world(world.database)
    async with other.running():
        for each in (world, other):
            each.auth.tokens["TAG"] = IdTokenInfo(status="Accepted", concurrent_tx_limit=1, token_key="tag")
        for turn in range(5):
            names = [(each, f"{number}-{turn}") for number, each in enumerate((world, other))]
            answers = await asyncio.gather(
                *(told(each, each.event(0, "Started", token="TAG"), name) for each, name in names)
            )
            assert sorted(answers) == ["Accepted", "ConcurrentTx"]
            for each, name in names:
                await each.gateway.tell(each.event(1, "Ended"), name)


def batch_of(world: Any, seq_no: int, stations: list[str], **fields: Any) -> Batch:
    batch = Batch()
    for station_id in stations:
        outgoing, _ = world.gateway.station_call("", "TransactionEvent", world.event(seq_no, **fields))
        call = outgoing.record.station_call
        transaction_event.read(batch, station_id, call, event_message(call.payload))
    batch.events[:] = [item.asked_as(number) for number, item in enumerate(batch.events)]
    return batch


async def test_events_and_decisions_side_by_side_lose_nothing(world):
    """In whatever order either has them, and with what this process knows of transactions, nobody waits in a circle."""
    writer: BatchWriter = world.service._writer
    stations = [f"CS{number}" for number in range(30)]
    rng = random.Random(7)  # noqa: S311 the same order every time
    still = (await writer.write(batch_of(world, 0, stations, kind="Started", token="TAG"))).authorized.open
    info = IdTokenInfo(status="Accepted", group_id_token=group("FLEET"), concurrent_tx_limit=50, token_key="tag")

    async def events() -> None:
        for seq_no in range(1, 11):
            await writer.write(batch_of(world, seq_no, rng.sample(stations, len(stations))))

    async def decisions() -> None:
        for _ in range(10):
            some = rng.sample(list(still.values()), 20)
            await writer.decide({one.row.key: replace(one, info=info) for one in some})

    await asyncio.gather(events(), decisions(), decisions())
    await writer.decide({one.row.key: replace(one, info=info) for one in still.values()})
    for station_id in stations:
        found = await row(world, station_id)
        assert (found["event_count"], found["id_token"], found["group_id_token"]) == (11, "TAG", "FLEET")


async def test_another_key_code_in_an_event_with_a_used_seq_no_is_decided_on_its_own(world):
    world.auth.tokens["1234"] = IdTokenInfo(status="Accepted", token_key="digest of 1234")
    world.auth.tokens["0000"] = IdTokenInfo(status="Invalid", token_key="digest of 0000")
    await world.gateway.call("CS1", "TransactionEvent", world.event(0, "Started"))
    right, wrong = ({"idToken": code, "type": "KeyCode"} for code in ("1234", "0000"))
    for token, at, expected in (
        (right, "2026-01-01T00:01:00Z", "Accepted"),
        (wrong, "2026-01-01T00:02:00Z", "Invalid"),
        (wrong, "2026-01-01T00:01:00Z", "Invalid"),
        (right, "2026-01-01T00:01:00Z", "Accepted"),
    ):
        event = world.event(1, "Updated", idToken=token) | {"timestamp": at}
        assert await told(world, event) == expected
    world.auth.silent = True
    assert (await world.gateway.call("CS1", "TransactionEvent", event)).WhichOneof("outcome") == "error"


class TestAuthorizationDecided:
    """Other teams are told of each decision, once, before what followed from it."""

    async def test_it_is_told_with_its_transaction(self, world):
        world.auth.tokens["OLD"] = IdTokenInfo(status="Expired", reason="expired", group_id_token=group("FLEET"))
        event = world.event(0, "Started", token="OLD", evse={"id": 2})
        for _ in range(2):  # a repeat is decided no more
            assert await told(world, event) == "Expired"
        await world.gateway.tell(world.event(1, "Ended"))
        assert await world.told(2) == ["transaction_started", "transaction_ended"]
        (event,) = world.decisions
        decided = event.authorization_decided
        assert (decided.id_token, decided.id_token_type, decided.evse_id) == ("OLD", "ISO14443", 2)
        assert (decided.status, decided.reason, decided.purpose) == ("Expired", "expired", "transaction")
        assert (decided.group_id_token, decided.transaction_id) == ("FLEET", "tx-1")
        assert decided.transaction == transaction_key("CS1", "tx-1")

    async def test_too_many_transactions_are_the_reason(self, world):
        world.auth.tokens["ONE"] = IdTokenInfo(status="Accepted", reason="stored", concurrent_tx_limit=1)
        await told(world, world.event(0, "Started", token="ONE"))
        assert await told(world, world.event(0, "Started", "tx-2", token="ONE")) == "ConcurrentTx"
        await world.told(2)
        decisions = [event.authorization_decided for event in world.decisions]
        assert [(one.status, one.reason) for one in decisions] == [
            ("Accepted", "stored"),
            ("ConcurrentTx", "concurrency"),
        ]
