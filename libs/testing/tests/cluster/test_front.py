import asyncio

import httpx2
import pytest
from csms_runtime.http.server import listening
from csms_testing.cluster.front import front, owner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/v1/stations", "device-mgmt"),
        ("/api/v1/stations/CS1", "device-mgmt"),
        ("/api/v1/stations/meter-values", "device-mgmt"),
        ("/api/v1/stations/CS1/calls/Reset", "device-mgmt"),
        ("/api/v1/calls/1", "device-mgmt"),
        ("/api/v1/stations/CS1/timeline", "history"),
        ("/api/v1/stations/CS1/credentials", "auth"),
        ("/api/v1/id-tokens/Central/a%2Fb", "auth"),
        ("/api/v1/certificates/x/revocation", "auth"),
        ("/api/v1/certificate-requests", "auth"),
        ("/api/v1/certificate-authority/crl", "auth"),
        ("/api/v1/stations/CS1/meter-values", "transactions"),
        ("/api/v1/stations/CS1/remote-start", "transactions"),
        ("/api/v1/transactions", "transactions"),
        ("/api/v1/transactions/1/remote-stop", "transactions"),
        ("/api/v1/gateway/connections", "gateway"),
    ],
)
def test_each_path_goes_to_its_owner(path, service):
    assert owner(path) == service


async def test_headers_are_handed_on_as_they_came():
    async def echoed(request: Request) -> Response:
        return Response(dict(request.headers.raw)[b"idempotency-key"])

    service = Starlette(routes=[Route("/{path:path}", echoed, methods=["POST"])])
    async with listening(service, "127.0.0.1", 0) as port:
        app = front({"device-mgmt": f"http://127.0.0.1:{port}"})
        async with (
            asyncio.timeout(10),
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://front") as client,
        ):
            answer = await client.post(
                "/api/v1/stations/CS1/calls/Reset", headers={b"Idempotency-Key": b"\xc3\xa9\xff"}
            )
    assert (answer.status_code, answer.content) == (200, b"\xc3\xa9\xff")
