"""Lists in pages: an opaque cursor says where the next page begins."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field
from pydantic_core import to_json

from csms_runtime import heavy
from csms_runtime.http.problems import FieldError, Problem, invalid_request
from csms_runtime.texts import is_storable

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""A page of a list ends when its items have so many bytes, about, also before it has as many as were asked for."""

T = TypeVar("T")
R = TypeVar("R")


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last one")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page a caller wants."""

    limit: int
    position: list[Any] | None
    """Sort values of the last item of the page before; None: the first page. They come from the caller: check them."""

    def after(self, *kinds: type) -> list[Any] | None:
        """Return the position when its values have these types; None for the first page. Raises Problem 422."""
        if self.position is None:
            return None
        if [type(value) for value in self.position] != list(kinds) or not all(map(_comparable, self.position)):
            raise bad_cursor()
        return self.position

    def after_moment(self, kind: type = str) -> list[Any] | None:
        """Return the position of a list in order of a time and a value of this type, the time in UTC. As `after`."""
        position = self.after(str, kind)
        return None if position is None else [moment_of(position[0]), position[1]]

    def sorted_by(self, sort: str | None) -> "PageRequest":
        """Return this request without the name of the order that a cursor of `paginate(..., sort=sort)` begins with.

        None: the list's own order, whose cursors have none. Raises Problem 422 for a cursor of another order.
        """
        if sort is None or self.position is None:
            return self
        if self.position[:1] != [sort]:
            raise bad_cursor()
        return PageRequest(self.limit, self.position[1:])


def moment_of(text: str) -> datetime:
    """Return the time in a cursor, in UTC; those of ours have a zone. Raises Problem 422.

    One without it, or outside of all years in UTC, is none.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise bad_cursor()
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_cursor() from error


def _comparable(value: object) -> bool:
    """Whether a database can compare with it: it can store its text, an integer has 64 bits."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, str) or is_storable(value)


def encode_cursor(position: Sequence[Any]) -> str:
    """Return the cursor of the item with these sort values (anything orjson can write)."""
    return base64.urlsafe_b64encode(orjson.dumps(list(position))).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> list[Any]:
    """Return the sort values in a cursor. Raises Problem 422 when it is none of ours."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        position = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:  # UnicodeEncodeError and JSONDecodeError are ValueErrors
        raise bad_cursor() from error
    if not isinstance(position, list):
        raise bad_cursor()
    return position


def bad_cursor() -> Problem:
    """Return the answer to a cursor that no page of this list gave."""
    return invalid_request([FieldError("/cursor", "not a cursor of this list", "query")])


def paginate(
    rows: Sequence[R],
    limit: int,
    *,
    position: Callable[[R], Sequence[Any]],
    item: Callable[[R], T],
    more: bool | None = None,
    sort: str | None = None,
) -> Page[T]:
    """Make a page of up to `limit` + 1 rows: fetch one more than `limit`, so that the last page is known as such.

    `position` gives a row's sort values, `item` what is shown of it. `more`: whether rows follow these, of which who
    read them took no more than MAX_PAGE_BYTES; None: when there is one more than `limit`, or than fit. `sort`: the
    order that was asked for; its cursors are of no other one (`PageRequest.sorted_by`).
    """
    if more is not None:
        shown = rows[:limit]
        cursor = _cursor(position(shown[-1]), sort) if more else None
        return Page(items=list(map(item, shown)), next_cursor=cursor)
    items: list[T] = []
    size = 0
    for one in map(item, rows[:limit]):
        size += len(to_json(one, serialize_unknown=True))
        if items and size > MAX_PAGE_BYTES:
            break
        items.append(one)
    shown = rows[: len(items)]
    return Page(items=items, next_cursor=_cursor(position(shown[-1]), sort) if len(shown) < len(rows) else None)


def _cursor(position: Sequence[Any], sort: str | None) -> str:
    return encode_cursor(position if sort is None else [sort, *position])


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most items of the page")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=1000, description="next_cursor of the page before")] = None,
) -> PageRequest:
    return PageRequest(limit, None if cursor is None else decode_cursor(cursor))


PageParams = Annotated[PageRequest, Depends(_page_request)]
"""A parameter type for handlers of lists: `async def list_things(page: PageParams)`."""


async def written(size: int, make: Callable[[], BaseModel]) -> Response:
    """Return an answer that is made and written in a thread if it is large (`csms_runtime.heavy`).

    Args:
        size: Of what it is made of, in bytes.
        make: Makes it; only computes.
    """

    def text() -> bytes:
        return make().model_dump_json(by_alias=True).encode()

    return Response(await heavy.run(size, text), media_type="application/json")
