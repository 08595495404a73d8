"""What one station sends costs and keeps a bounded amount, however large it is; nothing of a transaction is lost."""

import statistics
import time
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from csms.v1.station_pb2 import StationCall
from csms_runtime import heavy
from csms_runtime.clock import utcnow
from csms_transactions.batch import Batch, BatchMeterValues
from csms_transactions.domain import meter
from csms_transactions.domain.identity import transaction_key
from csms_transactions.domain.quality import Reason
from csms_transactions.domain.readings import Reading, Value
from csms_transactions.domain.transaction import MAX_GAPS, Transaction
from csms_transactions.store import meter_values, queries
from csms_transactions.store.facts import facts_of_readings
from csms_transactions.store.retention import OldMeterValues
from csms_transactions.store.tables import meter_value_bytes, transaction_events
from sqlalchemy import func, select

T = "2026-01-01T00:00:00Z"
KEY = transaction_key("CS1", "tx-1")


def values(count, value=1):
    return [{"timestamp": T, "sampledValue": [{"value": value}]} for _ in range(count)]


async def test_an_event_of_a_day_of_samples_is_kept_whole_and_packed(world, api):
    payload = world.event(0, "Started", meterValue=values(40_000))
    started = time.process_time()
    await world.gateway.tell(payload)
    await world.gateway.tell(payload)
    assert time.process_time() - started < 10
    async with world.database.reading() as session:
        stored = await session.scalar(select(func.length(transaction_events.c.payload)))
        count = await session.scalar(select(func.count()).select_from(transaction_events))
    assert count == 1
    assert stored < len(orjson.dumps(payload)) / 20
    (shown,) = (await api.get(f"/transactions/{KEY}/events")).json()["items"]
    assert shown["payload"] == payload


def wave(count):
    return [
        {
            "timestamp": f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z",
            "sampledValue": [{"value": 1000 + n % 2 * 5}],
        }
        for n in range(count)
    ]


def intervals(count):
    found = wave(count)
    for item in found:
        item["sampledValue"][0]["measurand"] = "Energy.Active.Import.Interval"
    return found


def minute(number, context="Sample.Periodic"):
    sample = {"context": context, "location": "Outlet"}
    energy = {"value": 1000 + number, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}}
    voltage = {"value": 230.5, "measurand": "Voltage", "phase": "L1-N", "unitOfMeasure": {"unit": "V"}}
    return {
        "timestamp": f"2026-01-01T00:00:{number % 60:02}Z",
        "sampledValue": [sample | energy, *[sample | voltage] * 7],
    }


def days(count):
    middle = [minute(number) for number in range(1, count - 1)]
    return [
        minute(0, "Transaction.Begin"),
        *middle,
        minute(count - 1, "Transaction.End") | {"timestamp": "2026-01-02T00:00:00Z"},
    ]


async def test_an_event_as_large_as_may_be_says_what_a_small_one_does(world, api):
    payload = world.event(0, "Started", meterValue=days(3800))
    assert 3_900_000 < len(orjson.dumps(payload)) < 4 * 1024 * 1024
    await world.gateway.tell(payload)
    await world.gateway.tell(dict(reversed(payload.items())))  # sent again, written otherwise
    shown = (await api.get(f"/transactions/{KEY}")).json()
    assert (shown["meter_start"], shown["meter_stop"], shown["event_count"]) == (1000, 4799, 1)
    (event,) = (await api.get(f"/transactions/{KEY}/events")).json()["items"]
    assert event["payload"] == payload
    found = (await api.get(f"/transactions/{KEY}/meter-values")).json()["items"]
    assert [item["meter_value"] for item in found] == payload["meterValue"]


async def test_a_key_code_in_a_large_event_is_not_kept(world, api):
    token = {"idToken": "4711-secret", "type": "KeyCode"}
    payload = world.event(0, "Started", meterValue=days(1000), idToken=token)
    await world.gateway.tell(payload)
    (event,) = (await api.get(f"/transactions/{KEY}/events")).json()["items"]
    assert event["payload"]["idToken"]["idToken"] == "***"
    assert event["payload"]["meterValue"] == payload["meterValue"]


async def test_meter_values_as_large_as_may_be_are_shown(world, api):
    payload = {"evseId": 1, "meterValue": days(3800)}
    await world.gateway.call("CS1", "MeterValues", payload)
    (item,) = (await api.get("/stations/CS1/meter-values")).json()["items"]
    assert item["payload"] == payload


async def test_a_late_event_finds_large_ones_again(world):
    await world.gateway.tell(world.event(0, "Started", energy=1000))
    await world.gateway.tell(world.event(2, "Ended", energy=3000, customData={"vendorId": "v", "x": "a" * 100_000}))
    await world.gateway.tell(world.event(1, energy=2000))
    async with world.database.reading() as session:
        row = await queries.get(session, KEY)
    assert (row["energy_wh"], row["gaps"], row["event_count"]) == (2000, [], 3)


