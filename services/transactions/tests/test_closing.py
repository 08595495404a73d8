"""Transactions whose Ended event never comes are ended: on evidence, by asking the station, or by an operator."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms.v1.events_pb2 import DomainEvent, StationBooted
from csms.v1.station_pb2 import CallOrderVerdict, CommandResult, Outcome, StationCommand
from csms_bus import topics
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_runtime.clock import now_ms, to_ms, utcnow
from csms_transactions.closing import boots, evidence
from csms_transactions.domain.closing import CloseReason, Evidence, StationSays, Verdict, pause, verdict
from csms_transactions.domain.identity import transaction_key
from csms_transactions.store import status_checks

RESULT, ERROR, UNKNOWN = Outcome.OUTCOME_RESULT, Outcome.OUTCOME_ERROR, Outcome.OUTCOME_UNKNOWN
GONE = {"ongoingIndicator": False, "messagesInQueue": False}
T = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(boots, "BOOT_DELAY", timedelta(0))
    monkeypatch.setattr(evidence, "LATE_DELAY", timedelta(0))


async def item(api: Any, transaction_id: str = "tx-1") -> dict[str, Any]:
    (found,) = (await api.get("/transactions", params={"transaction_id": transaction_id})).json()["items"]
    return found  # type: ignore[no-any-return]


async def active(api: Any) -> list[str]:
    items = (await api.get("/transactions", params={"state": "Active"})).json()["items"]
    return [found["transaction_id"] for found in items]


async def begin(world: Any, transaction_id: str = "tx-1", **fields: Any) -> None:
    await world.gateway.tell(world.event(0, "Started", transaction_id, evse={"id": 1}, energy=1000) | fields)


async def boot(world: Any, reason: str = "PowerUp", at: datetime | None = None) -> None:
    event = DomainEvent(
        station_id="CS1", occurred_at_ms=to_ms(at or utcnow()), station_booted=StationBooted(reason=reason)
    )
    await world.bus.publish([Outgoing(topics.EVENTS_DEVICES.name, new_record("CS1", event=event))])


async def say(world: Any, answer: dict[str, Any], transaction_id: str = "tx-1", at_ms: int | None = None) -> None:
    """What a station answered to an operator's GetTransactionStatus."""
    command = StationCommand(
        protocol="ocpp2.0.1",
        action="GetTransactionStatus",
        origin="http",
        payload=orjson.dumps({"transactionId": transaction_id}),
    )
    result = CommandResult(
        command=command, outcome=RESULT, payload=orjson.dumps(answer), completed_at_ms=at_ms or now_ms() + 1000
    )
    await world.bus.publish([Outgoing(topics.RESULTS.name, new_record("CS1", command_result=result))])


async def test_the_stations_word_ends_it(world, api):
    await begin(world)
    await say(world, GONE)

    async def is_closed() -> bool:
        return await active(api) == []

    await world.eventually(is_closed)
    found = await item(api)
    assert (found["state"], found["stopped_reason"], found["close_reason"]) == ("Ended", None, "NotOngoing")
    assert (found["closed_by"], found["ended_at"]) == ("", "2026-01-01T00:00:00Z")
    assert await world.told(2) == ["transaction_started", "transaction_ended"]
    assert world.events[1].transaction_ended.transaction.close_reason == "NotOngoing"


@pytest.mark.parametrize(
    "answer",
    [
        {"ongoingIndicator": True, "messagesInQueue": False},
        {"ongoingIndicator": False, "messagesInQueue": True},
        {"messagesInQueue": False},
    ],
)
async def test_another_word_does_not(world, api, answer):
    await begin(world)
    await say(world, answer)
    await say(world, GONE, "unknown")
    await say(world, GONE, at_ms=1)  # before the newest event
    await begin(world, "tx-2", evse={"id": 2})
    await say(world, GONE, "tx-2")

    async def is_closed() -> bool:
        return "tx-2" not in await active(api)

    await world.eventually(is_closed)  # and what was said before that is handled, too
    assert await active(api) == ["tx-1"]


