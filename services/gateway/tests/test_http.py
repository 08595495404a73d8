from typing import TYPE_CHECKING

import httpx2
import pytest
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app

if TYPE_CHECKING:
    from conftest import System


@pytest.fixture
async def api(system: "System") -> httpx2.AsyncClient:
    app = create_app(
        "test", routers=system.gateway.routers, keys=ApiKeys.for_tests(read="reader"), health=Health(), version="1"
    )
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://gateway/api/v1",
        headers={"Authorization": "Bearer reader"},
    )


async def test_own_connections_are_listed_in_pages(system: "System", api: httpx2.AsyncClient) -> None:
    for name in ("B", "A", "C"):
        await system.connect(name)
        await system.services.connection(name)
    first = (await api.get("/gateway/connections", params={"limit": 2})).json()
    assert [item["station_id"] for item in first["items"]] == ["A", "B"]
    second = (await api.get("/gateway/connections", params={"cursor": first["next_cursor"]})).json()
    assert [item["station_id"] for item in second["items"]] == ["C"]
    assert second["next_cursor"] is None


async def test_a_connection_shows_its_owner_token_and_state(system: "System", api: httpx2.AsyncClient) -> None:
    await system.connect("CS1")
    connection = await system.services.connection("CS1")
    (item,) = (await api.get("/gateway/connections")).json()["items"]
    assert item["id"] == connection.connection_id
    assert (item["protocol"], item["security_profile"], item["registration_status"]) == ("ocpp2.0.1", 1, "Accepted")
    assert item["connected_at"] <= item["last_heard_at"]


async def test_a_foreign_cursor_is_refused(api: httpx2.AsyncClient) -> None:
    assert (await api.get("/gateway/connections", params={"cursor": "WzFd"})).status_code == 422
