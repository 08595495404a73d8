"""Keys and scopes."""

import hashlib
import json
from collections.abc import Callable

import httpx2
import pytest
from csms_runtime.http import ApiKeys, Principal, Scope, StoredKey, digest_of, generate_api_key, require
from csms_runtime.settings import RuntimeSettings

ClientAs = Callable[[str], httpx2.AsyncClient]


async def test_no_key(admin: httpx2.AsyncClient) -> None:
    del admin.headers["Authorization"]
    response = await admin.get("/api/v1/things")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="csms"'
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["Bearer wrong-key", "Bearer ", "Basic YTph", "admin-key", "Bearer ädmin"])
async def test_wrong_key(admin: httpx2.AsyncClient, header: str) -> None:
    response = await admin.get("/api/v1/things", headers={"Authorization": header.encode()})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert "wrong-key" not in response.text


async def test_without_a_key_nothing_can_be_learned(admin: httpx2.AsyncClient) -> None:
    del admin.headers["Authorization"]
    for method, path in (("GET", "/api/v1/nothing"), ("DELETE", "/api/v1/things"), ("POST", "/api/v1/things")):
        response = await admin.request(method, path, content=b"{bad", headers={"Content-Type": "application/json"})
        assert response.status_code == 401


async def test_missing_scope_is_named(client_as: ClientAs) -> None:
    response = await client_as("operate-key").post("/api/v1/things", json={"name": "x"})
    assert response.status_code == 403
    assert response.json()["detail"] == "Scope admin is needed"
    assert response.json()["required_scope"] == "admin"
    assert 'scope="admin"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("key", ["read-key", "operate-key", "admin-key"])
async def test_scopes_include_lower_ones(client_as: ClientAs, key: str) -> None:
    assert (await client_as(key).get("/api/v1/things")).status_code == 200


async def test_the_principal(client_as: ClientAs) -> None:
    assert (await client_as("read-key").get("/api/v1/things/whoami")).json() == {"name": "read"}
    created = await client_as("admin-key").post("/api/v1/things", json={"name": "x"})
    assert created.json() == {"name": "x", "by": "admin"}


def test_scopes() -> None:
    assert Principal.with_scopes("x", ["operate"]).scopes == {Scope.READ, Scope.OPERATE}
    assert not Principal.with_scopes("x", ["read"]).may(Scope.OPERATE)
    with pytest.raises(ValueError, match="nonsense"):
        require("nonsense")


def test_keys_from_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [{"name": "billing", "sha256": hashlib.sha256(b"billing-key").hexdigest().upper(), "scopes": ["read"]}]
    monkeypatch.setenv("CSMS_API_KEYS", json.dumps(known))
    monkeypatch.setenv("CSMS_ADMIN_API_KEY", "from-the-environment")
    keys = ApiKeys.from_settings(RuntimeSettings(), admin_key="made-at-first-start")
    billing = keys.find("billing-key")
    assert billing is not None
    assert (billing.name, billing.scopes) == ("billing", {Scope.READ})
    for key in ("from-the-environment", "made-at-first-start"):
        admin = keys.find(key)
        assert admin is not None
        assert admin.may(Scope.ADMIN)
    assert keys.find("") is None


def test_no_keys_let_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CSMS_ADMIN_API_KEY", raising=False)
    monkeypatch.delenv("CSMS_API_KEYS", raising=False)
    assert ApiKeys.from_settings(RuntimeSettings()).find("") is None


def test_made_keys() -> None:
    assert generate_api_key().startswith("csms_")
    assert generate_api_key() != generate_api_key()


def stored(key: str, *, key_id: str = "k1", expires_at_ms: int = 0, revoked: bool = False) -> StoredKey:
    principal = Principal.with_scopes("stored", ["operate"])
    return StoredKey(key_id, digest_of(key), principal, expires_at_ms=expires_at_ms, revoked=revoked)


class TestStoredKeys:
    def test_known_until_revoked(self) -> None:
        keys = ApiKeys({})
        keys.take(stored("a-key"))
        found = keys.find("a-key")
        assert found is not None
        assert (found.name, found.may(Scope.OPERATE), found.may(Scope.ADMIN)) == ("stored", True, False)
        keys.take(stored("a-key", revoked=True))
        assert keys.find("a-key") is None

    def test_revoked_for_good_whatever_comes_late_or_twice(self) -> None:
        keys = ApiKeys({})
        for revoked in (True, False, True, False):
            keys.take(stored("a-key", revoked=revoked))
        assert keys.find("a-key") is None

    def test_expiry_counts_at_once(self) -> None:
        now = 1000
        keys = ApiKeys({}, clock_ms=lambda: now)
        keys.take(stored("a-key", expires_at_ms=1001))
        assert keys.find("a-key") is not None
        now = 1001
        assert keys.find("a-key") is None

    def test_stand_beside_those_of_the_settings(self) -> None:
        keys = ApiKeys.for_tests(read="configured")
        keys.take(stored("made"))
        keys.take(stored("other", key_id="k2", revoked=True))
        assert keys.find("configured") is not None
        assert keys.find("made") is not None
        assert keys.find("other") is None

    async def test_unknown_key_before_all_are_known(self, keys: ApiKeys, client_as: ClientAs) -> None:
        keys.complete = False
        response = await client_as("who-knows").get("/api/v1/things")
        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
        assert (await client_as("read-key").get("/api/v1/things")).status_code == 200
        keys.complete = True
        assert (await client_as("who-knows").get("/api/v1/things")).status_code == 401
