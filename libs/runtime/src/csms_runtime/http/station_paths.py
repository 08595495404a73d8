"""Stations in paths: their identities are compared without case, and each has one spelling here."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

Spelling = Callable[[str], Awaitable[str]]
"""Returns how a station is spelled here; of an unknown one, and of what can be none, what it was given."""


def spelled(routers: Iterable[APIRouter], spelling: Spelling) -> Sequence[APIRouter]:
    """Have all routes with `{station_id}` in their path get it as it is spelled here, once the caller was checked."""

    async def spell(request: Request) -> None:
        given = request.path_params["station_id"]
        request.path_params["station_id"] = await spelling(given)

    found = list(routers)
    for router in found:
        for route in router.routes:
            if isinstance(route, APIRoute) and "{station_id}" in route.path:
                route.dependencies.append(Depends(spell))  # behind those that check the caller
    return found
