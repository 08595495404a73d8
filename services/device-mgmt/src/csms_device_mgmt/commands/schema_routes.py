"""/schemas/{protocol}/{action}: the JSON schemas of OCPP's messages, as they are checked here, for forms."""

from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

import orjson
from csms_ocpp import schemas
from csms_ocpp.actions import ACTIONS
from csms_ocpp.versions import Protocol
from csms_runtime.http import Problem, require
from csms_runtime.http.documented import problem
from fastapi import APIRouter, Header, Path, Query, Response, Security

_MOST_KEPT = 64
"""Of some 400 schemas, the larger ones of 50 kB."""
_MEDIA_TYPE = "application/schema+json"
_CACHED = "private, max-age=3600"
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {_MEDIA_TYPE: {"schema": {"type": "object"}}}},
    304: {"description": "It is as `If-None-Match` says"},
    404: problem("There is no such protocol or message; `known` has those there are"),
}


class _SchemaResponse(Response):
    media_type = _MEDIA_TYPE


class _Written(NamedTuple):
    text: bytes
    etag: str


def router() -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Calls"], dependencies=[Security(require("read"))])

    @routes.get("/schemas/{protocol}/{action}", response_class=_SchemaResponse, responses=_RESPONSES)
    async def get_schema(
        protocol: Annotated[str, Path(max_length=20, description="ocpp1.6, ocpp2.0.1 or ocpp2.1")],
        action: Annotated[str, Path(max_length=64, description="A message of the version; case counts")],
        response: Annotated[bool, Query(description="That of the response, not of the request")] = False,  # noqa: FBT002 a query parameter
        if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
    ) -> Response:
        """Show the JSON schema of a message: the official one, with what is known to be wrong in it corrected."""
        found = _schema(_protocol(protocol), action, response=response)
        headers = {"ETag": found.etag, "Cache-Control": _CACHED}
        if if_none_match is not None and _matches(if_none_match, found.etag):
            return Response(status_code=304, headers=headers)
        return _SchemaResponse(found.text, headers=headers)

    return routes


def _protocol(name: str) -> Protocol:
    try:
        return Protocol(name)
    except ValueError as error:
        known = [protocol.value for protocol in ACTIONS]
        raise Problem(404, "Unknown protocol", f"there are: {', '.join(known)}", known=known) from error


def _schema(protocol: Protocol, action: str, *, response: bool) -> _Written:
    known = ACTIONS[protocol]
    if action not in known:
        detail = f"{protocol.value} has no message of this name; case counts"
        raise Problem(404, "Unknown action", detail, known=sorted(known))
    if response and known[action].send_only:
        raise Problem(404, "No response", f"{action} is not answered: it is a SEND")
    return _written(protocol, action, response)


@lru_cache(_MOST_KEPT)
def _written(protocol: Protocol, action: str, response: bool) -> _Written:  # noqa: FBT001 a key of the cache
    text = orjson.dumps(schemas.load(protocol, action, response=response))
    return _Written(text, f'"{sha256(text).hexdigest()[:32]}"')


def _matches(header: str, etag: str) -> bool:
    """Whether the client has it already (RFC 9110, 13.1.2)."""
    return header.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in header.split(","))
