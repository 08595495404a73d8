"""GET /meter-series, and what a transaction takes now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from csms_transactions.domain.series import Measurand, Sample, Series, samples_of, together
from csms_transactions.http import series as route
from csms_transactions.store import series as store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=1)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def sampled(value: Any, measurand: str = "Power.Active.Import", **fields: Any) -> dict[str, Any]:
    return {"value": value, "measurand": measurand, **fields}


def meter_value(seconds: float, *samples: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": text(at(seconds)), "sampledValue": list(samples)}


@pytest.mark.parametrize(
    ("samples", "measurand", "expected"),
    [
        ([sampled(7.4, unitOfMeasure={"unit": "kW"})], Measurand.POWER, 7400),
        ([sampled("7.4", unit="kW")], Measurand.POWER, 7400),
        ([sampled(74, unitOfMeasure={"unit": "W", "multiplier": 2})], Measurand.POWER, 7400),
        ([sampled(1, phase="L1"), sampled(2, phase="L2"), sampled(3, phase="L3")], Measurand.POWER, 6),
        ([sampled(1, phase="L1"), sampled(9)], Measurand.POWER, 9),
        ([sampled(1, location="Inlet"), sampled(9, location="Outlet")], Measurand.POWER, 9),
        (
            [sampled(1, "Current.Import", phase="L1"), sampled(5, "Current.Import", phase="L2")],
            Measurand.CURRENT,
            5,
        ),
        ([sampled(80, "SoC", location="EV", unit="Percent")], Measurand.SOC, 80),
        ([{"value": 12}], Measurand.ENERGY, 12),
        ([sampled("1,5")], Measurand.POWER, None),
        ([sampled("1_000")], Measurand.POWER, None),
        ([sampled("AF01", format="SignedData")], Measurand.POWER, None),
        ([sampled(1, unitOfMeasure={"unit": "W", "multiplier": 400})], Measurand.POWER, None),
        ([sampled(1, phase="N")], Measurand.POWER, None),
        ([sampled(1, "Voltage")], Measurand.POWER, None),
    ],
)
def test_a_sample_has_the_unit_of_its_series_whatever_the_station_writes(samples, measurand, expected):
    found = [sample.value for sample in samples_of([meter_value(0, *samples)], measurand)]
    assert found == ([] if expected is None else [expected])


def test_a_time_that_cannot_be_read_is_left_out():
    assert list(samples_of([{"timestamp": "soon", "sampledValue": [sampled(1)]}], Measurand.POWER)) == []


def test_a_step_has_the_least_the_mean_the_greatest_and_the_last():
    series = Series(T0, at(180), STEP)
    series.add([Sample(at(50), 5), Sample(at(10), 1), Sample(at(20), 3), Sample(at(130), 9)])
    series.add([Sample(at(-1), 100), Sample(at(180), 100)])
    first, third = series.points()
    assert first == (T0, 1, 3, 5, 5, 3)
    assert third == (at(120), 9, 9, 9, 9, 1)


def test_the_sum_counts_on_what_was_told_before_but_not_beyond_the_end_of_a_transaction():
    first, second = (Series(T0, at(300), STEP) for _ in range(2))
    first.add([Sample(at(0), 10), Sample(at(240), 20)])
    second.add([Sample(at(60), 1)])
    second.ends = [at(130)]
    found = [(point.at, point.mean, point.told) for point in together([first, second], Measurand.POWER)]
    assert found == [(at(0), 10, 1), (at(60), 11, 1), (at(120), 11, 0), (at(180), 10, 0), (at(240), 20, 1)]
    assert together([first, second], Measurand.SOC)[1].mean == 5.5


async def charge(world, station_id: str = "CS1", transaction_id: str = "tx-1", power: float = 1000) -> None:
    place = {"evse": {"id": 1}}
    await world.gateway.tell(world.event(0, "Started", transaction_id, **place), station_id)
    for number in range(1, 6):
        value = [meter_value(60 * number, sampled(power * number), sampled(number, "SoC", location="EV"))]
        await world.gateway.tell(world.event(number, "Updated", transaction_id, meterValue=value), station_id)


async def test_the_series_of_an_evse_is_what_events_and_meter_values_tell(world, api, monkeypatch):
    monkeypatch.setattr(store, "PIECE_ROWS", 2)
    await charge(world)
    (transaction,) = (await api.get("/transactions")).json()["items"]
    shown = (await api.get(f"/transactions/{transaction['id']}")).json()
    assert (shown["power_w"], shown["power_at"]) == (5000, "2026-01-01T00:05:00Z")
    values = [meter_value(330, sampled(9, unitOfMeasure={"unit": "kW"}))]
    await world.gateway.call("CS1", "MeterValues", {"evseId": 1, "meterValue": values})
    query = {"evse": "cs1:1", "measurand": "power", "since": text(T0), "until": text(at(600)), "step": "2m"}
    series = (await api.get("/meter-series", params=query)).json()
    assert {name: series[name] for name in ("measurand", "unit", "step_s", "complete", "evses")} == {
        "measurand": "Power.Active.Import",
        "unit": "W",
        "step_s": 120,
        "complete": True,
        "evses": [{"station_id": "cs1", "evse_id": 1}],
    }
    assert [(point["at"][14:19], point["min"], point["mean"], point["max"]) for point in series["points"]] == [
        ("00:00", 1000, 1000, 1000),
        ("02:00", 2000, 2500, 3000),
        ("04:00", 4000, 6000, 9000),
    ]
    soc = (
        await api.get("/meter-series", params={**query, "evse": "1", "station_id": "CS1", "measurand": "SoC"})
    ).json()
    assert [point["last"] for point in soc["points"]] == [1, 3, 5]
    nothing = (await api.get("/meter-series", params={**query, "evse": "CS1:2"})).json()
    assert nothing["points"] == []


async def test_the_series_of_stations_is_their_sum(world, api):
    await charge(world)
    await charge(world, "CS2", "tx-2", power=10)
    query = {"station_id": ["CS1", "CS2"], "since": text(T0), "until": text(at(360)), "step": 60}
    points = (await api.get("/meter-series", params=query)).json()["points"]
    assert [point["mean"] for point in points] == [1010, 2020, 3030, 4040, 5050]


async def test_what_is_read_for_an_answer_is_bounded(world, api, monkeypatch):
    monkeypatch.setattr(route, "_MOST_BYTES", 10)
    await charge(world)
    query = {"evse": "CS1:1", "since": text(T0), "until": text(at(360))}
    series = (await api.get("/meter-series", params=query)).json()
    assert (series["complete"], series["points"]) == (False, [])


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({}, "/evse"),
        ({"evse": "1"}, "/evse"),
        ({"evse": ":1"}, "/evse"),
        ({"evse": "/1", "station_id": ["CS1", "CS2"]}, "/evse"),
        ({"evse": "CS1:x"}, "/evse"),
        ({"evse": "CS1:99999999999999"}, "/evse"),
        ({"evse": "CS1:1", "measurand": "wind"}, "/measurand"),
        ({"evse": "CS1:1", "step": "1"}, "/step"),
        ({"evse": "CS1:1", "step": "0"}, "/step"),
        ({"evse": "CS1:1", "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "/until"),
        ({"evse": "CS1:1", "since": "0001-01-01T00:00:00Z"}, "/since"),
        ({"evse": "CS1:1", "until": "9999-12-31T23:59:59Z"}, "/until"),
        ({"evse": [f"CS1:{number}" for number in range(21)]}, "/evse"),
    ],
)
async def test_what_cannot_be_asked_is_422(api, query, pointer):
    answer = await api.get("/meter-series", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
