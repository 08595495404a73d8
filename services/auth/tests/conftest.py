"""Records as other services send them to auth, and the databases they are answered from."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import orjson
import pytest
from csms.v1.auth_pb2 import AuthorizationRequest, ConnectionRequest, IdToken, StationAdmission, TokenQuestion
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import ReplyTo, StationCall
from csms_auth.app import MIGRATIONS, SCHEMA
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.http.api_keys import ApiKeyResource
from csms_auth.http.audit import audit_router
from csms_auth.http.credentials import Credentials
from csms_auth.http.id_tokens import IdTokens
from csms_auth.http.token_import import TokenImport
from csms_auth.store import stations
from csms_bus.records import new_record
from csms_db.engine import Database
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from csms_runtime.http.station_paths import spelled
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations
from csms_testing.databases import database_fixture
from sqlalchemy import event

Field = Any  # a value of a protobuf field or of JSON

NOW_MS = 1_767_225_600_000


class Records:
    """Makes records with what a test cares for."""

    now_ms = NOW_MS
    gateway = ReplyTo(topic="gateway.inbox", partition=3)
    transactions = ReplyTo(topic="transactions.inbox", partition=1)
    devices = ReplyTo(topic="devices.inbox", partition=2)

    def connect(self, station_id: str, digest: bytes | None = None, **fields: Field) -> Record:
        defaults: dict[str, Any] = {
            "reply_to": self.gateway,
            "correlation_id": f"connect-{station_id}",
            "deadline_ms": NOW_MS + 10_000,
            "protocol": "ocpp2.0.1",
            "security_profile": 1,
            "password_digests": [] if digest is None else [digest],
            "remote_address": "192.0.2.1",
        }
        return new_record(station_id, connection_request=ConnectionRequest(**(defaults | fields)))

    def admit(self, station_id: str, revision: int, **fields: Field) -> Record:
        defaults: dict[str, Any] = {"reply_to": self.devices, "correlation_id": f"admit-{station_id}-{revision}"}
        return new_record(station_id, station_admission=StationAdmission(revision=revision, **(defaults | fields)))

    def ask(self, *questions: tuple[str, str, int], deadline_ms: int = NOW_MS + 5_000) -> Record:
        """Questions about (type, id, EVSE)."""
        request = AuthorizationRequest(
            reply_to=self.transactions,
            correlation_id="ask-1",
            deadline_ms=deadline_ms,
            questions=[
                TokenQuestion(station_id="CS1", id_token=IdToken(type=kind, id_token=text), evse_id=evse_id)
                for kind, text, evse_id in questions
            ],
        )
        return new_record("CS1", authorization_request=request)

    def call(self, action: str, payload: Field, **fields: Field) -> Record:
        defaults: dict[str, Any] = {
            "reply_to": self.gateway,
            "correlation_id": "call-1",
            "protocol": "ocpp2.0.1",
            "action": action,
            "message_id": "m1",
            "payload": payload if isinstance(payload, bytes) else orjson.dumps(payload),
            "received_at_ms": NOW_MS,
            "deadline_ms": NOW_MS + 5_000,
        }
        return new_record("CS1", station_call=StationCall(**(defaults | fields)))


@pytest.fixture
def records() -> Records:
    return Records()


database = database_fixture(MIGRATIONS, schema=SCHEMA)


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """The SQL statements that are executed meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    engines = [engine.sync_engine for engine in database._engines()]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


SECRET_KEY = b"a key for tests only"
KEYS = SecretKeys(SECRET_KEY)


class Api:
    """The API, called with the key of a scope."""

    key = SECRET_KEY

    def __init__(self, client: httpx2.AsyncClient, keys: ApiKeys) -> None:
        self.client = client
        self.keys = keys
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
        api = Api(idle, keys)
        routers = [
            TokenImport(database, api.wake).router(),
            IdTokens(database, KeyCodes(KEYS), api.wake).router(),
            Credentials(database, KEYS, UnknownStations.ACCEPT, api.wake, shown_within_s=0).router(),
            ApiKeyResource(database, api.wake, keys).router(),
            audit_router(database),
        ]

        async def spelling(station_id: str) -> str:
            async with database.reading() as session:
                return await stations.spelling(session, station_id)

        app = create_app("auth", routers=spelled(routers, spelling), keys=keys, health=Health(), version="0")
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://auth") as client:
            api.client = client
            yield api
