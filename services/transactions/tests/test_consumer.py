"""The service as its neighbours see it: what stations are answered, what is stored, what others are told."""

import asyncio
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import IdToken, IdTokenInfo
from csms_bus.topics import CALLS_TRANSACTIONS
from csms_runtime.clock import now_ms
from csms_transactions.domain.identity import transaction_key
from csms_transactions.domain.transaction import Transaction
from csms_transactions.store import queries
from csms_transactions.store.rows import from_row
from sqlalchemy import text


async def row(world: Any, station_id: str = "CS1", transaction_id: str = "tx-1") -> Any:
    async with world.database.reading() as session:
        return await queries.get(session, transaction_key(station_id, transaction_id))


async def transaction(world: Any, **which: str) -> Transaction:
    return from_row(await row(world, **which))


async def seq_nos(world: Any) -> list[int]:
    async with world.database.reading() as session:
        events = await queries.events(session, transaction_key("CS1", "tx-1"), after=None, limit=1000)
    return [event["seq_no"] for event in events.rows]


async def test_a_transaction_from_start_to_end(world):
    tell, event = world.gateway.tell, world.event
    started = await tell(event(0, "Started", token="TAG", triggerReason="Authorized", energy=1000, evse={"id": 1}))
    assert started == {"idTokenInfo": {"status": "Accepted"}}
    assert await tell(event(1, energy=1500, info={"chargingState": "Charging"})) == {}
    assert await tell(event(2, "Ended", energy=3500)) == {}
    found = await transaction(world)
    assert (found.state, found.energy.wh, found.stopped_reason) == ("Ended", 2500, "Local")
    assert (found.evse_id, found.connector_id, found.gaps) == (1, None, ())
    assert await world.told(3) == ["transaction_started", "transaction_updated", "transaction_ended"]
    assert world.events[0].transaction_started.id_token == "TAG"
    assert world.events[2].transaction_ended.energy_wh == 2500
    assert world.events[2].transaction_ended.energy_quality == "measured"
    whole = world.events[2].transaction_ended.transaction
    assert (whole.id, whole.station_id, whole.transaction_id) == (transaction_key("CS1", "tx-1"), "CS1", "tx-1")
    assert (whole.state, whole.evse_id, whole.id_token, whole.id_token_type) == ("Ended", 1, "TAG", "ISO14443")
    assert (whole.meter_start_wh, whole.meter_stop_wh, whole.energy_wh) == (1000, 3500, 2500)
    assert (whole.stopped_reason, whole.close_reason, list(whole.gaps)) == ("Local", "", [])
    assert (whole.started_at_ms, whole.ended_at_ms) == (1_767_225_600_000, 1_767_225_602_000)
    revisions = [getattr(event, event.WhichOneof("event")).transaction.revision for event in world.events]
    assert revisions[0] < revisions[1] < revisions[2]
    assert (whole.event_count, whole.conflicts) == (3, 0)
    assert (whole.time_spent_charging_s, whole.time_spent_charging_derived) == (1, True)
    assert (whole.energy_quality, list(whole.energy_notes)) == ("measured", [])


async def test_the_answer_of_auth_is_given_in_full(world):
    group = IdToken(id_token="GROUP", type="Central")
    world.auth.tokens["TAG"] = IdTokenInfo(
        status="Accepted",
        group_id_token=group,
        cache_expiry_ms=1_767_225_600_000,
        language1="de",
        personal_message="Hallo",
        evse_ids=[1, 2],
        charging_priority=3,
    )
    assert await world.gateway.tell(world.event(0, "Started", token="TAG")) == {
        "idTokenInfo": {
            "status": "Accepted",
            "groupIdToken": {"idToken": "GROUP", "type": "Central"},
            "cacheExpiryDateTime": "2026-01-01T00:00:00.000Z",
            "language1": "de",
            "personalMessage": {"format": "UTF8", "content": "Hallo"},
            "evseId": [1, 2],
            "chargingPriority": 3,
        }
    }

    async def kept() -> bool:
        return (await row(world))["group_id_token"] == "GROUP"

    await world.eventually(kept)


@pytest.mark.parametrize("status", ["Blocked", "Unknown", "Expired", "Invalid"])
async def test_a_refused_token_is_an_answer_and_the_event_is_stored(world, status):
    world.auth.tokens["TAG"] = IdTokenInfo(status=status)
    assert await world.gateway.tell(world.event(0, "Started", token="TAG")) == {"idTokenInfo": {"status": status}}
    assert (await transaction(world)).state == "Active"


async def test_without_a_decision_the_event_is_stored_and_the_station_is_to_ask_again(world):
    world.auth.silent = True
    reply = await world.gateway.call("CS1", "TransactionEvent", world.event(0, "Started", token="TAG"))
    assert reply.error.code == "InternalError"
    assert await seq_nos(world) == [0]
    world.auth.silent = False
    again = await world.gateway.tell(world.event(0, "Started", token="TAG"))
    assert again["idTokenInfo"]["status"] == "Accepted"
    assert await seq_nos(world) == [0]


