"""POST /id-tokens/import, and finding tokens by their end and by how their ids begin."""

from typing import Any

import pytest
from csms.v1.bus_pb2 import Record
from csms_auth.http import token_import, token_lines
from csms_auth.store import tables
from csms_db.engine import Database
from sqlalchemy import select

Api = Any  # the fixture of conftest.py

PATH = "/api/v1/id-tokens/import"
HEAD = "type,id_token,status,group_id,expires_at,evse_ids,site_ids,labels"


async def send(api: Api, text: str | bytes, status: int = 200, *, scope: str = "operate", **query: Any) -> Any:
    headers = {"Authorization": f"Bearer {scope}-key-for-tests", "Content-Type": "text/csv; charset=utf-8"}
    answer = await api.client.post(PATH, params=query, content=text, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def events(database: Database) -> list[str]:
    async with database.reading() as session:
        rows = await session.scalars(select(tables.outbox.c.record).order_by(tables.outbox.c.id))
        return [Record.FromString(row).event.id_token_changed.id_token for row in rows]


async def test_tokens_are_created_and_changed(api: Api, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_import, "_AT_ONCE", 2)
    await api.put("/api/v1/id-tokens/ISO14443/04AA", {"status": "Accepted", "personal_message": "hello"}, 201)
    await api.put("/api/v1/id-tokens/ISO14443/04BB", {"status": "Accepted", "group_id": "G"}, 201)
    text = "\r\n".join(
        (
            "\ufeff" + HEAD,
            "ISO14443,04aa,Blocked,G1,2027-01-01T00:00:00Z,1|2,harbour|airport,tier:gold|owner:us:all",
            "ISO14443,04BB,,G,,,,",
            "",
            'eMAID,"DE-1,2",Accepted,,,,,',
            "eMAID,X,Accepted,,,,,",
            "eMAID,x,Blocked,,,,,",
        )
    )
    expected = {"created": 2, "changed": 2, "unchanged": 1, "wrong": 0, "errors": []}
    told = await events(database)
    assert await send(api, text, dry_run=True) == {"dry_run": True, **expected}
    assert (await api("GET", "/api/v1/id-tokens/ISO14443/04AA"))["status"] == "Accepted"
    assert await events(database) == told
    assert await send(api, text) == {"dry_run": False, **expected}
    card = await api("GET", "/api/v1/id-tokens/ISO14443/04AA")
    assert (card["status"], card["group_id"], card["personal_message"]) == ("Blocked", "G1", "hello")
    assert (card["expires_at"], card["evse_ids"]) == ("2027-01-01T00:00:00Z", [1, 2])
    assert (card["site_ids"], card["labels"]) == (["harbour", "airport"], {"tier": "gold", "owner": "us:all"})
    assert (await api("GET", "/api/v1/id-tokens/eMAID/x"))["status"] == "Blocked"
    assert (await api("GET", "/api/v1/id-tokens/eMAID/DE-1,2"))["status"] == "Accepted"
    assert (await events(database))[len(told) :] == ["04AA", "DE-1,2", "X", "X"]
    again = await send(api, text)
    assert (again["created"], again["changed"]) == (0, 2)  # eMAID/X is changed to and fro


async def test_lines_that_are_wrong_are_named_and_left_out(api: Api) -> None:
    text = "\n".join(
        (
            "type;id_token;status;evse_ids;labels",
            "ISO14443;1;Perhaps;;",
            "iso14443;2;Accepted;;",
            "ISO14443;3;;;",
            "KeyCode;1234;Accepted;;",
            "ISO14443;4;Accepted;0|x;",
            "ISO14443;5;Accepted;;tier",
            "ISO14443;6;Accepted",
            ";;Accepted;;",
            "ISO14443;7;Accepted;1;tier:gold",
            'ISO14443;"8;Accepted;;',
        )
    )
    found = await send(api, text)
    assert (found["created"], found["wrong"]) == (1, 9)
    assert "1234" not in str(found)
    assert sorted((one["line"], one["pointer"]) for one in found["errors"]) == [
        (2, "/status"),
        (3, "/type"),
        (4, "/status"),
        (5, "/type"),
        (6, "/evse_ids/0"),
        (6, "/evse_ids/1"),
        (7, "/labels//[key]"),
        (8, ""),
        (9, "/id_token"),
        (9, "/type"),
        (11, ""),
    ]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 422),
        ("type,status\nISO14443,Accepted\n", 422),
        ("type,id_token,colour\n", 422),
        ("type,id_token,type\n", 422),
        (b"type,id_token\n\xff,1\n", 422),
    ],
)
async def test_what_is_no_file_of_tokens(api: Api, text: str | bytes, status: int) -> None:
    await send(api, text, status)


async def test_who_may_and_how_much(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(api, HEAD, 403, scope="read")
    answer = await api.client.post(PATH, json={}, headers={"Authorization": "Bearer operate-key-for-tests"})
    assert answer.status_code == 415
    monkeypatch.setattr(token_lines, "MOST_LINES", 2)
    monkeypatch.setattr(token_import, "MOST_ERRORS", 1)
    found = await send(api, "type,id_token,status\n" + "ISO14443,1,Accepted\n" * 3 + "ISO14443,2,Accepted\n")
    assert (found["created"], found["unchanged"], found["wrong"], found["errors"][0]["line"]) == (1, 1, 1, 4)


async def listed(api: Api, query: str) -> list[str]:
    ids, cursor = [], ""
    while True:
        page = await api("GET", f"/api/v1/id-tokens?limit=1&{query}{cursor}")
        ids += [item["id_token"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        cursor = f"&cursor={page['next_cursor']}"


async def test_tokens_are_found(api: Api) -> None:
    lines = ("04AA,2027-03-01T00:00:00Z,G", "04AB,2027-01-01T00:00:00Z,", "04BB,,G", "0%,2027-01-01T00:00:00Z,G")
    rows = "".join(f"ISO14443,{line},Accepted\n" for line in lines)
    assert (await send(api, "type,id_token,expires_at,group_id,status\n" + rows))["created"] == 4
    for query, ids in (
        ("q=04a", ["04AA", "04AB"]),
        ("q=04A&group_id=G", ["04AA"]),
        ("q=0%25", ["0%"]),
        ("expires_until=2027-03-01T00:00:00Z", ["0%", "04AB"]),
        ("expires_since=2027-01-02T00:00:00Z", ["04AA"]),
        ("expires_until=2028-01-01T00:00:00Z", ["0%", "04AB", "04AA"]),
        ("expires_until=2028-01-01T00:00:00Z&group_id=G&status=Accepted", ["0%", "04AA"]),
        ("expires_until=2027-01-01T00:00:00Z", []),
    ):
        assert await listed(api, query) == ids, query
    await api("GET", "/api/v1/id-tokens?expires_until=soon", status=422)
    first = await api("GET", "/api/v1/id-tokens?limit=1&expires_until=2028-01-01T00:00:00Z")
    await api("GET", f"/api/v1/id-tokens?cursor={first['next_cursor']}", status=422)