async def test_pages_of_events_end_by_bytes(world, api):
    custom = {"vendorId": "v", "x": "a" * 1_000_000}
    for seq_no in range(6):
        await world.gateway.tell(world.event(seq_no, "Updated" if seq_no else "Started", customData=custom))
    found, cursor, pages = [], None, 0
    while cursor is not None or pages == 0:
        answer = await api.get(f"/transactions/{KEY}/events", params={"cursor": cursor} if cursor else {})
        assert len(answer.content) < 5_000_000
        found += [item["seq_no"] for item in answer.json()["items"]]
        cursor, pages = answer.json()["next_cursor"], pages + 1
    assert found == list(range(6))
    assert pages == 2


async def test_gaps_are_bounded(world):
    for number in range(MAX_GAPS + 20):
        await world.gateway.tell(world.event(number * 2, "Updated" if number else "Started"))
    async with world.database.reading() as session:
        row = await queries.get(session, KEY)
    assert len(row["gaps"]) == MAX_GAPS
    assert row["event_count"] == MAX_GAPS + 20


def message(number, size, station_id="CS1"):
    call = StationCall(payload=b"%d" % number)
    at = utcnow().replace(microsecond=number)
    return BatchMeterValues(station_id, call, 1, at, at, b"x" * size)


@pytest.fixture
def stored(database):
    async def read(station_id="CS1"):
        table = meter_values.meter_values
        async with database.reading() as session:
            count = await session.scalar(select(func.count()).where(table.c.station_id == station_id))
            taken = select(meter_value_bytes.c.bytes).where(meter_value_bytes.c.station_id == station_id)
            return count, await session.scalar(taken)

    return read


async def test_a_stations_oldest_meter_values_give_way(database, stored):
    row = 1000 + meter_values.ROW_BYTES
    for batch in (range(3), range(3), range(3, 6)):  # the second one is a repeat
        async with database.transaction() as session:
            messages = [message(number, 1000, station_id) for number in batch for station_id in ("CS1", "CS2")]
            await meter_values.add(session, database.dialect, messages, 10 * row)
    assert await stored() == (6, 6 * row)
    async with database.transaction() as session:
        await meter_values.add(session, database.dialect, [message(6, 1000)], 5 * row)
    assert await stored() == (5, 5 * row)
    assert await stored("CS2") == (6, 6 * row)


async def test_a_bounded_number_of_them_goes_at_a_time(database, stored, monkeypatch):
    monkeypatch.setattr(meter_values, "STEP_ROWS", 2)
    monkeypatch.setattr(meter_values, "MAX_STEPS", 2)
    async with database.transaction() as session:
        await meter_values.add(session, database.dialect, [message(number, 10) for number in range(10)], 100_000)
    async with database.transaction() as session:
        await meter_values.add(session, database.dialect, [message(10, 10)], 0)
    assert (await stored())[0] == 7


async def test_the_readings_of_a_message_are_counted_too(database, stored):
    """They take more than the payload where that is packed."""
    reading = Reading(utcnow(), "Sample.Periodic", (Value(0, 0, 1.0),))
    measured = [replace(message(number, 10), readings=(reading,) * 1000) for number in range(4)]
    facts = len(facts_of_readings(measured[0].readings))
    assert facts > 50_000
    row = 10 + facts + meter_values.ROW_BYTES
    async with database.transaction() as session:
        await meter_values.add(session, database.dialect, measured[:3], 3 * row)
    assert await stored() == (3, 3 * row)
    async with database.transaction() as session:
        await meter_values.add(session, database.dialect, measured[3:], 3 * row)
    assert await stored() == (3, 3 * row)
    async with database.transaction() as session:
        assert await OldMeterValues().delete(session, utcnow() + timedelta(days=1), 10) == 3
    assert await stored() == (0, None)


@pytest.mark.parametrize("values_of", [wave, intervals])
async def test_readings_that_do_not_only_rise_do_not_hold_the_event_loop(world, values_of, monkeypatch):
    """They are folded in a thread, and a late event finds few of them."""
    threads = []

    def noted(work):
        found = work()
        threads.append(type(found))
        return found

    monkeypatch.setattr(heavy, "_without_collections", noted)
    monkeypatch.setattr(meter, "MOST_VALUES", 500)
    await world.gateway.tell(world.event(0, "Started"))
    await world.gateway.tell(world.event(10, meterValue=values_of(2_000)))
    assert threads == [Batch, dict]  # read, then folded
    async with world.database.reading() as session:
        assert await session.scalar(select(func.max(func.length(transaction_events.c.facts)))) < 60_000
    await world.gateway.tell(world.event(5))
    assert threads == [Batch, dict, Transaction]
    async with world.database.reading() as session:
        row = await queries.get(session, KEY)
    assert row["energy_reasons"] & Reason.MERGED


async def test_large_events_from_the_last_to_the_first_do_not_cost_ever_more(world, api):
    async def told(seq_no):
        payload = world.event(seq_no, meterValue=values(8_000, value=seq_no))
        began = time.process_time()
        await world.gateway.tell(payload)
        return time.process_time() - began

    took = [await told(seq_no) for seq_no in range(40, 0, -1)]
    first, last = statistics.median(took[1:6]), statistics.median(took[-5:])  # one may hold a garbage collection
    assert last < 4 * first  # each with all before it: seven times as much
    shown = (await api.get(f"/transactions/{KEY}")).json()
    assert (shown["event_count"], shown["meter_start"], shown["meter_stop"], shown["gaps"]) == (
        40, 1, 40, [{"first": 0, "last": 0}])  # fmt: skip
