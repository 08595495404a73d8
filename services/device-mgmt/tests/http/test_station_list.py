"""GET /stations in every order, with every filter, in pages of any size, and while rows change."""

from datetime import UTC, datetime, timedelta

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.stations import firmware_keys, station_rows
from csms_device_mgmt.stations.firmware_versions import sort_key
from csms_device_mgmt.stations.station_list import StationSort
from csms_device_mgmt.tables import Connector, Station
from csms_testing.databases import database_fixture
from sqlalchemy import insert, true, update

database = database_fixture("csms_device_mgmt", schema="devices")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = {"A": 5, "B": None, "C": 5, "D": 1, "E": None, "F": 9, "G": 3}
"""Hours; None: it never connected."""
PENDING = {"B", "C", "F"}
FIRMWARE = {"A": "1.10.0", "B": None, "C": "1.9.2", "D": "v1.10", "E": "1.9.2-rc1", "F": "2", "G": "1.9.2"}


@pytest.fixture(autouse=True)
async def _stored(units):
    async with units.open() as unit:
        for name, hours in SEEN.items():
            registration = Registration.PENDING if name in PENDING else Registration.ACCEPTED
            row = station_rows.new_station(name, registration, 1, unit.now)
            row["last_seen"] = None if hours is None else T0 + timedelta(hours=hours)
            row["connected_at"] = None if hours is None else T0 + timedelta(days=1, hours=-hours)
            row |= {"firmware_version": FIRMWARE[name], "firmware_key": sort_key(FIRMWARE[name])}
            await station_rows.create(unit.session, row)


async def read(api, limit, meanwhile=None, **query):
    """All pages; `meanwhile` is done after the first."""
    seen, cursor = [], {}
    for _ in range(2 * len(SEEN)):
        page = (await api.get("/stations", params={**query, **cursor, "limit": limit})).raise_for_status().json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return seen
        cursor = {"cursor": page["next_cursor"]}
        if meanwhile is not None:
            await meanwhile()
            meanwhile = None
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("sort", StationSort)
async def test_every_order_with_every_filter(api, sort):
    filters = (
        ({}, set(SEEN)),
        ({"registration": "Pending"}, PENDING),
        ({"connected": False}, set(SEEN)),
        ({"q": "b"}, {"B"}),
        ({"q": "f", "registration": "Pending"}, {"F"}),
        ({"firmware": "1.10"}, {"A", "D"}),
    )
    greatness = {
        "last_seen": lambda name: -1 if SEEN[name] is None else SEEN[name],
        "connected_at": lambda name: -99 if SEEN[name] is None else -SEEN[name],
        "firmware": lambda name: sort_key(FIRMWARE[name]),
    }
    for query, names in filters:
        expected = sorted(sorted(names), key=greatness.get(sort.field))
        if sort.descending:
            expected.reverse()
        for limit in (1, 2, len(SEEN)):
            assert await read(api, limit, sort=sort.value, **query) == expected, (query, limit)


async def test_a_range_of_firmware_is_listed_in_its_order(api):
    assert await read(api, 2, firmware_below="1.10") == ["E", "C", "G"]
    assert await read(api, 2, firmware_from="1.9.2", firmware_below="2") == ["C", "G", "A", "D"]
    assert await read(api, 2, firmware_below="1.10", sort="-station_id") == ["G", "E", "C"]
    assert await read(api, 9, firmware_from="3") == []


async def test_filters(api, database):
    facts = {
        "A": {"vendor_name": "V", "model": "M", "connection_protocol": "ocpp1.6", "security_profile": 2},
        "B": {"vendor_name": "V", "model": "N", "connection_protocol": "ocpp2.0.1", "connection_security_profile": 1},
        "C": {"vendor_name": "W", "model": "M", "connection_protocol": "ocpp2.1", "connection_security_profile": 2},
    }
    async with database.transaction() as session:
        for name, columns in facts.items():
            await session.execute(update(Station).where(Station.station_id == name).values(**columns))
        for name, connector_id, status in (("A", 1, "Faulted"), ("A", 2, "Faulted"), ("C", 1, "Available")):
            place = {"station_id": name, "evse_id": 1, "connector_id": connector_id}
            times = {"reported_at": T0, "received_at": T0}
            await session.execute(insert(Connector).values(**place, status=status, **times))
    for query, expected in (
        ({"vendor": "V"}, ["A", "B"]),
        ({"vendor": "v"}, []),
        ({"vendor": "V", "model": "M"}, ["A"]),
        ({"protocol": "ocpp2.0.1"}, ["B"]),
        ({"security_profile": 2}, ["A"]),
        ({"connection_security_profile": 2}, ["C"]),
        ({"connector_status": "Faulted"}, ["A"]),
        ({"connector_status": "Faulted", "vendor": "W"}, []),
        ({"last_seen_since": "2026-01-01T05:00:00Z"}, ["A", "C", "F"]),
        ({"last_seen_until": "2026-01-01T05:00:00Z"}, ["D", "G"]),
        ({"connected_since": "2026-01-01T21:00:00Z"}, ["D", "G"]),
        ({"connected_until": "2026-01-01T19:00:00Z", "model": "M"}, []),
    ):
        for limit in (1, 9):
            assert await read(api, limit, **query) == expected, query
    for query in ({"security_profile": 4}, {"protocol": "ocpp1.5"}, {"connected_since": "today"}, {"firmwar": "1"}):
        assert (await api.get("/stations", params=query)).status_code == 422, query


async def test_keys_of_firmware_are_made_good_while_stations_are_counted(api, database):
    """Those of before they were there, and those that an earlier version of the service left behind."""
    async with database.transaction() as session:
        await session.execute(update(Station).where(Station.station_id.in_(["C", "G"])).values(firmware_key=""))
        await session.execute(update(Station).where(Station.station_id == "F").values(firmware_version=None))
    await firmware_keys.renew(database, true())
    assert await firmware_keys.renew(database, true()) == 0
    assert await read(api, 9, sort="firmware") == ["B", "F", "E", "C", "G", "A", "D"]


async def test_who_reads_from_the_longest_silent_on_misses_none_that_is_heard_meanwhile(api, database):
    async def heard():
        async with database.transaction() as session:
            at = T0 + timedelta(hours=10)
            await session.execute(update(Station).where(Station.station_id.in_(["E", "D"])).values(last_seen=at))

    found = await read(api, 2, heard, sort="last_seen")
    assert found == ["B", "E", "G", "A", "C", "F", "D", "E"]


async def test_a_cursor_is_of_one_order(api):
    for sort in StationSort:
        cursor = (await api.get("/stations", params={"sort": sort.value, "limit": 1})).json()["next_cursor"]
        for other in [*StationSort, None]:
            params = {"cursor": cursor, **({} if other is None else {"sort": other.value})}
            assert (await api.get("/stations", params=params)).status_code == (200 if other == sort else 422)


async def test_an_unknown_order_is_422_with_those_there_are(api):
    answer = await api.get("/stations", params={"sort": "vendor"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "/sort")
    assert all(f"'{known}'" in error["detail"] for known in StationSort)