async def test_an_end_that_comes_later_counts(world, api):
    await begin(world)
    key = transaction_key("CS1", "tx-1")
    answer = await api.post(f"/transactions/{key}/close", json={"reason": " the station was replaced "})
    assert answer.status_code == 200
    closed = answer.json()
    assert (closed["state"], closed["stopped_reason"]) == ("Ended", None)
    assert (closed["close_reason"], closed["closed_by"]) == ("the station was replaced", "operate")
    again = await api.post(f"/transactions/{key}/close", json={"reason": "the station was replaced"})
    assert (again.status_code, again.json()["revision"]) == (200, closed["revision"])
    assert (await api.post(f"/transactions/{key}/close", json={"reason": "why not"})).status_code == 409
    await world.gateway.tell(world.event(3, energy=1500))
    await world.gateway.tell(world.event(5, "Ended", energy=3000, info={"stoppedReason": "PowerLoss"}))
    found = await item(api)
    assert (found["state"], found["stopped_reason"], found["energy_wh"]) == ("Ended", "PowerLoss", 2000)
    assert (found["ended_at"], found["close_reason"]) == ("2026-01-01T00:00:05Z", "the station was replaced")
    kinds = ["transaction_started", "transaction_ended", "transaction_updated", "transaction_updated"]
    assert await world.told(4) == kinds
    whole = world.events[3].transaction_updated.transaction
    assert (whole.stopped_reason, whole.energy_wh, whole.close_reason) == (
        "PowerLoss",
        2000,
        "the station was replaced",
    )
    assert whole.revision == found["revision"]
    assert (await api.post(f"/transactions/{key}/close", json={"reason": "why not"})).status_code == 409


async def test_closing_needs_a_reason_a_transaction_and_the_right_to(world, api):
    await begin(world)
    path = f"/transactions/{transaction_key('CS1', 'tx-1')}/close"
    for body in ({}, {"reason": " "}, {"reason": "x" * 501}, {"reason": "a\0b"}, {"reason": "a", "state": "Ended"}):
        assert (await api.post(path, json=body)).status_code == 422
    assert (await api.post("/transactions/none/close", json={"reason": "a"})).status_code == 404
    reader = {"Authorization": "Bearer reader"}
    assert (await api.post(path, json={"reason": "a"}, headers=reader)).status_code == 403
    assert await active(api) == ["tx-1"]


async def test_another_transaction_on_the_evse_has_the_station_asked(world, api):
    await world.connect()
    await begin(world)
    await begin(world, "elsewhere", evse={"id": 2})
    await begin(world, "tx-2")
    command = await world.gateway.answer(RESULT, GONE)
    assert (command.action, orjson.loads(command.payload)) == ("GetTransactionStatus", {"transactionId": "tx-1"})

    async def only_others() -> bool:
        return sorted(await active(api)) == ["elsewhere", "tx-2"]

    await world.eventually(only_others)
    assert (await item(api))["close_reason"] == "NotOngoing"


@pytest.mark.parametrize(("outcome", "sent"), [(ERROR, True), (UNKNOWN, True), (Outcome.OUTCOME_NOT_CONNECTED, False)])
async def test_what_the_station_cannot_say_the_evse_does(world, api, outcome, sent):
    await world.connect()
    await begin(world)
    await begin(world, "tx-2")
    await world.gateway.answer(outcome, sent=sent)

    async def only_one() -> bool:
        return await active(api) == ["tx-2"]

    await world.eventually(only_one)
    assert (await item(api))["close_reason"] == "OtherTransactionOnEvse"


async def test_a_station_that_is_not_known_any_more_cannot_say(world, api):
    world.devices.verdict = CallOrderVerdict.VERDICT_UNKNOWN_STATION
    await begin(world)
    await begin(world, "tx-2")

    async def only_one() -> bool:
        return await active(api) == ["tx-2"]

    await world.eventually(only_one)


async def test_what_began_earlier_and_comes_late_puts_nothing_in_doubt(world, api):
    """A station delivers a transaction that it had while it was offline; that one is asked about."""
    await world.connect()
    await begin(world)
    await begin(world, "late", timestamp="2025-12-01T00:00:00Z", offline=True)
    command = await world.gateway.answer(RESULT, {"ongoingIndicator": False, "messagesInQueue": True})
    assert orjson.loads(command.payload) == {"transactionId": "late"}
    await world.gateway.tell(world.event(1, "Ended", "late", offline=True))
    assert await active(api) == ["tx-1"]


async def test_an_evse_that_is_told_later_counts_too(world, api):
    await world.connect()
    await begin(world)
    await world.gateway.tell(world.event(0, "Started", "tx-2"))
    await world.gateway.tell(world.event(1, "Updated", "tx-2", evse={"id": 1}))
    await world.gateway.answer(RESULT, GONE)

    async def only_one() -> bool:
        return await active(api) == ["tx-2"]

    await world.eventually(only_one)


