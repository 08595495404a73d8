"""/audit: what was asked for over the HTTP APIs, by whom and with which outcome."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import orjson
from csms_db.engine import Database
from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.fields import NO_NUL, UtcMoment, one_of
from csms_runtime.http.pages import MAX_PAGE_BYTES
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field, StringConstraints

from csms_auth.http.cursors import newest_first
from csms_auth.http.fields import Moment
from csms_auth.store import audit
from csms_auth.store.audit import AuditRow, Filter

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000), NO_NUL]


class AuditItem(BaseModel):
    """A request that was no GET."""

    id: str
    occurred_at: Moment
    service: str = Field(description="The process that answered; all are one in standalone mode")
    principal: str | None = Field(description="Name of the API key, or sub of the JWT; null: refused, nobody's")
    authentication: Annotated[str, one_of("api-key", "jwt")] | None
    remote_address: str
    method: str
    path: str
    route: str = Field(
        description='The path\'s template; "unmatched": there is no such route, or it was refused before'
    )
    status: int = Field(description="0: the caller went away before there was an answer")
    request_id: str = Field(description="As in the answer's X-Request-Id, and in the log")
    request: Any = Field(
        description="The body without secrets; of one over 64 KiB {beginning, length, sha256} of that; null: none, no "
        "JSON, or refused unread",
    )

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        """Return the item of a stored entry."""
        return cls(
            id=row.record_id,
            occurred_at=row.occurred_at,
            service=row.service,
            principal=row.principal,
            authentication=row.authentication,
            remote_address=row.remote_address,
            method=row.method,
            path=row.path,
            route=row.route,
            status=row.status,
            request_id=row.request_id,
            request=None if row.request is None else orjson.loads(row.request),
        )


def audit_router(database: Database) -> APIRouter:
    """Return the route, below /api/v1."""
    router = APIRouter(tags=["Audit"], dependencies=[Security(require("admin"))])

    @router.get("/audit")
    async def list_audit(
        page: PageParams,
        principal: Annotated[Text | None, Query()] = None,
        path: Annotated[Text | None, Query(description="What the path begins with")] = None,
        since: Annotated[UtcMoment | None, Query(description="Then or later")] = None,
        until: Annotated[UtcMoment | None, Query(description="Before")] = None,
    ) -> Page[AuditItem]:
        """List what was asked for, the newest first: every request that was no GET, also refused ones.

        A page ends early when its entries are large. They appear some moments after the answer, and are kept for
        CSMS_AUDIT_RETENTION_DAYS.
        """
        wanted = Filter(principal, path, since, until)
        async with database.reading() as session:
            found = await audit.page(
                session, wanted, limit=page.limit, most_bytes=MAX_PAGE_BYTES, after=newest_first(page)
            )
        return paginate(found.rows, page.limit, position=_position, item=AuditItem.of, more=found.more)

    return router


def _position(row: AuditRow) -> Sequence[str]:
    return row.occurred_at.isoformat(), row.record_id
