"""/fleet/summary: how many stations there are, and how they fare."""

import asyncio
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

from csms_runtime.clock import utcnow
from csms_runtime.http import Problem, require
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field

from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.fleet.summary import MOST_GROUPS, By, Counts, Summary, summarize
from csms_device_mgmt.unit import Units

DEADLINE_S = 5.0
"""For one summary, the turn of those before it included: they are made one after the other."""
LATELY = timedelta(hours=1)


class CountsModel(BaseModel):
    """How many."""

    registered: int = Field(description="Stations, connected or not")
    connected: int
    charging: int = Field(
        description="Connectors in use (status Occupied). Transactions and power are known to /transactions"
    )
    faulted: int = Field(description="Stations with a connector or EVSE that is Faulted")
    refused: int = Field(description="Stations that were not let in within the last hour, see /refused-handshakes")


class GroupModel(CountsModel):
    """Stations that have something in common."""

    id: str = Field(description="The value; empty: none; `*`: all other groups")
    value: str | None = Field(
        description="A site's id, or what the stations told; null: they have, or told, none, or it is of all others"
    )
    is_rest: bool = Field(description="All groups beyond the largest ones")


class FleetSummary(BaseModel):
    """The fleet in groups."""

    by: By
    counted_at: datetime
    total: CountsModel
    items: list[GroupModel] = Field(
        description=f"The {MOST_GROUPS} groups with most stations, the largest first; what is left is one group"
    )


def router(units: Units, presence: Presence) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Fleet"], prefix="/fleet", dependencies=[Security(require("read"))])
    turn = asyncio.Lock()

    @routes.get("/summary")
    async def summarize_fleet(
        by: Annotated[By, Query(description="What stations are grouped by")] = By.SITE,
    ) -> FleetSummary:
        """Count the stations of each site, vendor, model, firmware version or protocol. 503: it took too long."""
        now = utcnow()
        try:
            async with asyncio.timeout(DEADLINE_S), turn, units.reading() as session:
                found = await summarize(session, by, presence.gateways(), refused_since=now - LATELY)
        except TimeoutError as error:
            raise Problem(503, "Too slow", "the fleet was not counted in time", headers={"Retry-After": "5"}) from error
        return _shown(by, now, found)

    return routes


def _shown(by: By, now: datetime, found: Summary) -> FleetSummary:
    items = [_group(value, counts) for value, counts in found.groups.items()]
    if found.others is not None:
        items.append(GroupModel(id="*", value=None, is_rest=True, **asdict(found.others)))
    return FleetSummary(by=by, counted_at=now, total=CountsModel(**asdict(found.total)), items=items)


def _group(value: str | None, counts: Counts) -> GroupModel:
    return GroupModel(id=value or "", value=value, is_rest=False, **asdict(counts))
