"""Query parameters: those of the route, each as often as it takes, and no others."""

from typing import Annotated

import httpx2
import pytest
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, PageParams, create_app
from fastapi import APIRouter, Query

router = APIRouter()


@router.get("/things")
async def things(
    page: PageParams, since: str = "", labels: Annotated[list[str] | None, Query()] = None
) -> dict[str, object]:
    return {"since": since, "labels": labels, "limit": page.limit}


@router.post("/plain")
async def plain() -> None:
    pass


@pytest.fixture
def client() -> httpx2.AsyncClient:
    app = create_app(
        "Things", routers=[router], keys=ApiKeys.for_tests(admin="a-key"), health=Health(), version="1", management=True
    )
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://api/api/v1", headers={"Authorization": "Bearer a-key"}
    )


@pytest.mark.parametrize("query", ["", "?since=a&limit=5", "?labels=a&labels=b", "?labels="])
async def test_its_own_are_taken(client: httpx2.AsyncClient, query: str) -> None:
    assert (await client.get(f"/things{query}")).status_code == 200


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("until=2026-10-10T00:00:00Z", ["/until"]),
        ("since=a&until=b&Since=c", ["/until", "/Since"]),
        ("until", ["/until"]),
        ("until=", ["/until"]),
        ("since=a&since=b", ["/since"]),
        ("limit=5&limit=5", ["/limit"]),
        ("a/b=1&c~d=2", ["/a~1b", "/c~0d"]),
        ("%73ince=a&sinc%65=b", ["/since"]),
        ("=1", ["/"]),
    ],
)
async def test_others_are_refused_by_name(client: httpx2.AsyncClient, query: str, pointers: list[str]) -> None:
    answer = await client.get(f"/things?{query}")
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert [error["pointer"] for error in errors] == pointers
    assert {error["in"] for error in errors} == {"query"}


async def test_the_refusal_says_what_there_is(client: httpx2.AsyncClient) -> None:
    (unknown,) = (await client.get("/things?until=x")).json()["errors"]
    assert unknown["detail"].endswith("there are: cursor, labels, limit, since")
    (unknown,) = (await client.post("/plain?force=true")).json()["errors"]
    assert unknown["detail"].endswith("there are: none")


async def test_probes_may_say_what_they_like(client: httpx2.AsyncClient) -> None:
    assert (await client.get("http://api/healthz?from=prober")).status_code == 200