async def test_a_boot_has_the_station_asked(world, api):
    await world.connect()
    await begin(world)
    await boot(world, "Triggered")
    await boot(world, at=T - timedelta(hours=1))  # before the newest event
    await boot(world, at=utcnow() + timedelta(seconds=1))
    await world.gateway.answer(RESULT, GONE)

    async def none() -> bool:
        return await active(api) == []

    await world.eventually(none)
    assert len(world.devices.ordered) == 1


async def test_what_was_queued_before_a_boot_says_nothing_of_after_it(world, api):
    """The power failed; the station delivers what it had, but no end."""
    await world.connect()
    booted_at = utcnow()
    await begin(world)
    await world.gateway.tell(world.event(1, offline=True, timestamp="2026-01-01T00:10:00Z"))
    await boot(world, at=booted_at)
    await world.gateway.answer(RESULT, GONE)

    async def none() -> bool:
        return await active(api) == []

    await world.eventually(none)
    assert (await item(api))["ended_at"] == "2026-01-01T00:10:00Z"


async def test_a_transaction_that_goes_on_after_a_boot_is_left_alone(world, api):
    await world.connect()
    await begin(world)
    await boot(world, at=utcnow() + timedelta(seconds=1))
    await world.gateway.answer(RESULT, {"ongoingIndicator": True, "messagesInQueue": False})

    async def settled() -> bool:
        async with world.database.reading() as session:
            return await status_checks.next_due(session) is None

    await world.eventually(settled)
    assert await active(api) == ["tx-1"]


async def test_the_next_event_of_a_closed_transaction_is_stored(world, api):
    """The process knows a running transaction by heart: closing makes it forget."""
    await begin(world)
    await world.gateway.tell(world.event(1))
    await api.post(f"/transactions/{transaction_key('CS1', 'tx-1')}/close", json={"reason": "a"})
    assert await world.gateway.tell(world.event(2)) == {}
    found = await item(api)
    assert (found["state"], found["event_count"], found["close_reason"]) == ("Ended", 3, "a")


async def test_remote_stop_still_reaches_a_station_whose_transaction_was_closed(world, api):
    await world.connect()
    await begin(world)
    key = transaction_key("CS1", "tx-1")
    await api.post(f"/transactions/{key}/close", json={"reason": "a"})
    stopping = await api.post(f"/transactions/{key}/remote-stop", headers={"Prefer": "respond-async"})
    assert stopping.status_code == 202
    await world.gateway.answer(RESULT, {"status": "Accepted"})
    await world.gateway.tell(world.event(1, "Ended"))
    assert (await api.post(f"/transactions/{key}/remote-stop")).status_code == 409


LATER = T + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("evidence", "says", "follows"),
    [
        (None, StationSays(LATER, ongoing=False), Verdict(CloseReason.NOT_ONGOING)),
        (None, StationSays(T, ongoing=False), Verdict(CloseReason.NOT_ONGOING)),
        (Evidence.BOOT, StationSays(T - timedelta(seconds=1), ongoing=False), Verdict(ask_again=True)),
        (Evidence.BOOT, StationSays(LATER, ongoing=False, queued=True), Verdict(ask_again=True)),
        (Evidence.OTHER_ON_EVSE, StationSays(LATER, ongoing=False, queued=True), Verdict(ask_again=True)),
        (Evidence.BOOT, StationSays(LATER, ongoing=True), Verdict()),
        (Evidence.OTHER_ON_EVSE, StationSays(LATER, ongoing=True), Verdict()),
        (None, StationSays(LATER), Verdict()),
        (Evidence.BOOT, StationSays(LATER), Verdict(CloseReason.BOOT)),
        (Evidence.BOOT, StationSays(LATER, answered=False), Verdict(ask_again=True)),
        (Evidence.OTHER_ON_EVSE, StationSays(LATER, answered=False), Verdict(CloseReason.OTHER_ON_EVSE)),
    ],
)
def test_what_follows_from_an_answer(evidence, says, follows):
    assert verdict(evidence, says, T) == follows


def test_pauses_grow_up_to_an_hour():
    assert [pause(asked).total_seconds() for asked in (0, 1, 2, 8, 100)] == [15, 30, 60, 3600, 3600]
