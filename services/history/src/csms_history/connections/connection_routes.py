"""/stations/{id}/connections: when a station was connected, and why that ended."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from csms_db.engine import Database
from csms_ocpp import station_ids
from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.pages import MAX_PAGE_BYTES
from fastapi import APIRouter, Security
from pydantic import BaseModel, Field

from csms_history.connections import connection_rows
from csms_history.connections.last_words import LastWords
from csms_history.parameters import Since, StationId, Until, moment_and_id


class ConnectionItem(BaseModel):
    """A connection of a station."""

    id: str
    opened_at: datetime = Field(description="Of one whose beginning nobody told: when it ended")
    closed_at: datetime | None = Field(
        description="null: it is open. Of one whose gateway died: when that was last heard"
    )
    duration_s: float = Field(description="Until now, while it is open")
    protocol: str | None
    security_profile: int | None
    remote_address: str | None = Field(description="As the gateway saw it")
    gateway: int | None = Field(description="The slot of the gateway that held it")
    close_code: int | None = Field(description="WebSocket's (RFC 6455, 7.4); 1006: it broke off without one")
    close_reason: str | None = Field(description="Why it ended; null: it is open; empty: nobody said")


def router(database: Database, last_words: LastWords, now: Callable[[], datetime]) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["History"])

    @routes.get("/stations/{station_id}/connections", dependencies=[Security(require("read"))])
    async def list_connections(
        station_id: StationId, page: PageParams, since: Since = None, until: Until = None
    ) -> Page[ConnectionItem]:
        """List the connections of a station, the newest first; `since`: those that were open then or later.

        They are kept for CSMS_KEEP_TIMELINE_DAYS after their end. Who was not let in: `/refused-handshakes`.
        """
        async with database.reading() as session:
            found = await connection_rows.page(
                session,
                station_ids.key(station_id),
                since=since,
                until=until,
                limit=page.limit,
                most_bytes=MAX_PAGE_BYTES,
                after=moment_and_id(page),
            )
            ends = await last_words.ends(session, found.rows)
        at = now()
        return paginate(
            found.rows,
            page.limit,
            position=lambda row: [row["begun_at"].isoformat(), row["connection_id"]],
            item=lambda row: _shown(row, ends.get(row["connection_id"]), at),
            more=found.more,
        )

    return routes


GATEWAY_GONE = "its gateway died"


def _shown(row: Any, gateway_end: datetime | None, now: datetime) -> ConnectionItem:  # noqa: ANN401 a row of the table
    closed_at = row["closed_at"] or gateway_end
    return ConnectionItem(
        id=row["connection_id"],
        opened_at=row["begun_at"],
        closed_at=closed_at,
        duration_s=max(0.0, ((closed_at or now) - row["begun_at"]).total_seconds()),
        protocol=row["protocol"],
        security_profile=row["security_profile"],
        remote_address=row["remote_address"],
        gateway=row["gateway_slot"],
        close_code=row["close_code"],
        close_reason=GATEWAY_GONE if row["closed_at"] is None and gateway_end is not None else row["close_reason"],
    )
