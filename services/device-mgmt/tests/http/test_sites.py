"""/sites, and the sites and labels of stations."""

import pytest
from csms.v1.events_pb2 import StationChanged
from csms_bus.ports import Start
from csms_bus.topics import EVENTS_DEVICES

HARBOUR = {
    "name": "Harbour",
    "address": "1 Quay Street",
    "coordinates": {"latitude": 53.5, "longitude": 10.0},
    "time_zone": "Europe/Berlin",
}


async def put(api, path, status, **body):
    answer = await api.put(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def ids(api, **query):
    return [item["id"] for item in (await api.get("/stations", params=query)).raise_for_status().json()["items"]]


async def test_a_site_is_made_changed_and_deleted(api):
    made = await put(api, "/sites/harbour", 201, **HARBOUR)
    assert {name: made[name] for name in HARBOUR} == HARBOUR
    assert (made["id"], made["site_id"]) == ("harbour", "harbour")
    changed = await put(api, "/sites/harbour", 200, coordinates=None, address="2 Quay Street")
    assert (changed["name"], changed["address"], changed["coordinates"]) == ("Harbour", "2 Quay Street", None)
    assert (await api.get("/sites/harbour")).json() == changed
    await put(api, "/sites/airport", 201, name="Airport")
    page = (await api.get("/sites", params={"limit": 1})).json()
    following = (await api.get("/sites", params={"cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in page["items"] + following["items"]] == ["airport", "harbour"]
    assert (await api.delete("/sites/airport")).status_code == 204
    assert (await api.delete("/sites/airport")).status_code == 404
    assert (await api.get("/sites/airport")).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "A", "time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"name": "A", "coordinates": {"latitude": 91, "longitude": 0}}, "/coordinates/latitude"),
        ({"name": "A", "colour": "red"}, "/colour"),
    ],
)
async def test_what_is_no_site(api, pointers, body, pointer):
    answer = await api.put("/sites/harbour", json=body)
    assert (answer.status_code, pointers(answer)) == (422, [pointer])


async def test_a_site_that_has_stations_stays(api):
    await put(api, "/sites/harbour", 201, name="Harbour")
    assert (await put(api, "/stations/CS1", 201, site_id="harbour"))["site_id"] == "harbour"
    assert (await api.delete("/sites/harbour")).status_code == 409
    await put(api, "/stations/CS1", 200, site_id=None)
    assert (await api.delete("/sites/harbour")).status_code == 204


async def test_a_station_is_of_no_site_that_there_is_not(api, auth, pointers):
    answer = await api.put("/stations/CS1", json={"site_id": "nowhere"})
    assert (answer.status_code, pointers(answer)) == (422, ["/site_id"])
    assert auth.admissions == []
    assert (await api.get("/stations/CS1")).status_code == 404


async def test_stations_are_found_by_site_and_labels(api):
    for site in ("harbour", "airport"):
        await put(api, f"/sites/{site}", 201, name=site)
    await put(api, "/stations/A", 201, site_id="harbour", labels={"tier": "gold", "owner": "us:all"})
    await put(api, "/stations/B", 201, site_id="airport", labels={"tier": "gold"})
    await put(api, "/stations/C", 201, site_id="harbour", labels={"tier": "silver"})
    await put(api, "/stations/D", 201)
    assert (await api.get("/stations/A")).json()["labels"] == {"tier": "gold", "owner": "us:all"}
    assert (await api.get("/stations/D")).json()["labels"] == {}
    assert await ids(api, site_id="harbour") == ["A", "C"]
    assert await ids(api, site_id="harbour", sort="-station_id") == ["C", "A"]
    assert await ids(api, site_id="nowhere") == []
    assert await ids(api, label="tier:gold") == ["A", "B"]
    assert await ids(api, label=["tier:gold", "owner:us:all"]) == ["A"]
    assert await ids(api, label="tier:gold", site_id="airport", sort="last_seen") == ["B"]
    assert await ids(api, label="tier:gold", q="b") == ["B"]
    first = (await api.get("/stations", params={"label": "tier:gold", "limit": 1})).json()
    assert await ids(api, label="tier:gold", cursor=first["next_cursor"]) == ["B"]

    await put(api, "/stations/A", 200, labels={"owner": "us"})
    assert await ids(api, label="tier:gold") == ["B"]
    assert (await api.delete("/stations/B")).status_code == 204
    await put(api, "/stations/B", 201)
    assert await ids(api, label="tier:gold") == []


@pytest.mark.parametrize("labels", [{"": "x"}, {"a:b": "x"}, {"a": "x" * 101}, {f"k{n}": "" for n in range(33)}])
async def test_labels_are_bounded(api, labels):
    assert (await api.put("/stations/CS1", json={"labels": labels})).status_code == 422


@pytest.mark.parametrize("query", [{"label": "tier"}, {"label": [f"a:{n}" for n in range(11)]}, {"site_id": "a b"}])
async def test_filters_that_no_station_can_have(api, query):
    assert (await api.get("/stations", params=query)).status_code == 422


async def test_others_are_told_where_a_station_belongs(api, bus):
    await put(api, "/sites/harbour", 201, name="Harbour")
    async with bus.read(EVENTS_DEVICES.name, partition=None, start=Start.END) as reader:
        await put(api, "/stations/CS1", 201, site_id="harbour", labels={"tier": "gold"})
        await api.delete("/stations/CS1")
        told = []
        async for batch in reader.batches():
            told += [each.record.event.station_changed for each in batch]
            if len(told) == 2:
                break
    assert [(one.change, one.site_id, dict(one.labels)) for one in told] == [
        (StationChanged.CHANGE_CREATED, "harbour", {"tier": "gold"}),
        (StationChanged.CHANGE_DELETED, "harbour", {"tier": "gold"}),
    ]
