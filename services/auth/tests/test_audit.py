import json
from datetime import UTC, datetime
from typing import Any

import pytest
from csms.v1.auth_pb2 import ApiKey, AuditEntry
from csms.v1.bus_pb2 import Record
from csms_auth.audit_log import AuditConsumer
from csms_auth.store import audit
from csms_bus.flow import Never
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_db.engine import Database
from csms_db.retention import Kept, Retention

Api = Any  # the fixture of conftest.py

NOON_MS = 1_767_268_800_000
"""2026-01-01T12:00:00Z."""


def entry(minute: int = 0, **fields: Any) -> Record:
    defaults: dict[str, Any] = {
        "occurred_at_ms": NOON_MS + minute * 60_000,
        "service": "device-mgmt",
        "principal": "support",
        "authentication": "api-key",
        "remote_address": "192.0.2.9",
        "method": "POST",
        "path": "/api/v1/stations/CS1/calls/Reset",
        "route": "/api/v1/stations/{station_id}/calls/{action}",
        "status": 200,
        "request_id": f"request-{minute}",
        "request": b'{"type":"OnIdle"}',
    }
    return new_record("", audit_entry=AuditEntry(**(defaults | fields)))


async def store(database: Database, *records: Record) -> None:
    batch = [Incoming("audit", 0, offset, "device-mgmt", record) for offset, record in enumerate(records)]
    assert await AuditConsumer(database)(batch) == ()


async def shown(api: Api, query: str = "") -> list[str]:
    page = await api("GET", f"/api/v1/audit?limit=1000{query}")
    return [item["request_id"] for item in page["items"]]


async def test_an_entry_is_shown_as_it_was_told(api: Api, database: Database) -> None:
    record = entry()
    await store(database, record)
    (item,) = (await api("GET", "/api/v1/audit"))["items"]
    assert item == {
        "id": record.record_id,
        "occurred_at": "2026-01-01T12:00:00Z",
        "service": "device-mgmt",
        "principal": "support",
        "authentication": "api-key",
        "remote_address": "192.0.2.9",
        "method": "POST",
        "path": "/api/v1/stations/CS1/calls/Reset",
        "route": "/api/v1/stations/{station_id}/calls/{action}",
        "status": 200,
        "request_id": "request-0",
        "request": {"type": "OnIdle"},
    }


async def test_a_gateway_writes_in_no_other_name(api: Api, database: Database) -> None:
    assert await AuditConsumer(database)([Incoming("gateway.audit", 0, 0, "device-mgmt", entry())]) == ()
    (item,) = (await api("GET", "/api/v1/audit"))["items"]
    assert item["service"] == "gateway"


async def test_what_is_not_known_is_null(api: Api, database: Database) -> None:
    await store(database, entry(principal="", authentication="", request=b"", status=401))
    (item,) = (await api("GET", "/api/v1/audit"))["items"]
    assert (item["principal"], item["authentication"], item["request"]) == (None, None, None)


async def test_any_json_is_kept(api: Api, database: Database) -> None:
    for number, body in enumerate((b'"a\\u0000b"', b"[1.5,null]", b"0", b"null")):
        await store(database, entry(number, request=body))
    items = (await api("GET", "/api/v1/audit"))["items"]
    assert [item["request"] for item in reversed(items)] == ["a\0b", [1.5, None], 0, None]


async def test_a_repeat_is_stored_once(api: Api, database: Database) -> None:
    records = [entry(0), entry(1)]
    await store(database, *records, records[0])
    await store(database, *records)
    assert await shown(api) == ["request-1", "request-0"]


async def test_other_records_are_poison(database: Database) -> None:
    with pytest.raises(Never, match="api_key"):
        await store(database, new_record("", api_key=ApiKey(key_id="x")))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("principal=billing", [2]),
        ("principal=nobody", []),
        ("path=/api/v1/stations/CS1", [1, 0]),
        ("path=/api/v1/stations/cs1", []),
        ("path=/api/v1/stations/CS%25", []),
        ("since=2026-01-01T12:02:00Z", [3, 2]),
        ("since=2026-01-01T14:02:00%2B02:00", [3, 2]),
        ("until=2026-01-01T12:01:00Z", [0]),
        ("since=2026-01-01T12:01:00Z&until=2026-01-01T12:03:00Z", [2, 1]),
        ("principal=support&path=/api/v1/id-tokens", [3]),
    ],
)
async def test_filters(api: Api, database: Database, query: str, found: list[int]) -> None:
    await store(
        database,
        entry(0),
        entry(1),
        entry(2, principal="billing", path="/api/v1/stations/CS2"),
        entry(3, path="/api/v1/id-tokens/Local/X"),
    )
    assert await shown(api, f"&{query}") == [f"request-{minute}" for minute in found]


@pytest.mark.parametrize(
    "query",
    [
        "principal=a%00b",
        "path=%00",
        "since=yesterday",
        "since=0001-01-01T00:00:00%2B10:00",
        "until=2026-01-01T00:00:00",
    ],
)
async def test_filters_that_are_not_taken(api: Api, query: str) -> None:
    await api("GET", f"/api/v1/audit?{query}", status=422)


@pytest.mark.parametrize("cursor", ["WyJ4IiwieSJd", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzEwOjAwIiwieSJd", "e30"])
async def test_cursors_that_are_none_of_ours(api: Api, cursor: str) -> None:
    await api("GET", f"/api/v1/audit?cursor={cursor}", status=422)


async def test_pages_hold_each_entry_once_the_newest_first(api: Api, database: Database) -> None:
    await store(database, *(entry(minute // 2, request_id=str(minute)) for minute in range(7)))
    found, query = [], ""
    while True:
        page = await api("GET", f"/api/v1/audit?limit=2{query}")
        found += [item["request_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"&cursor={page['next_cursor']}"
    assert sorted(found) == [str(number) for number in range(7)]
    assert [int(number) // 2 for number in found] == [3, 2, 2, 1, 1, 0, 0]


async def test_a_page_of_large_entries_ends_early_and_none_is_lost(api: Api, database: Database) -> None:
    body = b'{"data":"' + b"x" * 60_000 + b'"}'
    await store(database, *(entry(minute, request=body) for minute in range(100)))
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api("GET", f"/api/v1/audit?limit=1000{f'&cursor={cursor}' if cursor else ''}")
        assert sum(len(json.dumps(item)) for item in page["items"]) < 4.1 * 1024 * 1024
        found += [item["request_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert found == [f"request-{minute}" for minute in reversed(range(100))]


@pytest.mark.parametrize("scope", ["read", "operate"])
async def test_only_admins_see_it(api: Api, scope: str) -> None:
    await api("GET", "/api/v1/audit", scope=scope, status=403)


async def test_old_entries_are_forgotten(api: Api, database: Database) -> None:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    day_ms = 24 * 3600 * 1000
    await store(
        database,
        *(entry(request_id=str(days), occurred_at_ms=now_ms - days * day_ms + day_ms // 2) for days in range(6)),
    )
    retention = Retention(database, [Kept("audit", 2, audit.forget)], batch=2)
    assert await retention.apply() == {"audit": 3}
    assert await shown(api) == ["0", "1", "2"]
    assert await retention.apply() == {}
