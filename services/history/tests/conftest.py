"""The history service's database, and its API."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
from csms_db.engine import Database
from csms_history.app import MIGRATIONS, SCHEMA
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from csms_testing.databases import database_fixture
from fastapi import APIRouter

KEY = "read-key-for-tests"
database = database_fixture(MIGRATIONS, schema=SCHEMA)

Get = Callable[..., Any]


@asynccontextmanager
async def serving(*routers: APIRouter, scope: str = "read") -> AsyncIterator[Get]:
    """A function that asks these routes: `await get("/stations/CS1/timeline", types="boot")`."""
    keys = ApiKeys.for_tests(**{scope: KEY})
    app = create_app("history", routers=routers, keys=keys, health=Health(), version="0")
    headers = {"Authorization": f"Bearer {KEY}"}
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://history/api/v1", headers=headers) as client:

        async def get(path: str, status: int = 200, **parameters: object) -> Any:
            answer = await client.get(path, params=parameters or None)
            assert answer.status_code == status, answer.text
            return answer.json()

        yield get


@pytest.fixture
def serve(database: Database) -> Callable[..., AbstractAsyncContextManager[Get]]:
    """Serves the routers that are made by functions of the database."""
    return lambda *makes, **options: serving(*(make(database) for make in makes), **options)
