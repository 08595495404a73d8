"""Tokens that are limited to sites and labels of stations, as questions meet them, beside earlier versions, too."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import Placement
from csms.v1.bus_pb2 import Record
from csms_auth.consumers import AuthConsumer
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.handlers.turn import Rules
from csms_auth.store import tables
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations
from sqlalchemy import select, update

Records = Any  # the fixtures of conftest.py
Api = Any

CARD = "/api/v1/id-tokens/ISO14443/04AB"
HARBOUR = Placement(site_id="harbour", labels={"tier": "gold"})
NOWHERE = Placement()


class Asking:
    """What becomes of the card at CS1."""

    def __init__(self, database: Database, records: Records) -> None:
        keys, rules = KeyCodes(SecretKeys(b"a key for tests only")), Rules(UnknownStations.REJECT)
        self._consumer = AuthConsumer(
            database, rules, key_codes=keys, wake_outbox=lambda: None, clock=lambda: records.now_ms
        )
        self._records = records

    async def told(self, *records: Record) -> Sequence[Outgoing]:
        return await self._consumer([Incoming("ocpp.calls.auth", 0, n, "k", r) for n, r in enumerate(records)])

    async def __call__(self, *before: Record) -> str:
        """The status that Authorize and a question of transactions both get; records come before in the same batch."""
        question = self._records.ask(("ISO14443", "04ab", 1))
        call = self._records.call("Authorize", {"idToken": {"idToken": "04AB", "type": "ISO14443"}})
        answers = {one.record.WhichOneof("body"): one.record for one in await self.told(*before, question, call)}
        asked = answers["authorization_decision"].authorization_decision.answers[0].status
        payload = answers["reply"].reply.payload
        assert orjson.loads(payload)["idTokenInfo"]["status"] == asked
        return asked  # type: ignore[no-any-return]


@pytest.fixture
def ask(database: Database, records: Records) -> Asking:
    return Asking(database, records)


async def test_by_site_and_labels(api: Api, ask: Asking, records: Records) -> None:
    body = {"status": "Accepted", "site_ids": ["harbour"], "labels": {"tier": "gold"}, "evse_ids": [1, 2]}
    item = await api.put(CARD, body, 201)
    assert {name: item[name] for name in body} == body
    assert await ask() == "NotAtThisLocation"  # nobody told of the station
    assert await ask(records.admit("CS1", 1, placement=HARBOUR)) == "Accepted"
    assert await ask() == "Accepted"
    assert await ask(records.admit("CS1", 2, placement=NOWHERE)) == "NotAtThisLocation"
    assert await ask(records.admit("CS1", 1, placement=HARBOUR)) == "NotAtThisLocation"  # it is late
    assert await ask(records.admit("CS1", 3, placement=HARBOUR), records.admit("CS1", 4, deleted=True)) != "Accepted"
    await api.put(CARD, {"site_ids": None, "labels": None})
    assert await ask() == "Accepted"


async def test_what_an_earlier_device_mgmt_tells_leaves_the_place_as_it_is(
    api: Api, ask: Asking, records: Records
) -> None:
    await api.put(CARD, {"status": "Accepted", "site_ids": ["harbour"]}, 201)
    assert await ask(records.admit("CS1", 1, placement=HARBOUR)) == "Accepted"
    assert await ask(records.admit("CS1", 2, security_profile=2)) == "Accepted"


async def test_what_an_earlier_auth_applied_is_not_known(
    api: Api, ask: Asking, records: Records, database: Database
) -> None:
    await api.put(CARD, {"status": "Accepted", "site_ids": ["harbour"]}, 201)
    await ask.told(records.admit("CS1", 1, placement=HARBOUR))
    async with database.transaction() as session:  # it moved the station away
        await session.execute(update(tables.stations).values(revision=2))
    assert await ask() == "NotAtThisLocation"
    assert await ask(records.admit("CS1", 3, placement=HARBOUR)) == "Accepted"


async def test_an_earlier_auth_accepts_a_limited_token_nowhere(api: Api, database: Database) -> None:
    await api.put(CARD, {"status": "Accepted", "site_ids": ["harbour"], "evse_ids": [1]}, 201)
    async with database.reading() as session:
        assert await session.scalar(select(tables.id_tokens.c.evse_ids)) == []
    assert (await api("GET", CARD))["evse_ids"] == [1]


async def test_stations_are_looked_up_for_limited_tokens_only(api: Api, ask: Asking, statements: list[str]) -> None:
    await api.put(CARD, {"status": "Accepted", "evse_ids": [1]}, 201)
    del statements[:]
    assert await ask() == "Accepted"
    assert [one for one in statements if "placement" in one] == []


@pytest.mark.parametrize(
    "body",
    [{"site_ids": ["a b"]}, {"site_ids": ["x"] * 1001}, {"labels": {"a:b": "c"}}, {"labels": {"a": "c" * 101}}],
    ids=["site", "sites", "key", "value"],
)
async def test_limits_are_checked(api: Api, body: dict[str, object]) -> None:
    await api.put(CARD, {"status": "Accepted", **body}, 422)
