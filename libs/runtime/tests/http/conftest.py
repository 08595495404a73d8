"""An API of one resource, called without a socket."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx2
import pytest
from csms_runtime.health import Health
from csms_runtime.http import (
    ApiKeys,
    CurrentPrincipal,
    Page,
    PageParams,
    Principal,
    Problem,
    create_app,
    paginate,
    require,
)
from fastapi import APIRouter, FastAPI, Security
from pydantic import BaseModel, ConfigDict, Field


class LargeError(Exception):
    """What was asked is more than the bus carries."""


class AwayError(Exception):
    """Something the service needs is away."""


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=10)
    password: str | None = Field(None, min_length=16)
    sizes: list[int] = []


Reader = Annotated[Principal, Security(require("read"))]
Admin = Annotated[Principal, Security(require("admin"))]
router = APIRouter(prefix="/things", tags=["things"])


@router.get("")
async def list_things(page: PageParams, _: Reader) -> Page[dict[str, int]]:
    after = page.after(int)
    first = 0 if after is None else after[0] + 1
    rows = list(range(first, min(first + page.limit + 1, 10)))
    return paginate(rows, page.limit, position=lambda row: [row], item=lambda row: {"id": row})


@router.post("", status_code=201)
async def create_thing(thing: Thing, principal: Admin, note: str = "") -> dict[str, str]:
    del note
    return {"name": thing.name, "by": principal.name}


@router.get("/whoami")
async def whoami(principal: CurrentPrincipal) -> dict[str, str]:
    return {"name": principal.name}


@router.get("/{name}/fails")
async def fails(name: str) -> None:
    errors: dict[str, Exception] = {
        "bug": RuntimeError("the password is s3cret"),
        "large": LargeError("s3cret"),
        "away": AwayError("postgresql://u:s3cret@h/d"),
        "taken": Problem(409, "Name taken", f"{name} is taken", holder="CS1", headers={"X-Holder": "CS1"}),
    }
    raise errors[name]


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def keys() -> ApiKeys:
    return ApiKeys.for_tests(admin="admin-key", operate="operate-key", read="read-key")


@pytest.fixture
def api(health: Health) -> Callable[..., FastAPI]:
    """Makes apps that differ in some argument."""
    settings: dict[str, Any] = {"health": health, "version": "1.2", "management": True, "unavailable": [AwayError]}
    settings["too_large"] = [LargeError]
    return lambda **changes: create_app("Things", routers=[router], **(settings | changes))


@pytest.fixture
def app(api: Callable[..., FastAPI], keys: ApiKeys) -> FastAPI:
    return api(keys=keys)


@pytest.fixture
async def client_as(app: FastAPI) -> AsyncIterator[Callable[[str], httpx2.AsyncClient]]:
    """Makes clients with a key."""
    transport = httpx2.ASGITransport(app)
    yield lambda key: httpx2.AsyncClient(
        transport=transport, base_url="http://csms", headers={"Authorization": f"Bearer {key}"}
    )
    await transport.aclose()


@pytest.fixture
def admin(client_as: Callable[[str], httpx2.AsyncClient]) -> httpx2.AsyncClient:
    return client_as("admin-key")
