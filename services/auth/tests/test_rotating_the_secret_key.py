"""CSMS_SECRET_KEY is replaced by another without a new password for any station, nor a new code for any driver."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest
from csms.v1.bus_pb2 import Record
from csms_auth.consumers import AuthConsumer
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.domain.stations import Renewal, Station
from csms_auth.domain.tokens import TokenRef
from csms_auth.handlers.turn import Rules
from csms_auth.http.credentials import Credentials
from csms_auth.http.id_tokens import IdTokens
from csms_auth.other_keys import Remaining, remaining, watch
from csms_auth.store import stations
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_runtime import metrics, passwords
from csms_runtime.clock import utcnow
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations

Records = Any  # the fixture of conftest.py

OLD, NEW = b"the key of before", b"the key that is next"
BEFORE, FIRST, SECOND, AFTER = SecretKeys(OLD), SecretKeys(OLD, (NEW,)), SecretKeys(NEW, (OLD,)), SecretKeys(NEW)
"""What processes have, one after the other; of two neighbours both are there at a time."""
PASSWORD, HEX_PASSWORD = b"correct horse battery", b"00112233445566778899aabbccddeeff"
CODE = "/api/v1/id-tokens/KeyCode/4711"
NOTHING = Remaining(0, 0, [])


class Auth:
    """auth, and the processes that ask it, with some keys."""

    def __init__(self, database: Database, records: Records, keys: SecretKeys) -> None:
        self._records, self._keys = records, keys
        rules = Rules(UnknownStations.ACCEPT)
        key_codes = KeyCodes(keys)
        clock = lambda: records.now_ms  # noqa: E731 short
        self._consumer = AuthConsumer(database, rules, key_codes=key_codes, wake_outbox=lambda: None, clock=clock)

    async def __call__(self, *records: Record) -> Sequence[Outgoing]:
        return await self._consumer([Incoming("ocpp.calls.auth", 0, n, "k", r) for n, r in enumerate(records)])

    async def admit(self, revision: int, kind: str, password: bytes) -> None:
        told = {kind: passwords.digest(self._keys.current, "CS1", password), "secret_key_id": self._keys.current_id}
        await self(self._records.admit("CS1", revision, **told))

    async def lets_in(self, password: bytes, *, gateway: SecretKeys | None = None) -> bool:
        keys = gateway or self._keys
        found = [digest for key in keys.every for digest in passwords.digests(key, "CS1", password)]
        asked = self._records.connect(
            "CS1",
            password_digests=found,
            current_digests=len(found) // len(keys.every),
            secret_key_id=keys.current_id,
        )
        (answer,) = await self(asked)
        return answer.record.connection_decision.allowed

    async def accepts(self, code: str) -> bool:
        (answer,) = await self(self._records.ask(("KeyCode", code, 1)))
        return answer.record.authorization_decision.answers[0].status == "Accepted"


@pytest.fixture
def auth(database: Database, records: Records) -> Any:
    return lambda keys: Auth(database, records, keys)


async def left(database: Database, keys: SecretKeys) -> Remaining:
    return await remaining(database, keys.current_id)


@pytest.mark.parametrize("password", [PASSWORD, HEX_PASSWORD], ids=["text", "hexadecimal"])
@pytest.mark.parametrize("kind", ["password_digest", "pending_password_digest", "claimed"])
async def test_a_password_goes_over_to_the_new_key_when_it_is_used(
    auth: Any, database: Database, kind: str, password: bytes
) -> None:
    if kind != "claimed":
        await auth(BEFORE).admit(1, kind, password)
    assert await auth(BEFORE).lets_in(password)
    assert await left(database, BEFORE) == NOTHING
    assert await left(database, SECOND) == Remaining(1, 0, ["CS1"])
    assert await auth(FIRST).lets_in(password)
    assert await left(database, SECOND) == Remaining(1, 0, ["CS1"])
    assert not await auth(SECOND).lets_in(b"a wrong password")
    assert await left(database, SECOND) == Remaining(1, 0, ["CS1"])
    assert await auth(SECOND).lets_in(password)
    assert await left(database, SECOND) == NOTHING
    assert await auth(AFTER).lets_in(password)
    assert not await auth(AFTER).lets_in(b"a wrong password")


async def test_while_processes_of_both_kinds_run_each_lets_in_whom_the_others_do(auth: Any, database: Database) -> None:
    for first, second in ((BEFORE, FIRST), (FIRST, SECOND), (SECOND, AFTER)):
        await auth(first).admit(10, "password_digest", PASSWORD)
        for gateway in (first, second, first, second):
            for deciding in (second, first):
                assert await auth(deciding).lets_in(PASSWORD, gateway=gateway)
    assert await left(database, AFTER) == NOTHING


async def test_without_another_key_nothing_is_written(auth: Any, statements: list[str]) -> None:
    await auth(BEFORE).admit(1, "password_digest", PASSWORD)
    statements.clear()
    assert await auth(BEFORE).lets_in(PASSWORD)
    assert not any("UPDATE stations" in statement for statement in statements)


async def test_what_is_of_the_new_key_is_not_written_again(auth: Any, statements: list[str]) -> None:
    await auth(BEFORE).admit(1, "password_digest", PASSWORD)
    assert await auth(SECOND).lets_in(PASSWORD)
    assert any("UPDATE stations" in statement for statement in statements)
    statements.clear()
    assert await auth(SECOND).lets_in(PASSWORD)
    assert not any("UPDATE stations" in statement for statement in statements)


async def test_what_an_earlier_version_stored_counts_as_of_another_key(
    auth: Any, database: Database, records: Records
) -> None:
    digest = passwords.digest(NEW, "CS1", PASSWORD)
    await auth(SECOND)(records.admit("CS1", 1, password_digest=digest))
    assert await left(database, SECOND) == Remaining(1, 0, ["CS1"])
    assert await auth(SECOND).lets_in(PASSWORD)
    assert await left(database, SECOND) == NOTHING


async def test_a_password_that_may_have_been_taken_is_not_forgotten(auth: Any, database: Database) -> None:
    """The station comes with its former password. It may still take the other one, whose digest nobody can renew."""
    await auth(BEFORE).admit(1, "password_digest", PASSWORD)
    await auth(BEFORE).admit(2, "pending_password_digest", HEX_PASSWORD)
    assert await auth(SECOND).lets_in(PASSWORD)
    assert await left(database, SECOND) == Remaining(1, 0, ["CS1"])
    assert await auth(SECOND).lets_in(HEX_PASSWORD)
    assert await left(database, SECOND) == NOTHING
    assert not await auth(SECOND).lets_in(PASSWORD)


@pytest.mark.parametrize("fields", [{"security_profile": 3}, {"proven_profile": 3}], ids=["registered", "proven"])
async def test_the_password_of_a_station_with_a_certificate_hangs_on_nothing(
    database: Database, fields: dict[str, Any]
) -> None:
    station = Station("CS1", password_digest=b"d" * 32, secret_key_id=BEFORE.current_id, **fields)
    async with database.transaction() as session:
        await stations.save(session, [station], utcnow())
    assert await left(database, SECOND) == NOTHING


async def test_a_password_that_is_replaced_meanwhile_stays_replaced(database: Database, auth: Any) -> None:
    await auth(BEFORE).admit(1, "password_digest", PASSWORD)
    async with database.reading() as session:
        before = (await stations.load(session, ["CS1"]))["CS1"]
    await auth(FIRST).admit(2, "password_digest", HEX_PASSWORD)
    renewal = Renewal(before.password_digest or b"", b"r" * 32, AFTER.current_id)
    async with database.transaction() as session:
        await stations.renew(session, [("CS1", renewal)])
    assert await auth(FIRST).lets_in(HEX_PASSWORD)
    assert not await auth(FIRST).lets_in(PASSWORD)


@pytest.fixture
def api(database: Database) -> Any:
    """Calls the API of a process with some keys."""
    api_keys = ApiKeys.for_tests(admin="admin-key-for-tests")

    async def call(keys: SecretKeys, method: str, path: str, body: object = None) -> tuple[int, Any]:
        routers = [
            IdTokens(database, KeyCodes(keys), lambda: None).router(),
            Credentials(database, keys, UnknownStations.ACCEPT, lambda: None, shown_within_s=0).router(),
        ]
        app = create_app("auth", routers=routers, keys=api_keys, health=Health(), version="0")
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://auth") as client:
            headers = {"Authorization": "Bearer admin-key-for-tests"}
            response = await client.request(method, path, json=body, headers=headers)
        return response.status_code, response.json() if response.content else None

    return call


async def test_a_password_that_an_operator_sets_is_of_the_current_key(api: Any, auth: Any, database: Database) -> None:
    await auth(BEFORE).admit(1, "password_digest", PASSWORD)
    assert (await api(SECOND, "PUT", "/api/v1/stations/CS1/credentials", {"password": HEX_PASSWORD.decode()}))[0] == 200
    assert await left(database, SECOND) == NOTHING
    assert await auth(AFTER).lets_in(HEX_PASSWORD)


async def test_a_key_code_goes_over_to_the_new_key_when_it_is_used(api: Any, auth: Any, database: Database) -> None:
    assert (await api(BEFORE, "PUT", CODE, {"status": "Accepted", "group_id": "G"}))[0] == 201
    assert await left(database, SECOND) == Remaining(0, 1, [])
    assert await auth(FIRST).accepts("4711")
    assert not await auth(SECOND).accepts("4712")
    assert (await api(SECOND, "GET", CODE))[1]["group_id"] == "G"
    assert await left(database, SECOND) == Remaining(0, 1, [])
    assert await auth(SECOND).accepts("4711")
    assert await left(database, SECOND) == NOTHING
    assert await auth(AFTER).accepts("4711")
    assert await auth(FIRST).accepts("4711")  # an older process that still runs


async def test_a_key_code_of_the_former_key_is_changed_and_deleted(api: Any, database: Database) -> None:
    await api(BEFORE, "PUT", CODE, {"status": "Accepted", "group_id": "G"})
    status, item = await api(SECOND, "PUT", CODE, {"status": "Blocked"})
    assert (status, item["status"], item["group_id"]) == (200, "Blocked", "G")
    assert await left(database, SECOND) == NOTHING
    assert (await api(AFTER, "GET", CODE))[1]["status"] == "Blocked"
    await api(BEFORE, "PUT", "/api/v1/id-tokens/KeyCode/4712", {"status": "Accepted"})
    assert (await api(SECOND, "DELETE", "/api/v1/id-tokens/KeyCode/4712"))[0] == 204
    assert (await api(FIRST, "GET", "/api/v1/id-tokens/KeyCode/4712"))[0] == 404


def test_readings_of_a_token_that_is_no_key_code() -> None:
    card = TokenRef("ISO14443", "04AABB")
    assert KeyCodes(SECOND).readings(card) == [card]
    assert len(KeyCodes(SECOND).readings(TokenRef("KeyCode", "4711"))) == 2


def shown() -> tuple[float, float]:
    gauge = metrics.AUTH_OTHER_KEYS_DIGESTS
    return gauge.labels("password")._value.get(), gauge.labels("key_code")._value.get()


@pytest.fixture
async def watching(database: Database) -> AsyncIterator[Any]:
    stop, tasks = asyncio.Event(), []

    def start(keys: SecretKeys) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(watch(database, keys, stop)))
        return tasks[-1]

    yield start
    stop.set()
    await asyncio.gather(*tasks)


async def test_metrics_show_what_is_left(api: Any, auth: Any, watching: Any) -> None:
    await auth(BEFORE).admit(1, "password_digest", PASSWORD)
    await api(BEFORE, "PUT", CODE, {"status": "Accepted"})
    watching(SECOND)
    async with asyncio.timeout(10):
        while shown() != (1, 1):  # noqa: ASYNC110 a metric tells nobody
            await asyncio.sleep(0.01)
    await watching(AFTER)
    assert shown() == (0, 0)
