"""Who may call: bearer keys checked before anything of a request is read, scopes checked by each route."""

from functools import cache
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ConnectionScope

from csms_runtime.http.keys import ApiKeys, Principal, Scope
from csms_runtime.http.problems import Problem, ProblemResponse, instance_of

_PRINCIPAL = "csms.principal"
_bearer = HTTPBearer(auto_error=False, description="An API key")
"""Only for the OpenAPI document: `BearerMiddleware` does the work, before the body is read."""


class BearerMiddleware:
    """Answers 401 to requests under `prefix` that carry no valid key."""

    def __init__(self, app: ASGIApp, keys: ApiKeys, prefix: str) -> None:
        self._app = app
        self._keys = keys
        self._prefix = prefix

    async def __call__(self, scope: ConnectionScope, receive: Receive, send: Send) -> None:
        """Pass the request on with its principal, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            principal = self._principal(scope)
            if principal is None:
                await _unauthorized(scope)(scope, receive, send)
                return
            scope[_PRINCIPAL] = principal
        await self._app(scope, receive, send)

    def _principal(self, scope: ConnectionScope) -> Principal | None:
        kind, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        return self._keys.find(key.strip()) if kind.lower() == "bearer" else None


def _unauthorized(scope: ConnectionScope) -> ProblemResponse:
    offered = "authorization" in Headers(scope=scope)
    challenge = 'Bearer realm="csms"' + (', error="invalid_token"' if offered else "")
    detail = "The key is not valid" if offered else "A key is needed: Authorization: Bearer <key>"
    problem = Problem(401, detail=detail, headers={"WWW-Authenticate": challenge})
    return ProblemResponse(problem, instance_of(scope.get("csms.request_id", "unknown")))


class _Require:
    """A dependency that yields the caller when it has a scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(self, request: Request, _credentials: Annotated[object, Security(_bearer)]) -> Principal:
        principal = current_principal(request)
        if not principal.may(self._scope):
            challenge = f'Bearer realm="csms", error="insufficient_scope", scope="{self._scope}"'
            raise Problem(
                403,
                detail=f"Scope {self._scope} is needed",
                headers={"WWW-Authenticate": challenge},
                required_scope=self._scope.value,
            )
        return principal


@cache
def require(scope: str) -> _Require:
    """Return a dependency that yields the Principal of callers with this scope: `Security(require("read"))`.

    Raises ValueError for an unknown scope.
    """
    return _Require(Scope(scope))


def current_principal(request: Request) -> Principal:
    """Return who calls. Raises RuntimeError on a path outside of the API's prefix."""
    principal = request.scope.get(_PRINCIPAL)
    if not isinstance(principal, Principal):
        raise RuntimeError(f"{request.url.path} is not behind BearerMiddleware")  # noqa: TRY004 a wiring fault
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
"""A parameter type for handlers whose router checks the scope."""
