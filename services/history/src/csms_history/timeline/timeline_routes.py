"""/stations/{id}/timeline: what happened at a station, in one order; and what of it is of one type."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from csms_db.bounded import Bounded
from csms_db.engine import Database
from csms_ocpp import station_ids
from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.keys import Principal, Scope
from csms_runtime.http.pages import MAX_PAGE_BYTES, PageRequest
from csms_runtime.http.problems import FieldError, invalid_request
from csms_runtime.http.security import CurrentPrincipal, demand
from fastapi import APIRouter, Query, Security

from csms_history.parameters import Since, StationId, Until, moment_and_id
from csms_history.timeline import entry_rows
from csms_history.timeline.entry_rows import Wanted
from csms_history.timeline.entry_views import BootItem, FaultItem, Row, StatusItem, TimelineEntry, position
from csms_history.timeline.facts import Kind

T = TypeVar("T")
Types = Annotated[
    list[str] | None,
    Query(max_length=20, description=f"Only these: {', '.join(Kind)}. Several: repeated, or with commas between them"),
]
EvseId = Annotated[int | None, Query(ge=0, le=2_147_483_647, description="0: the station itself")]
ConnectorId = Annotated[int | None, Query(ge=0, le=2_147_483_647, description="0: the EVSE itself")]


def router(database: Database) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["History"], dependencies=[Security(require("read"))])

    async def page_of(wanted: Wanted, page: PageRequest, item: Callable[[Row], T]) -> Page[T]:
        after = moment_and_id(page)
        async with database.reading() as session:
            found = await entry_rows.page(session, wanted, limit=page.limit, most_bytes=MAX_PAGE_BYTES, after=after)
        return _page(found, page, item)

    @routes.get("/stations/{station_id}/timeline")
    async def list_timeline(
        station_id: StationId,
        page: PageParams,
        principal: CurrentPrincipal,
        *,
        since: Since = None,
        until: Until = None,
        types: Types = None,
    ) -> Page[TimelineEntry]:
        """List what happened at a station, the newest first: connections, boots, statuses, decisions on tokens, ...

        Entries appear some moments after they happened. They are kept for CSMS_KEEP_TIMELINE_DAYS, and as far as
        CSMS_STATION_TIMELINE_BYTES goes; also those of a station that was deleted. One that nobody knows has none.
        What somebody asked for (`audit`) is shown to administrators, as `/audit` is.
        """
        wanted = _wanted_kinds(types, principal)
        key = station_ids.key(station_id)
        without = () if principal.may(Scope.ADMIN) else (Kind.AUDIT,)
        return await page_of(
            Wanted(station_key=key, since=since, until=until, kinds=wanted, without=without), page, TimelineEntry.of
        )

    @routes.get("/stations/{station_id}/status-history")
    async def list_status_history(
        station_id: StationId,
        page: PageParams,
        *,
        evse_id: EvseId = None,
        connector_id: ConnectorId = None,
        since: Since = None,
        until: Until = None,
    ) -> Page[StatusItem]:
        """List the statuses that a station's connectors, EVSEs and it itself took, the newest first."""
        wanted = Wanted(
            station_key=station_ids.key(station_id),
            since=since,
            until=until,
            kinds=[Kind.STATUS],
            evse_id=evse_id,
            connector_id=connector_id,
        )
        return await page_of(wanted, page, StatusItem.of)

    @routes.get("/stations/{station_id}/boots")
    async def list_boots(
        station_id: StationId, page: PageParams, since: Since = None, until: Until = None
    ) -> Page[BootItem]:
        """List the boots of a station, the newest first."""
        key = station_ids.key(station_id)
        return await page_of(Wanted(station_key=key, since=since, until=until, kinds=[Kind.BOOT]), page, BootItem.of)

    @routes.get("/stations/{station_id}/faults")
    async def list_station_faults(
        station_id: StationId, page: PageParams, since: Since = None, until: Until = None
    ) -> Page[FaultItem]:
        """List the faults that a station told, the newest first. That one is over is told by a status."""
        key = station_ids.key(station_id)
        return await page_of(Wanted(station_key=key, since=since, until=until, kinds=[Kind.FAULT]), page, FaultItem.of)

    return routes


def _page(found: Bounded, page: PageRequest, item: Callable[[Row], T]) -> Page[T]:
    return paginate(found.rows, page.limit, position=position, item=item, more=found.more)


def _wanted_kinds(types: list[str] | None, principal: Principal) -> list[Kind] | None:
    """Return the wanted types; None: all. Raises Problem 422, or 403 for what only administrators see."""
    if types is None:
        return None
    names = [name for text in types for name in text.split(",")]
    unknown = [name for name in names if name not in set(Kind)]
    if unknown:
        raise invalid_request([FieldError("/types", f"there is no such type; there are: {', '.join(Kind)}", "query")])
    kinds = [Kind(name) for name in dict.fromkeys(names)]
    if Kind.AUDIT in kinds:
        demand(principal, "admin")
    return kinds
