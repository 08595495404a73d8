"""GET /stations in every order, with every filter, in pages of any size, and while rows change."""

from datetime import UTC, datetime, timedelta

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.stations.station_list import StationSort
from csms_device_mgmt.tables import Station
from csms_testing.databases import database_fixture
from sqlalchemy import update

database = database_fixture("csms_device_mgmt", schema="devices")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = {"A": 5, "B": None, "C": 5, "D": 1, "E": None, "F": 9, "G": 3}
"""Hours; None: it never connected."""
PENDING = {"B", "C", "F"}


@pytest.fixture(autouse=True)
async def _stored(units):
    async with units.open() as unit:
        for name, hours in SEEN.items():
            registration = Registration.PENDING if name in PENDING else Registration.ACCEPTED
            row = station_rows.new_station(name, registration, 1, unit.now)
            row["last_seen"] = None if hours is None else T0 + timedelta(hours=hours)
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
    )
    for query, names in filters:
        expected = sorted(names)
        if sort.field == "last_seen":
            expected.sort(key=lambda name: -1 if SEEN[name] is None else SEEN[name])
        if sort.descending:
            expected.reverse()
        for limit in (1, 2, len(SEEN)):
            assert await read(api, limit, sort=sort.value, **query) == expected, (query, limit)


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
