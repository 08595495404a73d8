"""`/healthz`, `/readyz` and `/metrics`: without a key, on the API's port (standalone) or on one of their own."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from csms_runtime import exposition
from csms_runtime.health import Health


def management_router(health: Health, service: str | None = None) -> APIRouter:
    """Return the three routes; they are not in the API document. `service`: whose metrics are told; None: of all."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Tell that the event loop turns; restart the process when this does not answer."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """Tell whether the process can take work, and which part cannot."""
        return _readiness(health)

    @router.get("/metrics")
    async def metrics() -> Response:
        """Return the metrics for Prometheus."""
        return Response(exposition.text(service), media_type=CONTENT_TYPE_LATEST)

    return router


def _readiness(health: Health) -> JSONResponse:
    components = {
        name: {"ok": state.ok, "detail": state.detail, "shared": state.shared}
        for name, state in health.components().items()
    }
    return JSONResponse({"status": health.status, "components": components}, 200 if health.ready else 503)
