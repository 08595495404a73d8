"""The HTTP API of a cluster without an ingress: each request goes to a living process of the service that owns it."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from csms_testing.cluster.front import owner
from csms_testing.cluster.processes import ServiceProcess
from csms_testing.simulator.frames import Json

API = "/api/v1"


class Api:
    """Requests with the admin key. Any status comes back; what the network does raises httpx2.TransportError."""

    def __init__(
        self, processes: Sequence[ServiceProcess], api_key: str, *, client: httpx2.AsyncClient | None = None
    ) -> None:
        self._processes = processes
        self._api_key = api_key
        self._client = _client(api_key) if client is None else client

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    def of(self, name: str) -> "Api":
        """The API of one process alone. Shares the client: is not to be closed."""
        chosen = [process for process in self._processes if process.name == name]
        return Api(chosen, self._api_key, client=self._client)

    async def request(
        self, method: str, path: str, body: Json | None = None, params: Mapping[str, Any] | None = None
    ) -> httpx2.Response:
        """Send a request; `path` is relative to /api/v1. Raises httpx2.TransportError."""
        url = f"{self._base_url(f'{API}{path}')}{API}{path}"
        return await self._client.request(method, url, json=body, params=params)

    async def get(self, path: str, **params: Any) -> Any:  # noqa: ANN401  # JSON values
        """Return the JSON of a successful GET. Raises httpx2.HTTPError."""
        return (await self.request("GET", path, params=params)).raise_for_status().json()

    async def put(self, path: str, body: Json) -> None:
        """PUT. Raises httpx2.HTTPError."""
        (await self.request("PUT", path, body)).raise_for_status()

    def _base_url(self, path: str) -> str:
        service = owner(path)
        replicas = [process for process in self._processes if process.name.rpartition("-")[0] in (service, "")]
        living = [process for process in replicas if process.pid is not None]
        # A dead one refuses the connection, as it would behind an ingress without another replica.
        chosen = (living or replicas)[0]
        return f"http://127.0.0.1:{chosen.environment['CSMS_HTTP_PORT']}"


def _client(api_key: str) -> httpx2.AsyncClient:
    # Connections are not kept: the process at the other end may have been replaced.
    limits = httpx2.Limits(max_keepalive_connections=0)
    headers = {"Authorization": f"Bearer {api_key}"}
    return httpx2.AsyncClient(headers=headers, limits=limits, timeout=httpx2.Timeout(60, connect=5))
