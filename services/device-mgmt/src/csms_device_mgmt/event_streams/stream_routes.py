"""/stations/{id}/event-streams: periodic event streams and their values (OCPP 2.1)."""

from typing import Annotated

from csms_runtime.http import Page, PageParams, paginate, require
from fastapi import APIRouter, Path, Query, Security
from pydantic import AwareDatetime

from csms_device_mgmt.event_streams import stream_rows, stream_views
from csms_device_mgmt.event_streams.stream_views import EventStreamModel, StreamValuesModel
from csms_device_mgmt.parameters import StationId, existing, moment_and_id
from csms_device_mgmt.unit import Units

StreamId = Annotated[int, Path(ge=0, lt=2**31)]
Moment = Annotated[AwareDatetime | None, Query(description="Of receipt")]


def router(units: Units) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Event streams"])
    read = Security(require("read"))

    @routes.get("/stations/{station_id}/event-streams", dependencies=[read])
    async def list_event_streams(station_id: StationId) -> Page[EventStreamModel]:
        """List the periodic event streams that the station opened, also closed ones, in order of id: all of them."""
        async with units.reading() as session:
            await existing(session, station_id)
            found = await stream_rows.streams(session, station_id)
        return Page(items=[stream_views.event_stream(*row) for row in found], next_cursor=None)

    @routes.get("/stations/{station_id}/event-streams/{stream_id}/values", dependencies=[read])
    async def list_event_stream_values(
        station_id: StationId, stream_id: StreamId, page: PageParams, since: Moment = None, until: Moment = None
    ) -> Page[StreamValuesModel]:
        """List the values that came by the stream, by message, the newest first."""
        before = moment_and_id(page)
        async with units.reading() as session:
            await existing(session, station_id)
            found = await stream_rows.values(
                session, station_id, stream_id=stream_id, since=since, until=until, limit=page.limit, before=before
            )
        return paginate(
            found.rows,
            page.limit,
            position=lambda row: [row.received_at.isoformat(), row.record_id],
            item=stream_views.stream_values,
            more=found.more,
        )

    return routes
