"""Management routes, request ids, metrics and the API document."""

import httpx2
import pytest
from csms_runtime.health import Health
from csms_runtime.http import create_management_app
from csms_runtime.ids import new_traceparent
from prometheus_client import REGISTRY


@pytest.fixture
async def outsider(admin: httpx2.AsyncClient) -> httpx2.AsyncClient:
    del admin.headers["Authorization"]
    return admin


async def test_healthz(outsider: httpx2.AsyncClient) -> None:
    assert (await outsider.get("/healthz")).json() == {"status": "ok"}


async def test_readyz(outsider: httpx2.AsyncClient, health: Health) -> None:
    assert (await outsider.get("/readyz")).status_code == 503
    health.set("bus", ok=True)
    ready = await outsider.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "components": {"bus": {"ok": True, "detail": "", "shared": False}}}
    health.set("database", ok=False, detail="no answer for 3 s", shared=True)
    degraded = await outsider.get("/readyz")
    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
    health.drain()
    draining = await outsider.get("/readyz")
    assert (draining.status_code, draining.json()["status"]) == (503, "draining")


async def test_metrics(outsider: httpx2.AsyncClient) -> None:
    response = await outsider.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert "csms_http_requests_total" in response.text


async def test_management_app(health: Health) -> None:
    transport = httpx2.ASGITransport(create_management_app(health))
    async with httpx2.AsyncClient(transport=transport, base_url="http://pod") as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/docs")).status_code == 404


def counted(method: str, route: str, status: str) -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("csms_http_requests_total", labels) or 0.0


async def test_requests_are_counted_by_route(admin: httpx2.AsyncClient) -> None:
    route = "/api/v1/things/{name}/fails"
    before = counted("GET", route, "409")
    await admin.get("/api/v1/things/taken/fails")
    assert counted("GET", route, "409") == before + 1


async def test_what_strangers_send_makes_no_new_series(admin: httpx2.AsyncClient) -> None:
    before = counted("other", "unmatched", "404")
    await admin.request("STRANGE", "/random/path")
    assert counted("other", "unmatched", "404") == before + 1


async def test_each_request_has_an_id_of_its_own(admin: httpx2.AsyncClient) -> None:
    headers = {"traceparent": new_traceparent(), "X-Request-Id": "mine"}
    first, second = [await admin.get("/healthz", headers=headers) for _ in range(2)]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["x-request-id"] != "mine"


async def test_api_document(admin: httpx2.AsyncClient) -> None:
    document = (await admin.get("/openapi.json")).json()
    assert document["info"] == {"title": "Things", "version": "1.2"}
    assert set(document["paths"]) >= {"/api/v1/things"}
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    create = document["paths"]["/api/v1/things"]["post"]
    assert create["security"] == [{"HTTPBearer": []}]
    assert set(create["responses"]) == {"201", "4XX", "5XX"}
    assert "Problem" in document["components"]["schemas"]
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
