"""/id-tokens/import: many tokens at a time, from a CSV file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated, Any

from csms_db import outbox
from csms_db.engine import Database
from csms_runtime import heavy
from csms_runtime.clock import utcnow
from csms_runtime.http import Problem, require
from csms_runtime.http.problems import FieldError
from fastapi import APIRouter, Query, Request, Security
from pydantic import BaseModel, Field

from csms_auth import domain_events
from csms_auth.domain.placement import ANYWHERE
from csms_auth.domain.tokens import Token
from csms_auth.http.token_lines import Line, Wrong, lines
from csms_auth.store import id_tokens, tables

_AT_ONCE = 500
"""Lines that are stored in one transaction."""
MOST_ERRORS = 1_000
_BODY = {
    "required": True,
    "content": {
        "text/csv": {
            "schema": {"type": "string", "format": "binary"},
            "example": "type,id_token,status\nISO14443,04AB,Accepted\n",
        }
    },
}


class LineError(BaseModel):
    """What is wrong with a line."""

    line: int = Field(description="Its number in the file; the first line, with the names of the columns, is 1")
    pointer: str = Field(description="The column, and where in it; empty: the line")
    detail: str


class ImportResult(BaseModel):
    """What became of the lines of a file, or would have."""

    dry_run: bool
    created: int
    changed: int
    unchanged: int
    wrong: int = Field(description="Lines that were left out")
    errors: list[LineError] = Field(description=f"The first {MOST_ERRORS:,}")


@dataclass(slots=True)
class _Course:
    """How far an import is."""

    dry_run: bool
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    wrong: int = 0
    errors: list[LineError] = field(default_factory=list)
    would_be: dict[tuple[str, str], Token] = field(default_factory=dict)
    """In a dry run, what earlier lines would have stored."""

    def leave_out(self, number: int, found: Iterable[FieldError]) -> None:
        """Note a line that is wrong."""
        self.wrong += 1
        room = MOST_ERRORS - len(self.errors)
        self.errors += [LineError(line=number, pointer=one.pointer, detail=one.detail) for one in islice(found, room)]


class TokenImport:
    """The handler of the import."""

    def __init__(self, database: Database, wake_outbox: Callable[[], None]) -> None:
        """`wake_outbox` is called after events were stored."""
        self._database = database
        self._wake_outbox = wake_outbox

    def router(self) -> APIRouter:
        """Return the route, below /api/v1."""
        router = APIRouter(tags=["ID tokens"])
        router.add_api_route(
            "/id-tokens/import",
            self.import_id_tokens,
            methods=["POST"],
            dependencies=[Security(require("operate"))],
            openapi_extra={"requestBody": _BODY},
        )
        return router

    async def import_id_tokens(
        self,
        request: Request,
        dry_run: Annotated[bool, Query(description="Only say what would become of the lines")] = False,  # noqa: FBT002 a query parameter
    ) -> ImportResult:
        """Create or change the tokens of a CSV file, as `PUT /id-tokens/…` does; lines that are wrong are left out.

        The first line names the columns: `type`, `id_token`, and whatever else a token has. An empty cell clears a
        field, a column that is missing leaves it as it is; elements of lists, and labels (`key:value`), have `|`
        between them. Up to 20,000 lines.

        Lines are stored some hundred at a time: after a failure the same file may be sent again.
        """
        text = await _text(request)
        read, course = lines(text), _Course(dry_run)
        while some := await heavy.run(len(text), lambda: list(islice(read, _AT_ONCE))):
            await self._take(course, some)
        return ImportResult(
            dry_run=dry_run,
            created=course.created,
            changed=course.changed,
            unchanged=course.unchanged,
            wrong=course.wrong,
            errors=course.errors,
        )

    async def _take(self, course: _Course, some: Sequence[Line | Wrong]) -> None:
        good = [line for line in some if isinstance(line, Line)]
        for line in some:
            if isinstance(line, Wrong):
                course.leave_out(line.number, line.errors)
        if not good:
            return
        async with self._database.transaction() as session:
            known = await id_tokens.load_to_change(session, {line.ref for line in good})
            made = _merged(course, {**known, **course.would_be}, good)
            if course.dry_run:
                course.would_be |= made
            elif made:
                await id_tokens.put(session, made.values(), utcnow())
                told = [domain_events.id_token_changed(token) for token in made.values()]
                await outbox.add(session, tables.outbox, told)
        if made and not course.dry_run:
            self._wake_outbox()


def _merged(course: _Course, known: dict[tuple[str, str], Token], some: Iterable[Line]) -> dict[tuple[str, str], Token]:
    """Return what is to be stored: of several lines of one token the last state."""
    made: dict[tuple[str, str], Token] = {}
    for line in some:
        key = line.ref.key, line.ref.type
        old = made.get(key) or known.get(key)
        if old is None and "status" not in line.body.given:
            course.leave_out(line.number, [FieldError("/status", "required when a token is created")])
            continue
        token = _token(line, old)
        if token == old:
            course.unchanged += 1
            continue
        made[key] = token
        if old is None:
            course.created += 1
        else:
            course.changed += 1
    return made


def _token(line: Line, old: Token | None) -> Token:
    given: dict[str, Any] = line.body.given
    if old is None:
        return Token(line.ref, **given, limits=line.body.limits(ANYWHERE))
    return replace(old, **given, limits=line.body.limits(old.limits))


async def _text(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise Problem(415, "Not CSV", "the body is text/csv, in UTF-8")
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise Problem(422, "Invalid request", "the body is not UTF-8") from error
