"""What the audit log is told."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable

import httpx2
import orjson
import pytest
from csms_ocpp.redaction import redact
from csms_ocpp.versions import Protocol
from csms_runtime.clock import now_ms
from csms_runtime.http import ApiKeys, AuditedRequest, listening
from csms_runtime.http.audit import MAX_KEPT_BYTES, Audit, redacted_body, redacted_path
from fastapi import FastAPI

SECRET = "s3cret-s3cret-s3cret"
Call = Callable[..., httpx2.Response]


def redacted(body: object) -> object:
    """As the bus's audit log has it done."""
    return redact(Protocol.OCPP201, "", body)


class Audited:
    def __init__(self) -> None:
        self.told: list[AuditedRequest] = []

    @property
    def only(self) -> AuditedRequest:
        (entry,) = self.told
        return entry


@pytest.fixture
def audited() -> Audited:
    return Audited()


@pytest.fixture
def audited_app(api: Callable[..., FastAPI], keys: ApiKeys, audited: Audited) -> FastAPI:
    return api(keys=keys, audit=Audit(audited.told.append, redacted))


@pytest.fixture
async def client(audited_app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(audited_app, client=("192.0.2.7", 4711))
    headers = {"Authorization": "Bearer admin-key"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://csms", headers=headers) as client:
        yield client


async def test_who_did_what_when(client: httpx2.AsyncClient, audited: Audited) -> None:
    before = now_ms()
    response = await client.post("/api/v1/things?note=secret", json={"name": "x", "password": SECRET})
    assert response.status_code == 201
    told = audited.only
    assert before <= told.occurred_at_ms <= now_ms()
    assert (told.principal, told.authentication, told.remote_address) == ("admin", "api-key", "192.0.2.7")
    assert (told.method, told.path, told.route) == ("POST", "/api/v1/things", "/api/v1/things")
    assert (told.status, told.request_id) == (201, response.headers["x-request-id"])
    assert orjson.loads(told.body) == {"name": "x", "password": "***"}


async def test_reading_is_not_told(client: httpx2.AsyncClient, audited: Audited) -> None:
    await client.get("/api/v1/things")
    await client.post("/healthz")
    assert audited.told == []


async def test_refused_ones_are_told_without_what_strangers_sent(client: httpx2.AsyncClient, audited: Audited) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": ""}):
        response = await client.post("/api/v1/things", json={"name": "x"}, headers=headers)
        assert response.status_code == 401
    assert [(told.principal, told.authentication, told.status, told.body) for told in audited.told] == [
        ("", "", 401, b""),
        ("", "", 401, b""),
    ]


async def test_missing_scope_is_told_with_the_name(client: httpx2.AsyncClient, audited: Audited) -> None:
    headers = {"Authorization": "Bearer operate-key"}
    assert (await client.post("/api/v1/things", json={"name": "x"}, headers=headers)).status_code == 403
    assert (audited.only.principal, audited.only.status) == ("operate", 403)


@pytest.mark.parametrize(
    ("method", "path", "status", "route"),
    [
        ("DELETE", "/api/v1/things", 405, "/api/v1/things"),
        ("PUT", "/api/v1/nothing", 404, "unmatched"),
        ("STRANGE-METHOD-OF-SOME-LENGTH", "/api/v1/nothing", 404, "unmatched"),
        ("POST", "/api/v1/things", 422, "/api/v1/things"),
        ("HEAD", "/api/v1/things", 405, "/api/v1/things"),
    ],
)
async def test_what_fails_is_told(  # noqa: PLR0917 fixtures and what they are for
    client: httpx2.AsyncClient, audited: Audited, method: str, path: str, status: int, route: str
) -> None:
    assert (await client.request(method, path)).status_code == status
    assert (audited.only.status, audited.only.route, audited.only.method) == (status, route, method[:16])


async def test_bug_is_told_as_500(audited: Audited, audited_app: FastAPI, client: httpx2.AsyncClient) -> None:
    @audited_app.post("/api/v1/bug")
    async def bug() -> None:
        raise RuntimeError("a bug")

    assert (await client.post("/api/v1/bug")).status_code == 500
    assert audited.only.status == 500


class TestBodies:
    @pytest.mark.parametrize("content", [b"no json", b"{", b"\xff", b"  ", b"", b'"\\ud800"'])
    async def test_no_json(self, client: httpx2.AsyncClient, audited: Audited, content: bytes) -> None:
        await client.post("/api/v1/things", content=content, headers={"Content-Type": "application/json"})
        assert audited.only.body == b""

    @pytest.mark.parametrize(
        "content",
        [
            *(
                f'{{"name": "x", "password": "{SECRET}"}}'.encode(coding)
                for coding in ("utf-16", "utf-16-le", "utf-32")
            ),
            b'\xef\xbb\xbf{"name": "x"}',
            b'{"name": "x", "sizes": [NaN]}',
        ],
    )
    async def test_what_cannot_be_kept_is_not_done(
        self, client: httpx2.AsyncClient, audited: Audited, content: bytes
    ) -> None:
        answer = await client.post("/api/v1/things", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, audited.only.status) == (422, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "UTF-8" in answer.json()["detail"]

    async def test_white_space_hides_nothing(self, client: httpx2.AsyncClient, audited: Audited) -> None:
        content = b" " * MAX_KEPT_BYTES + b'{"name": "x"}'
        answer = await client.post("/api/v1/things", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 201
        assert orjson.loads(audited.only.body) == {"name": "x"}

    async def test_of_a_large_one_the_beginning_is_kept(self, client: httpx2.AsyncClient, audited: Audited) -> None:
        body = {"name": "x", "password": SECRET, "sizes": [1] * MAX_KEPT_BYTES}
        assert (await client.post("/api/v1/things", json=body)).status_code == 201
        whole = orjson.dumps(body | {"password": "***"})
        kept = orjson.loads(audited.only.body)
        assert kept["beginning"].startswith('{"name":"x","password":"***","sizes":[1,1')
        assert whole.startswith(kept["beginning"].encode())
        assert (kept["length"], kept["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())
        assert len(audited.only.body) < MAX_KEPT_BYTES

    def test_a_beginning_may_end_within_a_character(self) -> None:
        kept = orjson.loads(redacted_body(orjson.dumps(["x", "€" * MAX_KEPT_BYTES]), redacted))
        assert set(kept["beginning"]) == set('["x,€')

    async def test_beyond_the_limit(self, client: httpx2.AsyncClient, audited: Audited) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b'{"name": "'
            for _ in range(5_000):
                yield b"x" * 1000
            yield b'xxx"}'

        await client.post("/api/v1/things", content=chunks(), headers={"Content-Type": "application/json"})
        assert (audited.only.status, audited.only.body) == (413, b"")

    def test_nested_beyond_reason(self) -> None:
        assert SECRET.encode() not in redacted_body(b"[" * 900 + f'"{SECRET}"'.encode() + b"]" * 900, redacted)

    @pytest.mark.parametrize(
        "body",
        [
            {"password": SECRET},
            {"variables": [{"component": {}, "variable": {"name": "BasicAuthPassword"}, "attributeValue": SECRET}]},
            {"setVariableData": [{"variable": {"name": "basicauthpassword"}, "attributeValue": SECRET}]},
            {"connectionData": {"vpn": {"password": SECRET, "key": SECRET}, "apn": {"apnPassword": SECRET}}},
            {"key": "AuthorizationKey", "value": SECRET},
            {"id_token": {"idToken": SECRET, "type": "KeyCode"}},
            {"log": {"remoteLocation": f"ftp://user:{SECRET}@host/"}},
            {"certificate": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"},
        ],
    )
    def test_secrets_are_masked(self, body: object) -> None:
        assert SECRET.encode() not in redacted_body(orjson.dumps(body), redacted)
        assert b"***" in redacted_body(orjson.dumps(body), redacted)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/api/v1/id-tokens/KeyCode/1234/5", "/api/v1/id-tokens/KeyCode/***"),
        ("/api/v1/id-tokens/keycode/12\n34", "/api/v1/id-tokens/keycode/***"),
        ("/api/v1/id-tokens/Local/1234", "/api/v1/id-tokens/Local/1234"),
        ("/api/v1/stations/a\0b\x7f", "/api/v1/stations/a�b�"),
        ("/api/v1/" + "x" * 5000, ("/api/v1/" + "x" * 5000)[:2000]),
    ],
)
def test_paths(path: str, kept: str) -> None:
    assert redacted_path(path) == kept


@pytest.mark.parametrize(("proxies", "address"), [([], "127.0.0.1"), (["127.0.0.0/8"], "198.51.100.9")])
async def test_only_trusted_proxies_say_who_calls(
    audited_app: FastAPI, audited: Audited, proxies: list[str], address: str
) -> None:
    headers = {"Authorization": "Bearer admin-key", "X-Forwarded-For": "203.0.113.66, 198.51.100.9"}
    async with listening(audited_app, "127.0.0.1", 0, trusted_proxies=proxies) as port, httpx2.AsyncClient() as client:
        await client.post(f"http://127.0.0.1:{port}/api/v1/things", json={"name": "x"}, headers=headers)
    assert audited.only.remote_address == address


@pytest.mark.parametrize("item", [b"{}", b"[]", b"0"])
async def test_a_body_that_is_refused_for_all_it_holds_is_not_read_for_the_audit_log(
    client: httpx2.AsyncClient, audited: Audited, item: bytes
) -> None:
    body = b"[" + b",".join([item] * 1_300_000) + b"]"
    began = time.process_time()
    assert (await client.post("/api/v1/things", content=body)).status_code == 413
    assert time.process_time() - began < 0.5  # parsing and copying it takes seconds, and hundreds of MB
    assert (audited.only.status, audited.only.body) == (413, b"")
