import base64
import re
from typing import Any

import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import IdTokenChanged
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.domain.tokens import Token, TokenRef, TokenStatus
from csms_auth.store import id_tokens, tables
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.secret_keys import SecretKeys
from sqlalchemy import select

Api = Any  # the fixture of conftest.py

CARD = "/api/v1/id-tokens/ISO14443/04AABBCC"


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
            "site_ids": None,
            "labels": None,
            "concurrent_tx_limit": None,
            "charging_priority": None,
            "tariff": None,
            "credit": None,
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
            "tariff": {"tariffId": "t-1", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.4}]}},
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

    async def test_code_is_never_returned_and_not_stored(self, api: Api, database: Database) -> None:
        await api.put("/api/v1/id-tokens/KeyCode/Code-1", {"status": "Accepted", "group_id": "G"}, 201)
        item = await api("GET", "/api/v1/id-tokens/KeyCode/cODE-1")
        assert (item["id_token"], item["status"], item["group_id"]) == ("****", "Accepted", "G")
        assert re.fullmatch("KeyCode/[0-9a-f]{64}", item["id"])
        async with database.reading() as session:
            (row,) = (await session.execute(select(tables.id_tokens))).all()
        assert "code-1" not in str(row).lower()

    async def test_a_list_tells_no_code_by_its_cursor_either(self, api: Api) -> None:
        for code in ("1111", "2222", "3333"):
            await api.put(f"/api/v1/id-tokens/KeyCode/{code}", {"status": "Accepted"}, 201)
        page = await api("GET", "/api/v1/id-tokens?limit=2", scope="read")
        seen = page["items"]
        text = str(page) + base64.urlsafe_b64decode(page["next_cursor"] + "==").decode("latin-1")
        assert not any(code in text for code in ("1111", "2222", "3333"))
        rest = await api("GET", f"/api/v1/id-tokens?cursor={page['next_cursor']}", scope="read")
        assert len({item["id"] for item in seen + rest["items"]}) == 3

    @pytest.mark.parametrize("scope", ["read", "operate"])
    @pytest.mark.parametrize("code", ["4711", "4712"])
    async def test_whether_a_code_is_valid_is_told_to_admins_alone(self, api: Api, scope: str, code: str) -> None:
        await api.put("/api/v1/id-tokens/KeyCode/4711", {"status": "Accepted"}, 201)
        await api("GET", f"/api/v1/id-tokens/KeyCode/{code}", scope=scope, status=403)

    async def test_codes_from_before_are_hidden_at_the_start(self, api: Api, database: Database) -> None:
        plain = Token(TokenRef("KeyCode", "Code-1"), TokenStatus.BLOCKED)
        card = Token(TokenRef("Local", "Code-1"), TokenStatus.ACCEPTED)
        async with database.transaction() as session:
            for token in (plain, card):
                await id_tokens.add(session, token, utcnow())
        for found in (1, 0):
            async with database.transaction() as session:
                assert await id_tokens.hide_key_codes(session, KeyCodes(SecretKeys(api.key))) == found
        assert (await api("GET", "/api/v1/id-tokens/KeyCode/code-1"))["status"] == "Blocked"
        assert (await api("GET", "/api/v1/id-tokens/Local/Code-1"))["id_token"] == "Code-1"

    async def test_code_that_an_earlier_version_was_told_again_counts_as_it_was_told_last(
        self, api: Api, database: Database
    ) -> None:
        await api.put("/api/v1/id-tokens/KeyCode/4711", {"status": "Accepted"}, 201)
        again = Token(TokenRef("KeyCode", "4711"), TokenStatus.BLOCKED)
        async with database.transaction() as session:
            await id_tokens.add(session, again, utcnow())
        async with database.transaction() as session:
            assert await id_tokens.hide_key_codes(session, KeyCodes(SecretKeys(api.key))) == 1
        assert (await api("GET", "/api/v1/id-tokens/KeyCode/4711"))["status"] == "Blocked"

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
