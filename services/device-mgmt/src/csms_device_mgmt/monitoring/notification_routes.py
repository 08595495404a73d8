"""/notifications and /stations/{id}/notifications: recorded messages of stations."""

from typing import Annotated

from csms_db.bounded import Bounded
from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.fields import UtcMoment
from csms_runtime.http.pages import PageRequest
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Query, Security

from csms_device_mgmt.monitoring import notification_rows, notification_views
from csms_device_mgmt.monitoring.notification_views import NotificationModel
from csms_device_mgmt.parameters import StationId, existing, moment_and_id
from csms_device_mgmt.sites.site_views import SITE_ID
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Units

Action = Annotated[
    str | None, Query(max_length=64, pattern=NO_NUL, description="For example SecurityEventNotification")
]


Since = Annotated[UtcMoment | None, Query(description="Only what was received at or after that time")]
Until = Annotated[UtcMoment | None, Query(description="Only what was received before that time")]


def router(units: Units) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Stations"])
    read = Security(require("read"))

    @routes.get("/notifications", dependencies=[read])
    async def list_all_notifications(
        page: PageParams,
        *,
        since: Since = None,
        until: Until = None,
        station_id: Annotated[str | None, Query(max_length=255, pattern=NO_NUL)] = None,
        site_id: Annotated[str | None, Query(pattern=SITE_ID, description="Of the station, then")] = None,
        action: Action = None,
    ) -> Page[NotificationModel]:
        """List what stations told, as it came, the newest first."""
        before = moment_and_id(page)
        async with units.reading() as session:
            spelled = None if station_id is None else await station_rows.spelling(session, station_id)
            found = await notification_rows.page(
                session,
                spelled,
                limit=page.limit,
                before=before,
                action=action,
                site_id=site_id,
                since=since,
                until=until,
            )
        return _page(found, page)

    @routes.get("/stations/{station_id}/notifications", dependencies=[read])
    async def list_notifications(
        station_id: StationId, page: PageParams, action: Action = None
    ) -> Page[NotificationModel]:
        """List what the station told, as it came, the newest first: security events, firmware status, events, ..."""
        before = moment_and_id(page)
        async with units.reading() as session:
            await existing(session, station_id)
            found = await notification_rows.page(session, station_id, limit=page.limit, before=before, action=action)
        return _page(found, page)

    return routes


def _page(found: Bounded, page: PageRequest) -> Page[NotificationModel]:
    return paginate(
        found.rows,
        page.limit,
        position=lambda row: [row.received_at.isoformat(), row.record_id],
        item=notification_views.notification,
        more=found.more,
    )
