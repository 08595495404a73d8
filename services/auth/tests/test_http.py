from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import IdTokenChanged
from csms_auth.domain.stations import Station
from csms_auth.http.credentials import Credentials
from csms_auth.http.id_tokens import IdTokens
from csms_auth.store import stations, tables
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from csms_runtime.passwords import digests, matches
from sqlalchemy import select

KEY = b"a key for tests only"
CARD = "/api/v1/id-tokens/ISO14443/04AABBCC"
CREDENTIALS = "/api/v1/stations/CS1/credentials"
PASSWORD = "correct horse battery"


class Api:
    """The API, called with the key of a scope."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    async def __call__(
        self, method: str, path: str, json: object = None, *, scope: str = "admin", status: int = 200
    ) -> Any:
        response = await self.client.request(
            method, path, json=json, headers={"Authorization": f"Bearer {scope}-key-for-tests"}
        )
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    async def put(self, path: str, json: object, status: int = 200) -> Any:
        return await self("PUT", path, json, status=status)


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    keys = ApiKeys.for_tests(**{scope: f"{scope}-key-for-tests" for scope in ("read", "operate", "admin")})
    async with httpx2.AsyncClient(base_url="http://auth") as idle:
        api = Api(idle)
        routers = [IdTokens(database, api.wake).router(), Credentials(database, KEY).router()]
        app = create_app("auth", routers=routers, keys=keys, health=Health(), version="0")
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://auth") as client:
            api.client = client
            yield api


async def changes(database: Database) -> list[tuple[str | None, IdTokenChanged]]:
    """Key and content of the events in the outbox."""
    async with database.reading() as session:
        rows = await session.execute(select(tables.outbox).order_by(tables.outbox.c.id))
        return [(row.key, Record.FromString(row.record).event.id_token_changed) for row in rows]


class TestPut:
    async def test_a_token_is_created(self, api: Api, database: Database) -> None:
        body = {"status": "Accepted", "group_id": "GROUP001"}
        item = await api.put(CARD, body, 201)
        assert item.pop("created_at") == item.pop("updated_at")
        assert item == {
            "id": "ISO14443/04AABBCC",
            "type": "ISO14443",
            "id_token": "04AABBCC",
            "status": "Accepted",
            "group_id": "GROUP001",
            "expires_at": None,
            "language1": None,
            "personal_message": None,
            "evse_ids": None,
            "concurrent_tx_limit": None,
            "charging_priority": None,
        }
        ((key, change),) = await changes(database)
        assert key == "ISO14443/04aabbcc"
        assert change == IdTokenChanged(id_token="04AABBCC", type="ISO14443", status="Accepted")
        assert api.wakes == 1

    async def test_the_documented_body_is_taken(self, api: Api) -> None:
        body = {
            "status": "Accepted",
            "group_id": "GROUP001",
            "expires_at": None,
            "language1": None,
            "personal_message": None,
            "evse_ids": None,
            "concurrent_tx_limit": None,
        }
        assert (await api.put(CARD, body, 201)).items() >= body.items()

    async def test_every_field_is_kept(self, api: Api) -> None:
        body = {
            "status": "Blocked",
            "group_id": "G",
            "expires_at": "2030-01-01T02:00:00+02:00",
            "language1": "de-AT",
            "personal_message": "Grüß Gott",
            "evse_ids": [1, 3],
            "concurrent_tx_limit": 2,
            "charging_priority": -9,
        }
        await api.put(CARD, body, 201)
        assert (await api("GET", CARD)).items() >= (body | {"expires_at": "2030-01-01T00:00:00Z"}).items()

    async def test_omitted_fields_keep_their_value_and_null_clears(self, api: Api) -> None:
        await api.put(CARD, {"status": "Accepted", "group_id": "G", "language1": "de", "evse_ids": []}, 201)
        item = await api.put(CARD, {"status": "Blocked", "language1": None})
        assert (item["status"], item["group_id"], item["language1"], item["evse_ids"]) == ("Blocked", "G", None, [])
        item = await api.put(CARD, {"evse_ids": [7]})
        assert (item["status"], item["evse_ids"]) == ("Blocked", [7])

    async def test_creation_needs_a_status(self, api: Api, database: Database) -> None:
        problem = await api.put(CARD, {"group_id": "G"}, 422)
        assert problem["errors"][0]["pointer"] == "/status"
        await api("GET", CARD, status=404)
        assert await changes(database) == []

    async def test_same_again_changes_nothing(self, api: Api, database: Database) -> None:
        created = await api.put(CARD, {"status": "Accepted"}, 201)
        assert await api.put(CARD, {"status": "Accepted"}) == created
        assert len(await changes(database)) == 1

    async def test_case_of_the_id_does_not_matter_and_its_first_spelling_stays(self, api: Api) -> None:
        await api.put(CARD, {"status": "Accepted"}, 201)
        item = await api.put(CARD.replace("04AABBCC", "04aabbcc"), {"status": "Blocked"})
        assert (item["id_token"], item["status"]) == ("04AABBCC", "Blocked")

    async def test_type_is_part_of_the_identity(self, api: Api) -> None:
        await api.put(CARD, {"status": "Accepted"}, 201)
        await api.put(CARD.replace("14443", "15693"), {"status": "Blocked"}, 201)
        assert (await api("GET", CARD))["status"] == "Accepted"

    @pytest.mark.parametrize(
        ("encoded", "id_token"), [("a%2Fb", "a/b"), ("a%20b", "a b"), ("%C3%A4", "ä"), ("a%25", "a%"), ("%23%3F", "#?")]
    )
    async def test_path_is_percent_decoded(self, api: Api, encoded: str, id_token: str) -> None:
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
    async def test_types(self, api: Api, token_type: str) -> None:
        assert (await api.put(f"/api/v1/id-tokens/{token_type}/x", {"status": "Accepted"}, 201))["type"] == token_type

    @pytest.mark.parametrize(
        "path", ["iso14443/x", "EMAID/x", "T" * 21 + "/x", "Local/" + "x" * 256, "Local/", "Local/a%00b", "a%00b/x"]
    )
    async def test_paths_that_name_no_token(self, api: Api, path: str) -> None:
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
            {"language1": "much-too-long"},
            {"language1": "d_e"},
            {"personal_message": "x" * 513},
            {"personal_message": "a\0b"},
            {"evse_ids": [0]},
            {"evse_ids": [-1]},
            {"evse_ids": ["x"]},
            {"concurrent_tx_limit": 0},
            {"charging_priority": 10},
            {"charging_priority": -10},
            {"unheard": 1},
        ],
    )
    async def test_bodies_that_are_refused(self, api: Api, fields: dict[str, object]) -> None:
        problem = await api.put(CARD, {"status": "Accepted", **fields}, 422)
        assert problem["errors"][0]["pointer"] == f"/{next(iter(fields))}" + ("/0" if "evse_ids" in fields else "")

    @pytest.mark.parametrize("group_id", ["G" * 36, "ä"])
    async def test_limits_are_included(self, api: Api, group_id: str) -> None:
        body = {"status": "Accepted", "group_id": group_id, "personal_message": "x" * 512, "charging_priority": 9}
        await api.put("/api/v1/id-tokens/Local/" + "x" * 255, body, 201)


class TestGetAndDelete:
    async def test_unknown_token(self, api: Api, database: Database) -> None:
        await api("GET", CARD, status=404)
        await api("DELETE", CARD, status=404)
        assert await changes(database) == []

    async def test_deletion_is_told(self, api: Api, database: Database) -> None:
        await api.put(CARD, {"status": "Accepted"}, 201)
        await api("DELETE", CARD.lower().replace("iso", "ISO"), status=204)
        await api("GET", CARD, status=404)
        _, (_, change) = await changes(database)
        assert change == IdTokenChanged(id_token="04AABBCC", type="ISO14443", status="Accepted", deleted=True)
        assert api.wakes == 2


class TestKeyCodes:
    async def test_code_is_in_no_event_and_no_log(
        self, api: Api, database: Database, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = "/api/v1/id-tokens/KeyCode/83615294"
        await api.put(path, {"status": "Accepted"}, 201)
        await api.put(path, {"status": "Blocked"})
        await api("DELETE", path, status=204)
        await api("GET", path, status=404)
        async with database.reading() as session:
            rows = (await session.execute(select(tables.outbox.c.record, tables.outbox.c.key))).all()
        assert len(rows) == 3
        assert all(b"83615294" not in row.record and "83615294" not in row.key for row in rows)
        assert [change.id_token for _, change in await changes(database)] == ["****"] * 3
        assert "83615294" not in "".join(capfd.readouterr())

    async def test_problems_do_not_repeat_it(self, api: Api) -> None:
        for method, status in (("GET", 404), ("DELETE", 404), ("PUT", 422)):
            assert "83615294" not in str(await api(method, "/api/v1/id-tokens/KeyCode/83615294", {}, status=status))


class TestList:
    @pytest.fixture(autouse=True)
    async def _tokens(self, api: Api) -> None:
        for number in range(5):
            status = "Blocked" if number == 3 else "Accepted"
            group = "G1" if number < 2 else None
            await api.put(f"/api/v1/id-tokens/Local/T{number}", {"status": status, "group_id": group}, 201)
        await api.put("/api/v1/id-tokens/Central/t2", {"status": "Accepted"}, 201)

    async def test_pages_hold_each_token_once_in_order(self, api: Api) -> None:
        found, cursor = [], ""
        while True:
            page = await api("GET", f"/api/v1/id-tokens?limit=2{cursor}")
            found += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found == ["Local/T0", "Local/T1", "Central/t2", "Local/T2", "Local/T3", "Local/T4"]

    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            ("status=Blocked", ["Local/T3"]),
            ("group_id=G1", ["Local/T0", "Local/T1"]),
            ("type=Central", ["Central/t2"]),
            ("group_id=G1&status=Blocked", []),
        ],
    )
    async def test_filters(self, api: Api, query: str, ids: list[str]) -> None:
        assert [item["id"] for item in (await api("GET", f"/api/v1/id-tokens?{query}"))["items"]] == ids

    @pytest.mark.parametrize("query", ["cursor=x", "cursor=WzFd", "limit=0", "status=nonsense", "group_id=a%00b"])
    async def test_queries_that_are_refused(self, api: Api, query: str) -> None:
        await api("GET", f"/api/v1/id-tokens?{query}", status=422)


class TestCredentials:
    @pytest.fixture(autouse=True)
    async def _station(self, database: Database) -> None:
        async with database.transaction() as session:
            known = [Station("CS1", revision=7, security_profile=2), Station("GONE", revision=7, deleted=True)]
            await stations.save(session, known, utcnow())

    async def station(self, database: Database) -> Station:
        async with database.reading() as session:
            return (await stations.load(session, ["CS1"]))["CS1"]

    async def test_password_is_set_and_never_shown(self, api: Api, database: Database) -> None:
        assert await api("GET", CREDENTIALS) == {"id": "CS1", "security_profile": 2, "password_set": False}
        item = await api.put(CREDENTIALS, {"password": PASSWORD})
        assert item == {"id": "CS1", "security_profile": 2, "password_set": True}
        station = await self.station(database)
        assert station.revision == 7
        assert matches(station.password_digest or b"", digests(KEY, "CS1", PASSWORD.encode()))

    async def test_password_is_forgotten(self, api: Api, database: Database) -> None:
        await api.put(CREDENTIALS, {"password": PASSWORD})
        await api("DELETE", CREDENTIALS, status=204)
        assert (await self.station(database)).password_digest is None

    @pytest.mark.parametrize("station_id", ["UNHEARD", "GONE", "a%00b"])
    async def test_unknown_station(self, api: Api, station_id: str) -> None:
        path = f"/api/v1/stations/{station_id}/credentials"
        await api("GET", path, status=404)
        await api.put(path, {"password": PASSWORD}, 404)
        await api("DELETE", path, status=404)

    @pytest.mark.parametrize("password", ["x" * 15, "x" * 65, 17, None])
    async def test_password_of_wrong_length_is_refused_and_not_repeated(self, api: Api, password: object) -> None:
        problem = await api.put(CREDENTIALS, {"password": password}, 422)
        assert problem["errors"][0]["pointer"] == "/password"
        assert "xxx" not in str(problem)

    @pytest.mark.parametrize("password", ["x" * 16, "x" * 64])
    async def test_lengths_that_will_do(self, api: Api, password: str) -> None:
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