async def test_a_silent_auth_does_not_delay_events_without_a_token(world):
    world.auth.silent = True
    waiting = asyncio.create_task(world.gateway.call("CS1", "TransactionEvent", world.event(0, "Started", token="TAG")))
    await asyncio.sleep(0)
    assert await world.gateway.tell(world.event(0, "Started"), station_id="CS2") == {}
    assert not waiting.done()
    await waiting


async def test_events_in_any_order_with_repeats(world):
    event = world.event
    told = [
        event(0, "Started", energy=100, evse={"id": 2, "connectorId": 1}),
        event(1, energy=200),
        event(2, energy=300, info={"chargingState": "Charging"}),
        event(3, "Ended", energy=400, info={"stoppedReason": "Remote"}),
    ]
    for number in (3, 1, 3, 0, 1, 2, 0):
        assert await world.gateway.tell(told[number]) == {}
    found = await transaction(world)
    assert (found.state, found.energy.wh, found.gaps, found.event_count) == ("Ended", 300, (), 4)
    assert found.stopped_reason == "Remote"
    assert await seq_nos(world) == [0, 1, 2, 3]


async def test_gaps_are_known_until_they_are_filled(world):
    for seq_no in (5, 2):
        await world.gateway.tell(world.event(seq_no))
    found = await transaction(world)
    assert found.gaps == ((0, 1), (3, 4))
    assert not found.started_seen


async def test_other_content_of_the_same_event_is_kept_but_the_first_counts(world):
    await world.gateway.tell(world.event(0, "Started", evse={"id": 1}))
    assert await world.gateway.tell(world.event(0, "Started", evse={"id": 2})) == {}
    found = await transaction(world)
    assert (found.evse_id, found.event_count, found.conflicts) == (1, 2, 1)


async def test_many_stations_at_once_with_the_same_transaction_id(world):
    async def charge(number: int) -> None:
        station_id = f"CS{number}"
        tell, event = world.gateway.tell, world.event
        await tell(event(0, "Started", token=f"TAG{number}", energy=0), station_id)
        for seq_no in range(1, 5):
            await tell(event(seq_no, energy=seq_no * number), station_id)
        await tell(event(5, "Ended", energy=10 * number), station_id)

    await asyncio.gather(*(charge(number) for number in range(1, 40)))
    for number in range(1, 40):
        found = await transaction(world, station_id=f"CS{number}")
        assert (found.state, found.event_count, found.energy.wh) == ("Ended", 6, 10 * number)
    assert len(world.auth.requests) < 39  # one question for each batch, not for each token


async def test_one_batch_with_everything_of_a_transaction_reversed(world):
    outgoing = [
        world.gateway.station_call("CS1", "TransactionEvent", world.event(seq_no, kind, energy=seq_no))
        for seq_no, kind in [(3, "Ended"), (2, "Updated"), (2, "Updated"), (1, "Updated"), (0, "Started")]
    ]
    await world.bus.publish([record for record, _ in outgoing])
    await world.eventually(lambda: all(correlation_id in world.gateway.replies for _, correlation_id in outgoing))
    found = await transaction(world)
    assert (found.state, found.event_count, found.energy.wh) == ("Ended", 4, 3)


async def test_nobody_is_answered_after_the_deadline_but_the_event_is_stored(world):
    record, late = world.gateway.station_call(
        "CS1", "TransactionEvent", world.event(0, "Started", token="TAG"), deadline_ms=now_ms() - 1
    )
    await world.bus.publish([record])
    await world.gateway.tell(world.event(1))
    assert late not in world.gateway.replies
    assert await seq_nos(world) == [0, 1]


async def test_a_token_is_decided_on_although_its_station_waits_no_more(world):
    world.auth.tokens["TAG"] = IdTokenInfo(status="Accepted", group_id_token=IdToken(id_token="GROUP", type="Central"))
    record, late = world.gateway.station_call(
        "CS1", "TransactionEvent", world.event(0, "Started", token="TAG"), deadline_ms=now_ms() - 1
    )
    await world.bus.publish([record])

    async def kept() -> bool:
        found = await row(world)
        return found is not None and found["group_id_token"] == "GROUP"

    await world.eventually(kept)
    assert late not in world.gateway.replies


async def test_the_group_of_a_stopping_token_leaves_that_of_the_transaction_alone(world):
    for token in ("FIRST", "SECOND", "THIRD"):
        group = IdToken(id_token=f"GROUP {token}", type="Central")
        world.auth.tokens[token] = IdTokenInfo(status="Accepted", group_id_token=group)
    tell, event = world.gateway.tell, world.event
    await tell(event(0, "Started", token="FIRST"))
    await world.eventually(lambda: _group_is(world, "GROUP FIRST"))
    await tell(event(1, token="SECOND", triggerReason="StopAuthorized"))
    await tell(event(2, "Ended", token="THIRD"))
    await world.service._tokens.drain()
    assert (await row(world))["group_id_token"] == "GROUP FIRST"


