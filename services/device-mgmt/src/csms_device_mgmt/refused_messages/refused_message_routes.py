"""/stations/{id}/refused-messages: what the gateway could not take of a station."""

from csms_runtime.http import Page, PageParams, paginate, require
from fastapi import APIRouter, Security

from csms_device_mgmt.parameters import StationId, existing, moment_and_id
from csms_device_mgmt.refused_messages import refused_message_rows, refused_message_views
from csms_device_mgmt.refused_messages.refused_message_views import RefusedMessageModel
from csms_device_mgmt.unit import Units


def router(units: Units) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Stations"])
    read = Security(require("read"))

    @routes.get("/stations/{station_id}/refused-messages", dependencies=[read])
    async def list_refused_messages(station_id: StationId, page: PageParams) -> Page[RefusedMessageModel]:
        """List messages of the station that could not be taken, and why, the newest first.

        One a minute is kept of each kind and action; `csms_gateway_session_notices_total` counts all.
        """
        before = moment_and_id(page)
        async with units.reading() as session:
            await existing(session, station_id)
            rows = await refused_message_rows.page(session, station_id, limit=page.limit + 1, before=before)
        return paginate(
            rows,
            page.limit,
            position=lambda row: [row.received_at.isoformat(), row.record_id],
            item=refused_message_views.refused_message,
        )

    return routes
