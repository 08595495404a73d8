"""The few HTTP calls that simulations need: create stations and tokens, send commands."""

import asyncio
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from csms_testing.simulator.frames import Json

_REGISTRATIONS_AT_ONCE = 20


class CsmsApi:
    """The CSMS's HTTP API with an API key. Methods raise httpx2.HTTPError when the CSMS is not there or refuses."""

    def __init__(self, http_url: str, api_key: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._client = httpx2.AsyncClient(base_url=f"{http_url.rstrip('/')}/api/v1", headers=headers, timeout=60)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def _send(self, method: str, path: str, body: Json) -> Json:
        answer = await self._client.request(method, path, json=body)
        answer.raise_for_status()
        found: Json = answer.json() if answer.content else {}
        return found

    async def put_station(self, station_id: str, **fields: Any) -> Json:  # noqa: ANN401  # JSON values
        """Create or change a station; fields as in the HTTP contract (password, registration, ...)."""
        return await self._send("PUT", f"/stations/{quote(station_id, safe='')}", fields)

    async def put_stations(self, passwords: dict[str, str]) -> None:
        """Create stations of security profile 1 with these passwords by identity."""
        gate = asyncio.Semaphore(_REGISTRATIONS_AT_ONCE)

        async def put(station_id: str, password: str) -> None:
            async with gate:
                await self.put_station(station_id, security_profile=1, password=password, registration="Accepted")

        async with asyncio.TaskGroup() as group:
            for station_id, password in passwords.items():
                group.create_task(put(station_id, password))

    async def put_id_token(self, id_token: str, status: str = "Accepted", *, group_id: str | None = None) -> Json:
        """Create or change an ISO14443 token."""
        body = {"status": status, "group_id": group_id}
        return await self._send("PUT", f"/id-tokens/ISO14443/{quote(id_token, safe='')}", body)

    async def remote_start(self, station_id: str, id_token: str, evse_id: int) -> Json:
        """Start a transaction remotely; the outcome of the call."""
        body = {"id_token": {"idToken": id_token, "type": "ISO14443"}, "evse_id": evse_id}
        return await self._send("POST", f"/stations/{quote(station_id, safe='')}/remote-start", body)

    async def call(self, station_id: str, action: str, payload: Json) -> Json:
        """Send any OCPP request to a station; the outcome of the call."""
        return await self._send("POST", f"/stations/{quote(station_id, safe='')}/calls/{action}", payload)
