"""Query parameters: what a route does not know is refused, for who misspells a filter would get everything."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from csms_runtime.http.problems import MAX_ERRORS, FieldError, invalid_request, pointer


async def only_known(request: Request) -> None:
    """Raise Problem 422 for query parameters that the route does not have, or that are given more often than it takes.

    A dependency of every route of an API.
    """
    if not request.scope["query_string"]:
        return
    errors = list(_errors(request, _parameters(request.scope["route"])))
    if errors:
        raise invalid_request(errors[:MAX_ERRORS])


def _errors(request: Request, parameters: Mapping[str, bool]) -> Iterator[FieldError]:
    query = request.scope["query_string"].decode("latin-1")
    given = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))
    for name, times in given.items():
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            yield FieldError(pointer([name]), f"there is no such parameter; there are: {known}", "query")
        elif times > 1 and not parameters[name]:
            yield FieldError(pointer([name]), "is given more than once", "query")


def _parameters(route: APIRoute) -> dict[str, bool]:
    """Return the names of a route's query parameters, and whether each may be repeated."""
    return dict(sorted(_declared(route.dependant)))


def _declared(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    for field in dependant.query_params:
        yield field.alias, _is_list(field.field_info.annotation)
    for dependency in dependant.dependencies:
        yield from _declared(dependency)


def _is_list(annotation: Any) -> bool:  # noqa: ANN401 any type
    kinds = {get_origin(annotation), *map(get_origin, get_args(annotation))}
    return bool(kinds & {list, set, tuple, frozenset})
