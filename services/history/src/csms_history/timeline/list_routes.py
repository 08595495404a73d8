"""/authorizations: decisions on tokens at all stations."""

from typing import Annotated

from csms_db.engine import Database
from csms_ocpp import station_ids
from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.pages import MAX_PAGE_BYTES
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Query, Security

from csms_history.parameters import Since, Until, moment_and_id
from csms_history.timeline import entry_lists
from csms_history.timeline.entry_lists import Filter
from csms_history.timeline.entry_views import TokenDecision, position
from csms_history.timeline.facts import token_key

Text = Annotated[str | None, Query(max_length=255, pattern=NO_NUL)]
Token = Annotated[
    str | None,
    Query(max_length=255, pattern=NO_NUL, description="Case does not matter. Key codes are found by nothing"),
]
Status = Annotated[
    str | None, Query(max_length=50, pattern=NO_NUL, description="Accepted, Blocked, Expired, Invalid, Unknown, ...")
]


def router(database: Database) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["History"], dependencies=[Security(require("read"))])

    @routes.get("/authorizations")
    async def list_authorizations(
        page: PageParams,
        *,
        id_token: Token = None,
        station_id: Text = None,
        status: Status = None,
        since: Since = None,
        until: Until = None,
    ) -> Page[TokenDecision]:
        """List what was decided about tokens, the newest first: whether, where and why they were accepted or refused.

        Of Authorize, and of the tokens in transactions. A token that a station took without asking (from its cache or
        local list) is decided when its transaction is told. Kept for CSMS_KEEP_TIMELINE_DAYS.
        """
        wanted = Filter(
            station_key=_key(station_id),
            token_key=None if id_token is None else token_key(id_token),
            status=status,
            since=since,
            until=until,
        )
        async with database.reading() as session:
            found = await entry_lists.authorizations(
                session, wanted, limit=page.limit, most_bytes=MAX_PAGE_BYTES, after=moment_and_id(page)
            )
        return paginate(found.rows, page.limit, position=position, item=TokenDecision.of, more=found.more)

    return routes


def _key(station_id: str | None) -> str | None:
    return None if station_id is None else station_ids.key(station_id)
