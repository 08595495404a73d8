"""MeterValues messages for the EVSE of a running transaction (J01.FR.14) count for it, in whatever order all comes."""

import random
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from csms_testing.energy_streams import payloads
from csms_transactions.domain.identity import Identity, transaction_key
from csms_transactions.domain.transaction import Transaction, derive
from csms_transactions.events import meter_values
from csms_transactions.events.applying import apply_events
from csms_transactions.store import meter_values as store_meter_values
from csms_transactions.store import tables, transactions
from csms_transactions.store.events import NewEvent
from csms_transactions.versions.v201 import messages as v201
from sqlalchemy import literal_column, update
from structlog.testing import capture_logs

KEY = transaction_key("CS1", "tx")
Messages = Sequence[tuple[str, dict[str, Any]]]
STREAMS = [
    "S; M@1 5000; M@3 5300; M@5 5600; E@6",
    "S begin 100; M 250; M 400; E end 600",
    "S@0 EVConnected; M@1 100; U@2 Charging; M@3 300; U@4 350; M@5 500; E@6",
    "S; M@1 begin 100; M@5 end 600; E@6",
    "S@0 begin 100; M@2 250; M@9 900; E@6 600",
    "S begin L1=100 L2=100; M L1=200 L2=150; E end L1=300 L2=300",
    "S; M@1 interval=100; M@2 interval=150; E@6 end interval=50",
    "S@0 begin 100; U@2 200; M@3 0; M@4 50; E@6 end 300",
    "S@0 begin 100; M@1 200; U@2; M@3 300; E@6 @0 begin 100 | @2 250 | @6 end 600",
    "S@0 begin 100; U@90 300; M@91 400; U@3 350; M@5 360; E@9 end 600",
]


def derived(messages: Messages) -> Transaction:
    """The transaction that all of them tell of."""
    events = [v201.transaction_event(body) for action, body in messages if action == "TransactionEvent"]
    measured = [reading for action, body in messages if action == "MeterValues" for reading in readings(body)]
    return derive(events, measured=measured)


def readings(body: dict[str, Any]) -> Any:
    return v201.meter_values(orjson.dumps(body)).readings


async def send(world: Any, messages: Messages, station_id: str = "CS1") -> None:
    for action, payload in messages:
        reply = await world.gateway.call(station_id, action, payload)
        assert reply.WhichOneof("outcome") == "payload", reply


async def stored(world: Any, key: str = KEY) -> Transaction:
    async with world.database.transaction() as session:
        return (await transactions.load(session, [key]))[key]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stream", STREAMS)
