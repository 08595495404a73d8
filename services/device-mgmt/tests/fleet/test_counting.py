from typing import Any

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.fleet.counting import Fleet
from csms_device_mgmt.stations import station_rows
from prometheus_client import REGISTRY

ALIVE, DEAD = (0, 100), (1, 200)
KIND = {"vendor": "Vendor", "model": "A", "protocol": "ocpp2.0.1"}


@pytest.fixture
def fleet(database, gateways, monkeypatch) -> Fleet:
    monkeypatch.setattr(gateways, "living", lambda: frozenset({ALIVE}))
    return Fleet(database, gateways, rows=2)


@pytest.fixture
def with_stations(units):
    async def create(*each: dict[str, Any]) -> None:
        async with units.open() as unit:
            for number, columns in enumerate(each):
                row = station_rows.new_station(f"CS{number}", Registration.ACCEPTED, 1, unit.now)
                await station_rows.create(unit.session, {**row, **columns})

    return create


def on(place: tuple[int, int], *, is_open: bool = True) -> dict[str, Any]:
    return {
        "vendor_name": "Vendor",
        "model": "A",
        "connection_open": is_open,
        "connection_slot": place[0],
        "connection_epoch": place[1],
        "connection_protocol": "ocpp2.0.1",
    }


async def test_stations_are_counted_by_what_they_are(fleet, with_stations) -> None:
    await with_stations(on(ALIVE), on(ALIVE), on(ALIVE, is_open=False), on(DEAD), {})
    counted = await fleet.count()
    assert counted == {
        "stations": [["Vendor", "A", "ocpp2.0.1", 4, 2], ["unknown", "unknown", "none", 1, 0]],
        "connectors": {},
    }


async def test_nobody_is_connected_when_no_gateway_lives(fleet, with_stations, gateways, monkeypatch) -> None:
    monkeypatch.setattr(gateways, "living", frozenset)
    await with_stations(on(ALIVE))
    assert (await fleet.count())["stations"] == [["Vendor", "A", "ocpp2.0.1", 1, 0]]


async def test_connectors_are_counted_by_status(fleet, apply, records, with_station) -> None:
    await with_station()
    for connector_id, status in enumerate(("Faulted", "Faulted", "Available", "Faulted"), start=0):
        await apply(records.status(status, connector_id=connector_id))
    assert (await fleet.count())["connectors"] == {"Faulted": 2, "Available": 1}  # connector 0 is the EVSE


async def test_the_metrics_tell_it(fleet, with_stations) -> None:
    await with_stations(on(ALIVE), on(DEAD))
    assert await fleet.counting(3600).turn()
    assert REGISTRY.get_sample_value("csms_fleet_stations", KIND) == 2
    assert REGISTRY.get_sample_value("csms_fleet_stations_connected", KIND) == 1
    assert (REGISTRY.get_sample_value("csms_fleet_counted_timestamp_seconds") or 0) > 1.7e9
