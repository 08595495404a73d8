"""Requests that are refused, and the limits up to which they are not. One database will do."""

from typing import Any

import pytest
from csms_auth.app import MIGRATIONS, SCHEMA
from csms_auth.domain.stations import Station
from csms_auth.store import stations
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_testing.databases import database_fixture

Api = Any  # the fixture of conftest.py

CARD = "/api/v1/id-tokens/ISO14443/04AABBCC"
CREDENTIALS = "/api/v1/stations/CS1/credentials"

database = database_fixture(MIGRATIONS, schema=SCHEMA, dialects=("sqlite",))


@pytest.fixture
async def station(database: Database) -> None:
    async with database.transaction() as session:
        await stations.save(session, [Station("CS1", revision=1)], utcnow())


@pytest.mark.parametrize(
    ("encoded", "id_token"), [("a%2Fb", "a/b"), ("a%20b", "a b"), ("%C3%A4", "ä"), ("a%25", "a%"), ("%23%3F", "#?")]
)
async def test_path_is_percent_decoded(api: Api, encoded: str, id_token: str) -> None:
    path = f"/api/v1/id-tokens/Local/{encoded}"
    assert (await api.put(path, {"status": "Accepted"}, 201))["id_token"] == id_token
    assert (await api("GET", path))["id"] == f"Local/{id_token}"
    await api("DELETE", path, status=204)


@pytest.mark.parametrize(
    "token_type",
    [
        "Central",
        "eMAID",
        "ISO14443",
        "ISO15693",
        "KeyCode",
        "Local",
        "MacAddress",
        "NoAuthorization",
        "DirectPayment",
    ],
)
async def test_types(api: Api, token_type: str) -> None:
    assert (await api.put(f"/api/v1/id-tokens/{token_type}/x", {"status": "Accepted"}, 201))["type"] == token_type


@pytest.mark.parametrize(
    "path", ["iso14443/x", "EMAID/x", "T" * 21 + "/x", "Local/" + "x" * 256, "Local/", "Local/a%00b", "a%00b/x"]
)
async def test_paths_that_name_no_token(api: Api, path: str) -> None:
    await api.put(f"/api/v1/id-tokens/{path}", {"status": "Accepted"}, 422)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "accepted"},
        {"status": None},
        {"status": "Nonsense"},
        {"group_id": ""},
        {"group_id": "G" * 37},
        {"group_id": "a\0b"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": "soon"},
        {"expires_at": "0001-01-01T00:00:00+10:00"},
        {"expires_at": "9999-12-31T23:59:59-10:00"},
        {"language1": "much-too-long"},
        {"language1": "d_e"},
        {"personal_message": "x" * 513},
        {"personal_message": "a\0b"},
        {"personal_message": ""},
        {"evse_ids": [0]},
        {"evse_ids": [-1]},
        {"evse_ids": ["x"]},
        {"concurrent_tx_limit": 0},
        {"charging_priority": 10},
        {"charging_priority": -10},
        {"unheard": 1},
    ],
)
async def test_bodies_that_are_refused(api: Api, fields: dict[str, object]) -> None:
    problem = await api.put(CARD, {"status": "Accepted", **fields}, 422)
    assert problem["errors"][0]["pointer"] == f"/{next(iter(fields))}" + ("/0" if "evse_ids" in fields else "")


@pytest.mark.parametrize("group_id", ["G" * 36, "ä"])
async def test_limits_are_included(api: Api, group_id: str) -> None:
    body = {"status": "Accepted", "group_id": group_id, "personal_message": "x" * 512, "charging_priority": 9}
    await api.put("/api/v1/id-tokens/Local/" + "x" * 255, body, 201)


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=WzFd",
        "cursor=WyJhXHUwMDAwYiIsICJjIl0",
        "limit=0",
        "status=nonsense",
        "group_id=a%00b",
        "type=a%00b",
    ],
)
async def test_queries_that_are_refused(api: Api, query: str) -> None:
    await api("GET", f"/api/v1/id-tokens?{query}", status=422)


@pytest.mark.usefixtures("station")
@pytest.mark.parametrize("password", ["x" * 15, "x" * 65, 17, None])
async def test_password_of_wrong_length_is_refused_and_not_repeated(api: Api, password: object) -> None:
    problem = await api.put(CREDENTIALS, {"password": password}, 422)
    assert problem["errors"][0]["pointer"] == "/password"
    assert "xxx" not in str(problem)


@pytest.mark.usefixtures("station")
@pytest.mark.parametrize("password", ["x" * 16, "x" * 64])
async def test_lengths_that_will_do(api: Api, password: str) -> None:
    await api.put(CREDENTIALS, {"password": password})


@pytest.mark.parametrize(
    ("method", "path", "lowest"),
    [
        ("GET", "/api/v1/id-tokens", "read"),
        ("GET", CARD, "read"),
        ("PUT", CARD, "operate"),
        ("DELETE", CARD, "operate"),
        ("GET", CREDENTIALS, "read"),
        ("PUT", CREDENTIALS, "admin"),
        ("DELETE", CREDENTIALS, "admin"),
    ],
)
async def test_scopes(api: Api, method: str, path: str, lowest: str) -> None:
    order = ["nobody", "read", "operate", "admin"]
    for scope in order:
        headers = {"Authorization": f"Bearer {scope}-key-for-tests"}
        status = (await api.client.request(method, path, json={}, headers=headers)).status_code
        refused = order.index(scope) < order.index(lowest)
        assert (status in {401, 403}) is refused, scope


async def test_text_that_is_no_unicode_is_refused(api: Api) -> None:
    headers = {"Authorization": "Bearer admin-key-for-tests", "Content-Type": "application/json"}
    body = b'{"status": "Accepted", "personal_message": "\\ud800"}'
    response = await api.client.put(CARD, content=body, headers=headers)
    assert response.status_code == 422
