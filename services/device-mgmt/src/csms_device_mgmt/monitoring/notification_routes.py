"""/stations/{id}/notifications: recorded messages of a station."""

from typing import Annotated

from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Query, Security

from csms_device_mgmt.monitoring import notification_rows, notification_views
from csms_device_mgmt.monitoring.notification_views import NotificationModel
from csms_device_mgmt.parameters import StationId, existing, moment_and_id
from csms_device_mgmt.unit import Units

Action = Annotated[
    str | None, Query(max_length=64, pattern=NO_NUL, description="For example SecurityEventNotification")
]


def router(units: Units) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Stations"])
    read = Security(require("read"))

    @routes.get("/stations/{station_id}/notifications", dependencies=[read])
    async def list_notifications(
        station_id: StationId, page: PageParams, action: Action = None
    ) -> Page[NotificationModel]:
        """List what the station told, as it came, the newest first: security events, firmware status, events, ..."""
        before = moment_and_id(page)
        async with units.reading() as session:
            await existing(session, station_id)
            found = await notification_rows.page(session, station_id, limit=page.limit, before=before, action=action)
        return paginate(
            found.rows,
            page.limit,
            position=lambda row: [row.received_at.isoformat(), row.record_id],
            item=notification_views.notification,
            more=found.more,
        )

    return routes
