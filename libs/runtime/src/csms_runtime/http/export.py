"""Lists as a whole, streamed: CSV or JSON lines.

An export is made page by page: what is in memory is one page, and while a slow client reads, nothing is held of the
database. When the client goes, the next page is not asked for.
"""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import Depends, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from csms_runtime.http.problems import RETRY_AFTER_S, FieldError, Problem, invalid_request
from csms_runtime.texts import for_terminal

MOST_AT_ONCE = 8
"""Exports of one process at a time; one more is answered 503."""


Parts = AsyncGenerator[bytes, None]


class Format(StrEnum):
    """How a list is answered."""

    JSON = "json"
    """In pages."""
    CSV = "csv"
    JSONL = "jsonl"


MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8; header=present", Format.JSONL: "application/jsonl"}
_ACCEPTED = {
    "text/csv": Format.CSV,
    "application/jsonl": Format.JSONL,
    "application/x-ndjson": Format.JSONL,
    "application/json": Format.JSON,
    "application/*": Format.JSON,
    "*/*": Format.JSON,
}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/jsonl": {"schema": {"type": "string"}},
        }
    }
}
"""What a route's `responses` say of its export."""


async def _wanted(
    request: Request,
    format_: Annotated[
        Format | None,
        Query(
            alias="format",
            description="json: a page; csv, jsonl: all items, streamed. Without it the header Accept decides",
        ),
    ] = None,
) -> Format:
    wanted = format_ or _accepted(request.headers.get("accept", ""))
    if wanted is not Format.JSON and "cursor" in request.query_params:
        raise invalid_request([FieldError("/cursor", "an export has no pages", "query")])
    return wanted


Wanted = Annotated[Format, Depends(_wanted)]
"""A parameter type for handlers of lists: the format that is asked for by `?format=` or `Accept`."""


def _accepted(header: str) -> Format:
    """Return the format that a client likes best, of equal ones the first; JSON if it names none of them."""
    best, found = 0.0, Format.JSON
    for one in header.split(","):
        kind, *parameters = (part.strip().lower() for part in one.split(";"))
        weight = next((_weight(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
        if kind in _ACCEPTED and weight > best:
            best, found = weight, _ACCEPTED[kind]
    return found


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


class Exports:
    """The exports of a process."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._most = most
        self._running = 0

    def answer(self, parts: Parts, kind: Format, name: str) -> StreamingResponse:
        """Return the answer of these parts, a file `name` to browsers. It is a 503 when there are too many."""
        headers = {
            "Content-Disposition": f'attachment; filename="{name}.{kind}"',
            "Vary": "Accept",
            "Cache-Control": "no-store",
        }
        return _Answer(self, parts, media_type=MEDIA_TYPES[kind], headers=headers)

    def begin(self) -> None:
        """Take a place. Raises Problem 503."""
        if self._running >= self._most:
            detail = f"{self._most} exports are under way, try again"
            raise Problem(503, "Too many exports", detail, headers={"Retry-After": str(RETRY_AFTER_S)})
        self._running += 1

    def end(self) -> None:
        """Give it back."""
        self._running -= 1


class _Answer(StreamingResponse):
    def __init__(self, exports: Exports, parts: Parts, **options: Any) -> None:  # noqa: ANN401 Starlette's
        super().__init__(self._from_the_first(parts), **options)
        self._exports, self._parts, self._first = exports, parts, b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream, until the client goes at the latest. What goes wrong at the beginning is answered as ever."""
        self._exports.begin()
        try:
            self._first = await anext(self._parts, b"")
            await super().__call__(scope, receive, send)
        finally:
            self._exports.end()
            await self._parts.aclose()

    async def _from_the_first(self, parts: Parts) -> Parts:
        yield self._first
        async for part in parts:
            yield part


_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a text begins with that spreadsheets carry out, also in full width."""


def csv_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows as RFC 4180 has them, in UTF-8."""
    written = io.StringIO()
    csv.writer(written).writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue().encode()


def _cell(value: object) -> object:
    """What stands in a cell. Texts that a spreadsheet would take for a formula begin with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = for_terminal(value) if not (value.isascii() and value.isprintable()) else value
        return f"'{text}" if text.startswith(_FORMULAS) else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return orjson.dumps(value).decode()
    return value


def jsonl_lines(items: Iterable[Any], dump: Callable[[Any], str]) -> bytes:
    """Return items as a JSON object a line; `dump` writes one."""
    return "".join(f"{dump(item)}\n" for item in items).encode()