async def _group_is(world: Any, group: str) -> bool:
    return bool((await row(world))["group_id_token"] == group)


async def test_meter_values_are_stored_once(world):
    payload = {"evseId": 0, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1}]}]}
    for _ in range(2):
        reply = await world.gateway.call("CS1", "MeterValues", payload)
        assert orjson.loads(reply.payload) == {}
    async with world.database.reading() as session:
        rows = await queries.station_meter_values(session, "CS1", evse_id=None, since=None, after=None, limit=10)
    assert [(found["evse_id"], orjson.loads(found["payload"])) for found in rows.rows] == [(0, payload)]


async def test_a_key_code_is_asked_about_but_appears_in_no_event_and_no_column(world):
    code = {"idToken": "4711", "type": "KeyCode"}
    await world.gateway.tell(world.event(0, "Started", idToken=code))
    assert world.auth.requests[0].questions[0].id_token.id_token == "4711"
    await world.told(1)
    assert "4711" not in str(world.events[0])
    assert "4711" not in str(dict(await row(world)))
    async with world.database.reading() as session:
        (stored,), _ = await queries.events(session, (await row(world))["id"], after=None, limit=2)
    assert orjson.loads(stored["payload"])["idToken"] == {"idToken": "***", "type": "KeyCode"}


async def test_a_repeated_event_with_a_key_code_is_a_repeat(world):
    code = {"idToken": "4711", "type": "KeyCode", "additionalInfo": [{"additionalIdToken": "1", "type": "x"}]}
    event = world.event(0, "Started", idToken=code)
    for _ in range(2):
        await world.gateway.tell(event)
    assert await seq_nos(world) == [0]


@pytest.mark.parametrize("wrong", [{"timestamp": "yesterday"}, {"seqNo": 2**31}])
async def test_what_cannot_be_stored_is_refused(world, wrong):
    payload = {**world.event(0, "Started"), **wrong}
    reply = await world.gateway.call("CS1", "TransactionEvent", payload)
    assert reply.error.code == "PropertyConstraintViolation"


async def test_an_action_of_another_service_is_refused(world):
    reply = await world.gateway.call("CS1", "Authorize", {}, protocol="ocpp1.6")
    assert reply.error.code == "NotSupported"


async def test_a_send_gets_no_answer(world):
    record, correlation_id = world.gateway.station_call("CS1", "TransactionEvent", world.event(0), no_reply=True)
    await world.bus.publish([record])
    await world.gateway.tell(world.event(1))
    assert correlation_id not in world.gateway.replies


async def test_poison_goes_to_the_dead_letters_and_the_rest_goes_on(world):
    broken, correlation_id = world.gateway.station_call("CS1", "TransactionEvent", {})
    await world.bus.publish([broken])
    assert broken.topic == CALLS_TRANSACTIONS.name
    assert await world.gateway.tell(world.event(0, "Started")) == {}
    assert world.gateway.replies[correlation_id].error.code == "InternalError"


async def test_an_update_tells_of_a_correction_after_the_end(world):
    for seq_no, kind, energy in [(0, "Started", 0), (9, "Ended", 100)]:
        await world.gateway.tell(world.event(seq_no, kind, energy=energy))
    late = [{"timestamp": "2026-01-01T00:00:20Z", "sampledValue": [{"value": 150, "context": "Transaction.End"}]}]
    await world.gateway.tell(world.event(5, meterValue=late))
    kinds = await world.told(3)
    assert kinds == ["transaction_started", "transaction_ended", "transaction_updated"]
    assert world.events[2].transaction_updated.energy_wh == 150


async def test_the_outbox_is_emptied(world):
    await world.gateway.tell(world.event(0, "Started"))
    await world.told(1)

    async def empty() -> bool:
        async with world.database.reading() as session:
            return (await session.execute(text("SELECT count(*) FROM outbox"))).scalar_one() == 0

    await world.eventually(empty)


@pytest.mark.parametrize(("takes_several", "records"), [(True, 1), (False, 3)])
async def test_the_answers_of_a_batch_come_in_one_record_to_a_gateway_that_takes_it(world, takes_several, records):
    gateway = world.gateway
    gateway.takes_several = takes_several
    calls = [gateway.station_call(f"CS{at}", "TransactionEvent", world.event(0, "Started")) for at in range(3)]
    await world.bus.publish([outgoing for outgoing, _ in calls])
    await world.eventually(lambda: gateway.replies.keys() >= {correlation_id for _, correlation_id in calls})
    assert [gateway.replies[correlation_id].payload for _, correlation_id in calls] == [b"{}"] * 3
    assert gateway.answer_records == records
