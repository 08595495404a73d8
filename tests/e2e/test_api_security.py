"""Keys made over the API and the audit log, in the running system: in both modes, across services and restarts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from csms_testing.cluster.layout import free_port
from csms_testing.oidc import AUDIENCE, issuing
from csms_testing.systems import API_KEY, System, standalone, standalone_process

pytestmark = pytest.mark.asyncio(loop_scope="session")

OF_EACH_SERVICE = ("/stations", "/transactions", "/id-tokens", "/gateway/connections")
"""A path of each service."""
SOON_S = 5.0
"""A second, on a machine that has other things to do."""


async def eventually(ask: Callable[[], Awaitable[bool]], deadline_s: float = SOON_S) -> None:
    async with asyncio.timeout(deadline_s):
        while not await ask():  # noqa: ASYNC110 another process changes it
            await asyncio.sleep(0.05)


async def statuses(client: httpx2.AsyncClient, key: str) -> set[int]:
    headers = {"Authorization": f"Bearer {key}"}
    return {(await client.get(path, headers=headers)).status_code for path in OF_EACH_SERVICE}


def all_answer(client: httpx2.AsyncClient, key: str, status: int) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return await statuses(client, key) == {status}

    return ask


async def test_a_key_works_on_every_service_until_it_is_revoked(api: httpx2.AsyncClient) -> None:
    made = await api.post("/api-keys", json={"name": "e2e", "scopes": ["read"]})
    assert made.status_code == 201
    key = made.json()["key"]
    await eventually(all_answer(api, key, 200))
    refused = await api.put("/stations/E2E", json={}, headers={"Authorization": f"Bearer {key}"})
    assert refused.status_code == 403
    assert (await api.delete(f"/api-keys/{made.json()['id']}")).status_code == 204
    await eventually(all_answer(api, key, 401))


async def test_what_was_done_is_in_the_audit_log(api: httpx2.AsyncClient, station_id: str) -> None:
    path = f"/api/v1/stations/{station_id}"
    body = {"security_profile": 1, "password": "a-password-of-a-station"}
    done = await api.put(f"/stations/{station_id}", json=body)
    assert done.status_code == 201
    await api.put(f"/stations/{station_id}", json={}, headers={"Authorization": "Bearer nobodys"})
    await api.get(f"/stations/{station_id}")
    await api.put(f"/id-tokens/Local/{station_id}", json={"status": "Accepted"})

    async def entries(prefix: str) -> list[Any]:
        found: list[Any] = (await api.get("/audit", params={"path": prefix})).json()["items"]
        return found

    async def complete() -> bool:
        return len(await entries(path)) == 2 and len(await entries(f"/api/v1/id-tokens/Local/{station_id}")) == 1

    await eventually(complete)
    refused, made = await entries(path)
    assert (refused["status"], refused["principal"], refused["request"]) == (401, None, None)
    assert (made["status"], made["principal"], made["method"]) == (201, "admin", "PUT")
    assert made["route"] == "/api/v1/stations/{station_id}"
    assert made["request"] == body | {"password": "***"}
    assert made["request_id"] == done.headers["x-request-id"]
    assert made["service"] in {"standalone", "device-mgmt"}


async def test_keys_and_audit_outlive_a_restart(tmp_path: Any) -> None:
    process = standalone_process(tmp_path, free_port(), port := free_port())
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", headers=headers, timeout=30) as api:
        await process.start()
        await process.ready()
        kept, gone = [
            (await api.post("/api-keys", json={"name": name, "scopes": ["read"]})).json() for name in ("kept", "gone")
        ]
        assert await statuses(api, kept["key"]) == {200}  # at once: it is the same process
        await api.delete(f"/api-keys/{gone['id']}")
        assert await statuses(api, gone["key"]) == {401}
        await process.stop()
        await process.start()
        await process.ready()
        try:
            assert await statuses(api, kept["key"]) == {200}
            assert await statuses(api, gone["key"]) == {401}
            told = (await api.get("/audit", params={"path": "/api/v1/api-keys"})).json()["items"]
            assert [entry["method"] for entry in told] == ["DELETE", "POST", "POST"]
            assert kept["key"] not in str(told)
        finally:
            await process.stop()


async def test_tokens_of_the_configured_issuer(tmp_path: Any) -> None:
    async with issuing() as issuer:
        settings = {"CSMS_OIDC_ISSUER": issuer.url, "CSMS_OIDC_AUDIENCE": AUDIENCE}
        async with standalone(tmp_path, **settings) as system:
            await tokens_are_taken(system, issuer.token("read"), issuer.token("read operate admin", sub="boss"))


async def tokens_are_taken(system: System, reader: str, boss: str) -> None:
    async with system.client() as api:
        assert await statuses(api, reader) == {200}
        body = {"name": "by-token", "scopes": ["read"]}
        for token, status in ((reader, 403), (boss, 201), (boss[:-4] + "AAAA", 401)):
            made = await api.post("/api-keys", json=body, headers={"Authorization": f"Bearer {token}"})
            assert made.status_code == status

        async def told() -> bool:
            entries = (await api.get("/audit", params={"principal": "boss"})).json()["items"]
            return [(entry["authentication"], entry["status"]) for entry in entries] == [("jwt", 201)]

        await eventually(told)
