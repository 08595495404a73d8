from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from csms.v1.auth_pb2 import ApiKey
from csms.v1.bus_pb2 import Record
from csms_auth.api_key_announcement import announce_api_keys
from csms_auth.store import api_tables, tables
from csms_bus.memory import MemoryBus
from csms_bus.ports import BusUnavailable, Outgoing
from csms_db.engine import Database
from csms_runtime.http import Scope, digest_of
from sqlalchemy import select

Api = Any  # the fixture of conftest.py

KEYS = "/api/v1/api-keys"


async def told(database: Database) -> list[ApiKey]:
    """What waits in the outbox."""
    async with database.reading() as session:
        rows = await session.execute(select(tables.outbox).order_by(tables.outbox.c.id))
        return [Record.FromString(row.record).api_key for row in rows]


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


class TestCreate:
    async def test_the_key_is_shown_once_and_works_here_at_once(self, api: Api, database: Database) -> None:
        made = await api("POST", KEYS, {"name": "billing", "scopes": ["operate"]}, status=201)
        key = made.pop("key")
        assert key.startswith("csms_")
        assert await api("GET", f"{KEYS}/{made['id']}") == made
        assert (made["name"], made["scopes"], made["status"]) == ("billing", ["operate"], "active")
        assert (made["created_by"], made["expires_at"], made["revoked_at"]) == ("admin", None, None)
        found = api.keys.find(key)
        assert (found.name, found.scopes) == ("billing", {Scope.READ, Scope.OPERATE})
        (event,) = await told(database)
        assert (event.key_id, event.sha256, list(event.scopes)) == (made["id"], digest_of(key), ["operate", "read"])
        assert api.wakes == 1

    async def test_the_key_is_stored_nowhere(
        self, api: Api, database: Database, capfd: pytest.CaptureFixture[str]
    ) -> None:
        key = (await api("POST", KEYS, {"name": "x", "scopes": ["read"]}, status=201))["key"]
        async with database.reading() as session:
            rows = [
                str(tuple(row))
                for table in (api_tables.api_keys, tables.outbox)
                for row in await session.execute(select(table))
            ]
        assert len(rows) == 2
        assert key not in "".join(rows) + "".join(capfd.readouterr())

    async def test_scopes_are_in_order_each_once(self, api: Api) -> None:
        made = await api("POST", KEYS, {"name": "x", "scopes": ["admin", "read", "read"]}, status=201)
        assert made["scopes"] == ["read", "admin"]

    async def test_expiry(self, api: Api, database: Database) -> None:
        made = await api("POST", KEYS, {"name": "x", "scopes": ["read"], "expires_at": in_an_hour()}, status=201)
        assert api.keys.find(made["key"]) is not None
        (event,) = await told(database)
        assert event.expires_at_ms > 0

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"scopes": ["read"]}, "/name"),
            ({"name": "", "scopes": ["read"]}, "/name"),
            ({"name": "a\0b", "scopes": ["read"]}, "/name"),
            ({"name": "a\nb", "scopes": ["read"]}, "/name"),
            ({"name": "x", "scopes": []}, "/scopes"),
            ({"name": "x", "scopes": ["root"]}, "/scopes/0"),
            ({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
            ({"name": "x", "scopes": ["read"], "expires_at": "9999-12-31T23:59:59-10:00"}, "/expires_at"),
            ({"name": "x", "scopes": ["read"], "expires_at": "2090-01-01T00:00:00"}, "/expires_at"),
            ({"name": "x", "scopes": ["read"], "key": "my-own"}, "/key"),
        ],
    )
    async def test_bodies_that_are_not_taken(self, api: Api, database: Database, body: object, pointer: str) -> None:
        problem = await api("POST", KEYS, body, status=422)
        assert problem["errors"][0]["pointer"] == pointer
        assert await told(database) == []


class TestRevoke:
    async def test_a_revoked_key_is_kept_and_told(self, api: Api, database: Database) -> None:
        made = await api("POST", KEYS, {"name": "x", "scopes": ["read"]}, status=201)
        await api("DELETE", f"{KEYS}/{made['id']}", status=204)
        assert api.keys.find(made["key"]) is None
        item = await api("GET", f"{KEYS}/{made['id']}")
        assert (item["status"], item["revoked_by"]) == ("revoked", "admin")
        assert [event.revoked for event in await told(database)] == [False, True]

    async def test_again_changes_nothing(self, api: Api, database: Database) -> None:
        made = await api("POST", KEYS, {"name": "x", "scopes": ["read"]}, status=201)
        await api("DELETE", f"{KEYS}/{made['id']}", status=204)
        first = await api("GET", f"{KEYS}/{made['id']}")
        await api("DELETE", f"{KEYS}/{made['id']}", status=204)
        assert await api("GET", f"{KEYS}/{made['id']}") == first
        assert len(await told(database)) == 2

    @pytest.mark.parametrize("key_id", ["unknown"])
    async def test_unknown(self, api: Api, key_id: str) -> None:
        await api("DELETE", f"{KEYS}/{key_id}", status=404)
        await api("GET", f"{KEYS}/{key_id}", status=404)


@pytest.mark.parametrize("scope", ["read", "operate"])
async def test_only_admins_see_and_make_keys(api: Api, scope: str) -> None:
    for method, path in (("GET", KEYS), ("POST", KEYS), ("GET", f"{KEYS}/x"), ("DELETE", f"{KEYS}/x")):
        await api(method, path, {"name": "x", "scopes": ["read"]}, scope=scope, status=403)


async def test_pages_hold_each_key_once_the_newest_first(api: Api) -> None:
    for number in range(5):
        await api("POST", KEYS, {"name": f"key-{number}", "scopes": ["read"]}, status=201)
    found, query = [], ""
    while True:
        page = await api("GET", f"{KEYS}?limit=2{query}")
        found += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"&cursor={page['next_cursor']}"
    assert found == [f"key-{number}" for number in reversed(range(5))]


class FlakyBus(MemoryBus):
    """Away at first."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 2
        self.published: list[ApiKey] = []

    async def publish(self, records: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise BusUnavailable("away")
        self.published += [outgoing.record.api_key for outgoing in records if isinstance(outgoing, Outgoing)]


async def test_announced_at_the_start_however_long_the_bus_is_away(api: Api, database: Database) -> None:
    kept = await api("POST", KEYS, {"name": "kept", "scopes": ["read"]}, status=201)
    gone = await api("POST", KEYS, {"name": "gone", "scopes": ["read"]}, status=201)
    await api("DELETE", f"{KEYS}/{gone['id']}", status=204)
    bus = FlakyBus()
    await announce_api_keys(bus, database)
    assert {key.key_id: key.revoked for key in bus.published} == {kept["id"]: False, gone["id"]: True}


async def test_expired_keys_are_not_announced_any_more(api: Api, database: Database) -> None:
    made = await api("POST", KEYS, {"name": "x", "scopes": ["read"], "expires_at": in_an_hour()}, status=201)
    async with database.transaction() as session:
        await session.execute(api_tables.api_keys.update().values(expires_at=datetime.now(UTC)))
    bus = FlakyBus()
    await announce_api_keys(bus, database)
    assert bus.published == []
    assert (await api("GET", f"{KEYS}/{made['id']}"))["status"] == "expired"
