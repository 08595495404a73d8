"""TransactionEvents: kept, ordered, repeated, accounted for."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from csms_testing.simulator import Ledger, Plan, State, Station
from csms_testing.simulator.ledger import payload_hash
from csms_testing.simulator.scripted_csms import SILENCE, MakeStation, Refusal, ScriptedCsms

QUICK = Plan(duration_s=180, meter_interval_s=0)


async def test_a_session_while_offline_is_delivered_later_in_order(csms: ScriptedCsms, station: Station) -> None:
    await station.go_offline()
    await station.wait_for(lambda: not station.connected)
    await station.charge(1, "TAG1", plan=QUICK)
    assert csms.of("TransactionEvent") == []
    assert len(station.delivery) == 5

    station.go_online()
    await station.delivery.flushed()

    assert [event["seqNo"] for event in csms.of("TransactionEvent")] == [0, 1, 2, 3, 4]
    assert all(event["offline"] for event in csms.of("TransactionEvent"))
    assert station.ledger.summary()["acknowledged"] == 5


async def test_an_unpaced_session_waits_while_nobody_takes_its_events(csms: ScriptedCsms, station: Station) -> None:
    await station.go_offline()
    await station.wait_for(lambda: not station.connected)
    endless = asyncio.create_task(station.charge(1, "TAG1", plan=Plan(duration_s=60 * 200, meter_interval_s=0)))
    async with asyncio.timeout(10):
        while len(station.delivery) < 50:  # noqa: ASYNC110  # the session has no event for it
            await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(station.delivery) == 50

    station.go_online()
    result = await endless
    assert result.events == len(csms.of("TransactionEvent")) == 202


async def test_a_wrong_clock_shows_in_events_only(csms: ScriptedCsms, station: Station) -> None:
    station.clock_error = timedelta(days=-3650)
    await station.charge(1, "TAG1", plan=QUICK)
    await station.delivery.flushed()

    sent = csms.of("TransactionEvent")
    assert len(sent) == 5
    years = {datetime.now(UTC).year - int(event["timestamp"][:4]) for event in sent}
    assert years <= {9, 10}
    assert sent[0]["meterValue"][0]["timestamp"] == sent[0]["timestamp"]


async def test_an_unanswered_event_is_repeated_unchanged(csms: ScriptedCsms, make_station: MakeStation) -> None:
    answers = [SILENCE]
    csms.answers["TransactionEvent"] = lambda _: answers.pop() if answers else {}

    async with make_station(call_timeout_s=0.5) as station:
        await station.wait_accepted()
        await station.charge(1, "TAG1", plan=QUICK)

    first, second = csms.of("TransactionEvent")[:2]
    assert first == second
    assert [entry.seq_no for entry in station.ledger.resent()] == [0]
    assert len(set(station.ledger.resent()[0].message_ids)) == 2


async def test_a_repetition_may_keep_its_message_id(csms: ScriptedCsms, make_station: MakeStation) -> None:
    answers = [SILENCE]
    csms.answers["TransactionEvent"] = lambda _: answers.pop() if answers else {}

    async with make_station(call_timeout_s=0.5, retry_same_message_id=True) as station:
        await station.wait_accepted()
        await station.charge(1, "TAG1", plan=QUICK)

    ids = [entry.message_id for entry in csms.received if entry.action == "TransactionEvent"]
    assert ids[0] == ids[1]
    assert ids[1] != ids[2]


async def test_an_event_in_flight_at_a_connection_loss_is_sent_again(csms: ScriptedCsms, station: Station) -> None:
    answers = [SILENCE]
    csms.answers["TransactionEvent"] = lambda _: answers.pop() if answers else {}

    async with asyncio.TaskGroup() as group:
        group.create_task(station.charge(1, "TAG1", plan=QUICK))
        await csms.wait("TransactionEvent")
        csms.drop()
    await station.delivery.flushed()

    numbers = [event["seqNo"] for event in csms.of("TransactionEvent")]
    assert numbers == [0, 0, 1, 2, 3, 4]
    assert csms.of("TransactionEvent")[0] == csms.of("TransactionEvent")[1]
    assert station.ledger.summary()["pending"] == 0


async def test_a_callerror_is_tried_again_until_no_attempt_is_left(csms: ScriptedCsms, station: Station) -> None:
    station.model.write("OCPPCommCtrlr", "MessageAttempts", "3", "TransactionEvent")
    csms.answers["TransactionEvent"] = lambda event: Refusal("InternalError") if event["seqNo"] == 1 else {}

    await station.charge(1, "TAG1", plan=QUICK)

    assert [event["seqNo"] for event in csms.of("TransactionEvent")] == [0, 1, 1, 1, 2, 3, 4]
    (dropped,) = station.ledger.in_state(State.DROPPED)
    assert (dropped.seq_no, len(dropped.message_ids)) == (1, 3)
    assert "InternalError" in dropped.errors[0]


async def test_a_full_queue_gives_up_updates_only(make_station: MakeStation) -> None:
    station = make_station(offline_limit=6)
    await station.charge(1, "TAG1", plan=Plan(duration_s=1200, meter_interval_s=0))

    kept = [entry.event_type for entry in station.ledger.in_state(State.PENDING)]
    assert kept[0] == "Started"
    assert kept[-1] == "Ended"
    assert len(station.delivery) <= 6
    assert {entry.event_type for entry in station.ledger.in_state(State.DROPPED)} == {"Updated"}


async def test_a_refusal_that_arrives_late_still_counts(csms: ScriptedCsms, make_station: MakeStation) -> None:
    csms.answers["TransactionEvent"] = lambda event: (
        {"idTokenInfo": {"status": "Blocked"}} if "idToken" in event else {}
    )

    async with make_station(speed=1) as station:
        await station.wait_accepted()
        await station.go_offline()
        await station.wait_for(lambda: not station.connected)
        async with asyncio.TaskGroup() as group:
            session = group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await station.wait_for(lambda: len(station.delivery) == 2)
            station.go_online()

    assert session.result().stopped_reason == "DeAuthorized"


async def test_power_loss(csms: ScriptedCsms, make_station: MakeStation) -> None:
    async with make_station(speed=100) as station:
        await station.wait_accepted()
        async with asyncio.TaskGroup() as group:
            session = group.create_task(station.charge(1, "TAG1", plan=Plan(plug_delay_s=0)))
            await csms.wait("TransactionEvent", 2)
            await station.power_loss()
        await station.delivery.flushed()

    assert session.result().stopped_reason == "PowerLoss"
    assert [boot["reason"] for boot in csms.of("BootNotification")] == ["PowerUp", "PowerUp"]
    assert csms.of("TransactionEvent")[-1]["offline"] is True


async def test_ledger_queries(csms: ScriptedCsms, station: Station) -> None:
    await station.charge(1, "TAG1", plan=QUICK)
    (key,) = station.ledger.transactions()

    assert station.ledger.transactions()[key] == [0, 1, 2, 3, 4]
    assert station.ledger.acknowledged_keys() == {(*key, number) for number in range(5)}
    assert station.ledger.sent_keys() == station.ledger.acknowledged_keys()
    entry = station.ledger.entries("CS1", key[1])[0]
    assert entry.payload_hash == payload_hash(csms.of("TransactionEvent")[0])
    assert entry.answer == {"idTokenInfo": {"status": "Accepted"}}
    assert station.ledger.entries("CS2") == []


async def test_ledger_survives_a_file(station: Station, tmp_path: Path) -> None:
    await station.charge(1, "TAG1", plan=QUICK)
    station.ledger.save(tmp_path / "ledger.json")

    loaded = Ledger.load(tmp_path / "ledger.json")

    assert list(loaded) == list(station.ledger)
    assert loaded.summary() == station.ledger.summary()


async def test_a_sequence_number_used_twice_is_a_mistake() -> None:
    ledger = Ledger()
    payload = {"transactionInfo": {"transactionId": "t"}, "seqNo": 0, "eventType": "Started", "timestamp": ""}
    ledger.record("CS1", payload)

    with pytest.raises(ValueError, match="seqNo used twice"):
        ledger.record("CS1", payload)
