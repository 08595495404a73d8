"""/stations/{id}/uptime: how long a station and its EVSEs could be used."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Self

from csms_db.engine import Database
from csms_ocpp import station_ids
from csms_runtime import heavy
from csms_runtime.http import require
from csms_runtime.http.fields import UtcMoment
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field

from csms_history.connections.last_words import LastWords
from csms_history.parameters import StationId
from csms_history.uptime import uptime_rows
from csms_history.uptime.rule import Records, State, Sums, uptime

_LONGEST = timedelta(days=3660)
_RECORD_BYTES = 200
"""About so many a record takes while it is summed up."""
Until = Annotated[UtcMoment | None, Query(description="Before; None, and a later one: until now")]
Since = Annotated[UtcMoment, Query(description="The beginning of the period; it may have ten years at most")]


class UptimeSums(BaseModel):
    """How long it was up, down and so on, in seconds; together the period."""

    uptime: float | None = Field(description="up_s / (up_s + down_s), from 0 to 1; null: there was neither")
    up_s: float
    down_s: float
    planned_s: float = Field(description="It could not be used, as an operator had ordered")
    unknown_s: float = Field(description="There is no record yet")

    @classmethod
    def of(cls, sums: Sums) -> Self:
        """Return what is shown of a result."""
        return cls(uptime=sums.share, **{f"{state}_s": sums.of[state].total_seconds() for state in State})


class EvseUptime(UptimeSums):
    """Of an EVSE."""

    evse_id: int


class StationUptime(UptimeSums):
    """Of a station: up while any of its EVSEs is."""

    station_id: str
    since: datetime
    until: datetime
    evses: list[EvseUptime]


def router(database: Database, last_words: LastWords, now: Callable[[], datetime]) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["History"])

    @routes.get("/stations/{station_id}/uptime", dependencies=[Security(require("read"))])
    async def get_uptime(station_id: StationId, since: Since, until: Until = None) -> StationUptime:
        """Tell how long a station and each of its EVSEs could be used in a period, by the rule of docs/uptime.md.

        What is not kept any more (CSMS_KEEP_TIMELINE_DAYS, CSMS_STATION_TIMELINE_BYTES) is unknown.
        """
        end = min(until or now(), now())
        if since >= end:
            raise invalid_request(
                [FieldError("/since", "the period must begin before it ends, and before now", "query")]
            )
        if end - since > _LONGEST:
            raise invalid_request([FieldError("/since", "the period is longer than ten years", "query")])
        async with database.reading() as session:
            found = await uptime_rows.records(session, station_ids.key(station_id), since, end, last_words)
        return await heavy.run(found.count * _RECORD_BYTES, partial(_shown, station_id, found, since, end))

    return routes


def _shown(station_id: str, found: Records, since: datetime, until: datetime) -> StationUptime:
    result = uptime(found, since, until)
    evses = [EvseUptime(evse_id=evse_id, **UptimeSums.of(sums).model_dump()) for evse_id, sums in result.evses.items()]
    station = UptimeSums.of(result.station).model_dump()
    return StationUptime(station_id=station_id, since=since, until=until, evses=evses, **station)
