"""The operator: does over HTTP what the test cases call a manual action, and looks at what is shown."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

DEADLINE_S = 10.0

T = TypeVar("T")


@dataclass(slots=True)
class Pending:
    """A request under way; the attributes are set when the `async with` block has ended."""

    http_status: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    """What the API answered, whatever its status."""

    @property
    def outcome(self) -> str | None:
        """The outcome of a call: result, error, timeout, unknown, not_connected."""
        outcome: str | None = self.body.get("outcome")
        return outcome

    @property
    def response(self) -> dict[str, Any]:
        """The station's answer to a call; raises AssertionError when there is none."""
        if self.outcome != "result":
            raise AssertionError(f"the call brought no result: {self.http_status} {self.body}")
        response: dict[str, Any] = self.body["response"]
        return response


class Operator:
    """Uses the HTTP API with the admin key. Paths are relative to /api/v1."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **parameters: Any) -> Any:  # noqa: ANN401 any JSON
        """GET; raises httpx2.HTTPStatusError."""
        return (await self.client.get(path, params=parameters)).raise_for_status().json()

    async def put(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 any JSON
        """PUT; raises httpx2.HTTPStatusError."""
        return (await self.client.put(path, json=body)).raise_for_status().json()

    async def put_station(self, station_id: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 any JSON
        """Create or change a station; returns it."""
        station: dict[str, Any] = await self.put(f"/stations/{station_id}", fields)
        return station

    async def put_token(self, id_token: str, kind: str = "ISO14443", **fields: Any) -> None:  # noqa: ANN401 any JSON
        """Create or change a token."""
        await self.put(f"/id-tokens/{kind}/{id_token}", fields)

    async def station(self, station_id: str) -> dict[str, Any]:
        """A station as the API shows it."""
        station: dict[str, Any] = await self.get(f"/stations/{station_id}")
        return station

    async def closed_connection(self, station_id: str) -> dict[str, Any]:
        """Wait until the station is shown as not connected, and return the connection that it had last."""

        async def look() -> dict[str, Any] | None:
            station = await self.station(station_id)
            connection: dict[str, Any] = station["connection"]
            return None if station["connected"] or connection["closed_at"] is None else connection

        return await self.eventually(look)

    async def items(self, path: str, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401 any JSON
        """The first page of a list."""
        items: list[dict[str, Any]] = (await self.get(path, **parameters))["items"]
        return items

    @asynccontextmanager
    async def calling(
        self, station_id: str, action: str, payload: dict[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> AsyncIterator[Pending]:
        """Send an OCPP message while the block plays the station; see `posting`."""
        parameters = {} if timeout_s is None else {"timeout_s": timeout_s}
        async with self.posting(f"/stations/{station_id}/calls/{action}", payload or {}, **parameters) as pending:
            yield pending

    @asynccontextmanager
    async def posting(self, path: str, body: object = None, **parameters: Any) -> AsyncIterator[Pending]:  # noqa: ANN401
        """POST while the block runs; the answer is in the yielded object once the block has ended.

        When the block fails, the exception carries a note with what the API answered so far.
        """
        pending = Pending()
        task = asyncio.create_task(self._post(path, body, parameters, pending))
        try:
            yield pending
            async with asyncio.timeout(DEADLINE_S):
                await task
        except BaseException as error:
            error.add_note(f"POST {path} {body}: {pending if task.done() else 'no answer yet'}")
            raise
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _post(self, path: str, body: object, parameters: dict[str, Any], pending: Pending) -> None:
        answer = await self.client.post(path, json=body, params=parameters)
        pending.body = answer.json()
        pending.http_status = answer.status_code

    @staticmethod
    async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
        """Return what `look` returns once it is truthy; for what other processes work on. Raises TimeoutError."""
        async with asyncio.timeout(DEADLINE_S):
            while not (found := await look()):  # noqa: ASYNC110  another process changes it
                await asyncio.sleep(0.02)
        return found