async def test_any_order_of_arrival_gives_the_same(world, stream, seed):
    messages = payloads(stream)
    told = list(messages)
    if seed:
        told += messages[: len(messages) // 2]  # some of them twice
        random.Random(seed).shuffle(told)  # noqa: S311 repeatable tests
    await send(world, told)
    found, expected = await stored(world), derived(messages)
    assert found.energy == expected.energy
    assert found.meter == expected.meter


async def test_they_count_and_are_shown_with_the_transaction(world, api):
    await send(world, payloads("S; M@1 5000; M@3 5300; M@5 5600; E@6"))
    (shown,) = (await api.get("/transactions")).json()["items"]
    assert (shown["energy_wh"], shown["energy_quality"]) == (600, "estimated")
    assert len(shown["energy_notes"]) == 2
    values = (await api.get(f"/transactions/{KEY}/meter-values")).json()["items"]
    assert [(item["seq_no"], item["meter_value"]["sampledValue"][0]["value"]) for item in values] == [
        (None, 5000),
        (None, 5300),
        (None, 5600),
    ]
    assert len((await api.get("/stations/CS1/meter-values")).json()["items"]) == 3


async def test_meter_values_are_listed_in_pages(world, api):
    await send(world, payloads("S begin 100; M@1 200; M@2 300; U@3 400; E@6 end 600"))
    found, cursor = [], {}
    while True:
        page = (await api.get(f"/transactions/{KEY}/meter-values", params={"limit": 1, **cursor})).json()
        found += [item["meter_value"]["sampledValue"][0]["value"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == [100, 400, 600, 200, 300]


async def test_what_is_measured_elsewhere_or_at_another_time_does_not_count(world):
    main_meter = payloads("M@1 5000; M@5 9000")
    for _, body in main_meter:
        body["evseId"] = 0
    other = payloads("M@1 5000; M@5 9000")
    for _, body in other:
        body["evseId"] = 2
    await send(world, [*payloads("S"), *main_meter, *other, *payloads("M@-9 100; M@12 8000"), *payloads("S; E@6")[1:]])
    await send(world, payloads("M@1 5000; M@5 9000"), "CS2")
    assert (await stored(world)).energy.wh is None


def claim_at_a_time(monkeypatch, most):
    monkeypatch.setattr(store_meter_values._FREE, "_most", literal_column(str(most)))
    monkeypatch.setattr(store_meter_values._FREE, "_compiled", {})
    monkeypatch.setattr(meter_values, "MOST_FREE", most)


async def test_many_messages_before_their_transaction_are_all_claimed(world, monkeypatch):
    """Step by step, whatever lies beside them: of another EVSE, before it, or at a station whose clock is wrong."""
    claim_at_a_time(monkeypatch, 3)
    other = payloads("; ".join(f"M@{n} {n}" for n in range(1, 9)))
    for _, body in other:
        body["evseId"] = 2
    own = payloads("; ".join(f"M@{n} interval=10" for n in range(1, 9)))
    await send(world, payloads("; ".join(f"M@-{n} interval=10" for n in range(1, 9))))
    await send(world, [*other, *own])
    await send(world, payloads("S; E@9 end interval=10"))
    assert (await stored(world)).energy.wh == 90


async def test_one_stations_clock_hides_no_messages_of_another(world, database, monkeypatch):
    claim_at_a_time(monkeypatch, 3)
    await send(world, payloads("; ".join(f"M@-{n} interval=10" for n in range(100, 109))), "CS2")
    await send(world, payloads("M@1 interval=10; M@2 interval=10"), "CS2")
    batch = {}
    for station_id, body in (("CS1", payloads("S")[0][1]), ("CS2", payloads("S")[0][1])):
        if station_id == "CS1":
            body = body | {"timestamp": "1970-01-01T00:00:00Z"}  # noqa: PLW2901 of this station alone
        raw, event, key = orjson.dumps(body), v201.transaction_event(body), transaction_key(station_id, "tx")
        batch[Identity(key, station_id, "tx")] = [NewEvent(key, "ocpp2.0.1", event, raw, event.at, raw)]
    async with database.direct() as session:
        await apply_events(session, batch, event.at)
    assert (await stored(world, transaction_key("CS2", "tx"))).energy.wh == 20


async def test_what_is_claimed_at_a_time_is_bounded_and_said(world, monkeypatch):
    claim_at_a_time(monkeypatch, 1)
    monkeypatch.setattr(meter_values, "MAX_STEPS", 2)
    with capture_logs() as logs:
        await send(world, payloads("; ".join(f"M@{n} interval=10" for n in range(1, 6)) + "; S@0"))
    assert [one["event"] for one in logs if one["log_level"] == "warning"] == [
        "more meter values came before their transaction than are read at a time"
    ]
    assert (await stored(world)).energy.wh == 20


async def test_the_newer_of_two_transactions_at_an_evse_gets_them(world):
    older = payloads("S@0 begin 100")
    newer = payloads("S@10 begin 500")
    newer[0][1]["transactionInfo"]["transactionId"] = "newer"
    await send(world, [*older, *newer, *payloads("M@12 900")])
    assert (await stored(world)).energy.wh is None
    assert (await stored(world, transaction_key("CS1", "newer"))).energy.wh == 400


async def test_a_correction_after_the_end_is_told(world):
    messages = payloads("S begin 100; M@2 250; E@6")
    await send(world, [messages[0], messages[2], messages[1]])
    assert await world.told(3) == ["transaction_started", "transaction_ended", "transaction_updated"]
    assert world.events[2].transaction_updated.energy_wh == 150
    assert world.events[2].transaction_updated.energy_quality == "estimated"


async def test_what_an_earlier_version_stored_is_marked_and_computed_again_with_the_next_event(world, api):
    messages = payloads("S begin L1=100 L2=100 L3=100; U L1=200 L2=200 L3=200; E end L1=400 L2=400 L3=400")
    await send(world, messages[:2])
    async with world.database.transaction() as session:
        before = {"meter": None, "energy_wh": 77, "energy_quality": "estimated", "energy_reasons": 1}
        await session.execute(update(tables.transactions).values(before))
    (shown,) = (await api.get("/transactions")).json()["items"]
    assert (shown["energy_wh"], shown["energy_quality"], len(shown["energy_notes"])) == (77, "estimated", 1)
    found = await stored(world)
    assert found.meter.outdated
    async with world.database.direct() as session:
        event = v201.transaction_event(messages[2][1])
        raw = orjson.dumps(messages[2][1])
        new = NewEvent(KEY, "ocpp2.0.1", event, raw, event.at, raw)
        await apply_events(session, {Identity(KEY, "CS1", "tx"): [new]}, event.at)
    again = await stored(world)
    assert (again.energy.wh, again.energy.quality, again.meter.outdated) == (900, "measured", False)


async def test_a_station_with_meter_values_alone_is_found_in_any_case(world, api):
    await send(world, [one for one in payloads("S; M@1 100; E@2") if one[0] == "MeterValues"], "Cs-Ä1")
    for spelled in ("Cs-Ä1", "CS-Ä1", "cs-Ä1"):
        assert len((await api.get(f"/stations/{spelled}/meter-values")).json()["items"]) == 1
