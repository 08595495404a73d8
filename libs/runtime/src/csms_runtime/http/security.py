"""Who may call: bearer keys and tokens checked before anything of a request is read, scopes checked by each route."""

import asyncio
import time
from functools import cache
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ConnectionScope

from csms_runtime import metrics
from csms_runtime.http.guesses import Guesses
from csms_runtime.http.issuer import IssuerUnavailable
from csms_runtime.http.keys import ApiKeys, Principal, Scope
from csms_runtime.http.problems import RETRY_AFTER_S, Problem, ProblemResponse, instance_of
from csms_runtime.http.tokens import TokenRefused, Tokens

_PRINCIPAL = "csms.principal"
_DOTS_OF_A_JWT = 2
_UNAUTHORIZED = 401
_bearer = HTTPBearer(auto_error=False, description="An API key, or a JWT of the configured issuer")
"""Only for the OpenAPI document: `BearerMiddleware` does the work, before the body is read."""


class BearerMiddleware:
    """Answers 401 to requests under `prefix` that carry no valid key or token; 429, and later, to many wrong ones."""

    def __init__(self, app: ASGIApp, keys: ApiKeys, prefix: str, tokens: Tokens | None = None) -> None:
        self._app = app
        self._keys = keys
        self._tokens = tokens
        self._prefix = prefix
        self._guesses = Guesses()

    async def __call__(self, scope: ConnectionScope, receive: Receive, send: Send) -> None:
        """Pass the request on with its principal, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            try:
                scope[_PRINCIPAL] = await self._principal(scope)
            except Problem as problem:
                answer = problem if problem.status != _UNAUTHORIZED else await self._slowed(problem, scope)
                refusal = ProblemResponse(answer, instance_of(scope.get("csms.request_id", "unknown")))
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _slowed(self, problem: Problem, scope: ConnectionScope) -> Problem:
        """Count a wrong key; returns what to answer, later and with 429 when the address has sent many."""
        if "authorization" not in Headers(scope=scope):  # there was nothing to guess
            return problem
        client = scope.get("client")
        retry_after_s = self._guesses.failed(client[0] if client else "", time.monotonic())
        metrics.HTTP_WRONG_KEYS.labels("429" if retry_after_s else "401").inc()
        if not retry_after_s:
            return problem
        delay_s = self._guesses.begin_delay(retry_after_s)
        if delay_s:
            try:
                await asyncio.sleep(delay_s)
            finally:
                self._guesses.end_delay()
        detail = "Too many keys that are not valid; a valid one is taken at any time"
        return Problem(429, detail=detail, headers={"Retry-After": str(retry_after_s)})

    async def _principal(self, scope: ConnectionScope) -> Principal:
        """Return who calls. Raises Problem 401, or 503 as long as it cannot be known."""
        header = Headers(scope=scope).get("authorization")
        if header is None:
            raise _unauthorized("A key is needed: Authorization: Bearer <key>", offered=False)
        kind, _, bearer = header.partition(" ")
        if kind.lower() != "bearer":
            raise _unauthorized("Only Bearer is understood: Authorization: Bearer <key>")
        bearer = bearer.strip()
        principal = self._keys.find(bearer)
        if principal is not None:
            return principal
        if self._tokens is not None and bearer.count(".") == _DOTS_OF_A_JWT:
            return await _owner(self._tokens, bearer)
        if not self._keys.complete:
            raise unavailable("The API keys are not known yet, try again")
        raise _unauthorized("The key is not valid")


async def _owner(tokens: Tokens, token: str) -> Principal:
    """Return whose token it is. Raises Problem 401, or 503 when the issuer is needed and away."""
    try:
        return await tokens.verify(token)
    except TokenRefused as refused:
        raise _unauthorized(f"The token is not valid: {refused}") from None
    except IssuerUnavailable:
        raise unavailable("The issuer of the token cannot be asked for its keys, try again") from None


def _unauthorized(detail: str, *, offered: bool = True) -> Problem:
    challenge = 'Bearer realm="csms"' + (', error="invalid_token"' if offered else "")
    return Problem(401, detail=detail, headers={"WWW-Authenticate": challenge})


def unavailable(detail: str) -> Problem:
    """Return a Problem 503 that says when to try again."""
    return Problem(503, detail=detail, headers={"Retry-After": str(RETRY_AFTER_S)})


class _Require:
    """A dependency that yields the caller when it has a scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(self, request: Request, _credentials: Annotated[object, Security(_bearer)]) -> Principal:
        principal = current_principal(request)
        demand(principal, self._scope)
        return principal


def demand(principal: Principal, scope: str) -> None:
    """Raise Problem 403 unless the caller has a scope, for what depends on more than the route."""
    if not principal.may(Scope(scope)):
        challenge = f'Bearer realm="csms", error="insufficient_scope", scope="{scope}"'
        raise Problem(
            403,
            detail=f"Scope {scope} is needed",
            headers={"WWW-Authenticate": challenge},
            required_scope=str(scope),
        )


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


async def _current_principal(request: Request) -> Principal:  # no coroutine: FastAPI would call it in a thread
    return current_principal(request)


CurrentPrincipal = Annotated[Principal, Depends(_current_principal)]
"""A parameter type for handlers whose router checks the scope."""
