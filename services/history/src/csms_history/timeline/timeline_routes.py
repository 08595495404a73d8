"""/stations/{id}/timeline: what happened at a station, in one order."""

from datetime import datetime
from typing import Annotated, Any

from csms_db.engine import Database
from csms_ocpp import station_ids
from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.pages import MAX_PAGE_BYTES
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field

from csms_history.parameters import Since, StationId, Until, moment_and_id
from csms_history.timeline import entry_rows

Type = Annotated[str | None, Query(max_length=50, pattern=NO_NUL, description="For example station_connected")]


class TimelineEntry(BaseModel):
    """Something that happened."""

    id: str
    occurred_at: datetime = Field(description="By the clock of the CSMS")
    type: str = Field(description="Of the domain event: station_connected, transaction_started, ...")
    detail: Any = Field(
        description="What the event says (docs/topics.md); {omitted_bytes} of one over 64 KiB. connection_refused: "
        "once a minute for each address and reason; `checked` false: nobody knows whether it was this station"
    )


def router(database: Database) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["History"])
    read = Security(require("read"))

    @routes.get("/stations/{station_id}/timeline", dependencies=[read])
    async def list_timeline(
        station_id: StationId,
        page: PageParams,
        since: Since = None,
        until: Until = None,
        type: Type = None,  # noqa: A002 as others see it
    ) -> Page[TimelineEntry]:
        """List what happened at a station, the newest first: connections, boots, status, transactions, refusals, ...

        Entries appear some moments after they happened. They are kept for CSMS_KEEP_TIMELINE_DAYS, and as far as
        CSMS_STATION_TIMELINE_BYTES goes; also those of a station that was deleted. One that nobody knows has none.
        """
        wanted = entry_rows.Wanted(station_ids.key(station_id), since, until, type)
        after = moment_and_id(page)
        async with database.reading() as session:
            found = await entry_rows.page(session, wanted, limit=page.limit, most_bytes=MAX_PAGE_BYTES, after=after)
        return paginate(
            found.rows,
            page.limit,
            position=lambda row: [row["occurred_at"].isoformat(), row["entry_id"]],
            item=_entry,
            more=found.more,
        )

    return routes


def _entry(row: Any) -> TimelineEntry:  # noqa: ANN401 a row of the table
    return TimelineEntry(id=row["entry_id"], occurred_at=row["occurred_at"], type=row["type"], detail=row["detail"])
