"""The HTTP API of a system without an ingress: each request goes to the service that owns it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2

from csms_testing.cluster.front import owner
from csms_testing.cluster.processes import ServiceProcess
from csms_testing.simulator.frames import Json

API = "/api/v1"

BaseUrl = Callable[[str], str]
"""Where a service answers now, by its name."""


class Api:
    """Requests with the admin key. Any status comes back; what the network does raises httpx2.TransportError."""

    def __init__(self, base_url: BaseUrl, api_key: str, *, client: httpx2.AsyncClient | None = None) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._client = _client(api_key) if client is None else client

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    def at(self, base_url: str) -> "Api":
        """The API of one process alone. Shares the client: is not to be closed."""
        return Api(lambda _: base_url, self._api_key, client=self._client)

    async def request(
        self, method: str, path: str, body: Json | None = None, params: Mapping[str, Any] | None = None
    ) -> httpx2.Response:
        """Send a request; `path` is relative to /api/v1. Raises httpx2.TransportError."""
        url = f"{self._base_url(owner(f'{API}{path}'))}{API}{path}"
        return await self._client.request(method, url, json=body, params=params)

    async def get(self, path: str, **params: Any) -> Any:  # noqa: ANN401  # JSON values
        """Return the JSON of a successful GET. Raises httpx2.HTTPError."""
        return (await self.request("GET", path, params=params)).raise_for_status().json()

    async def put(self, path: str, body: Json) -> None:
        """PUT. Raises httpx2.HTTPError."""
        (await self.request("PUT", path, body)).raise_for_status()


def living(processes: Sequence[ServiceProcess]) -> BaseUrl:
    """Of the processes of a service, one that lives."""

    def base_url(service: str) -> str:
        replicas = [process for process in processes if process.name.rpartition("-")[0] in (service, "")]
        alive = [process for process in replicas if process.pid is not None]
        # A dead one refuses the connection, as it would behind an ingress without another replica.
        return (alive or replicas)[0].http_url

    return base_url


def _client(api_key: str) -> httpx2.AsyncClient:
    # Connections are not kept: the process at the other end may have been replaced.
    limits = httpx2.Limits(max_keepalive_connections=0)
    headers = {"Authorization": f"Bearer {api_key}"}
    return httpx2.AsyncClient(headers=headers, limits=limits, timeout=httpx2.Timeout(60, connect=5))
