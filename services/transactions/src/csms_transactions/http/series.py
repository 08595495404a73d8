"""GET /meter-series: meter values over time, for charts."""

import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Annotated, Self

import orjson
from csms_db.engine import Database
from csms_db.packed import size_of, unpack
from csms_ocpp import long_list
from csms_runtime import heavy
from csms_runtime.clock import utcnow
from csms_runtime.http import require
from csms_runtime.http.fields import UtcMoment
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, BeforeValidator, Field

from csms_transactions import versions
from csms_transactions.domain.series import Measurand, Point, Sample, Series, samples_of, together
from csms_transactions.http.models import Moment
from csms_transactions.store import series as store
from csms_transactions.store.series import Piece

MOST_POINTS = 1500
MOST_EVSES = 20
_USUAL_POINTS = 300
_USUAL_SPAN = timedelta(days=1)
_MOST_BYTES = 32 * 1024 * 1024
"""Of the messages that are read for an answer."""
_DEADLINE_S = 5.0
"""So long is read for an answer."""
_SHORT = {"power": Measurand.POWER, "current": Measurand.CURRENT, "soc": Measurand.SOC, "energy": Measurand.ENERGY}
_STEP = re.compile(r"([1-9][0-9]{0,8})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LARGEST_EVSE = 2_147_483_647
_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class PointItem(BaseModel):
    """What was measured in a step."""

    at: Moment = Field(description="The beginning of the step")
    min: float
    mean: float = Field(description="Of the values that were told, each counting as much")
    max: float
    last: float
    count: int = Field(description="How many values; 0: the one before counts on (a sum of several EVSEs)")

    @classmethod
    def of(cls, point: Point) -> Self:
        """The item of a point."""
        at, least, mean, most, last, count = point
        return cls(at=at, min=least, mean=mean, max=most, last=last, count=count)


class EvseItem(BaseModel):
    """Where it was measured."""

    station_id: str
    evse_id: int | None = Field(description="null: at all EVSEs of the station, but not at its main meter")


class MeterSeries(BaseModel):
    """Meter values of one measurand in steps of equal length."""

    measurand: Measurand
    unit: str
    evses: list[EvseItem] = Field(description="Of several: their sum; of SoC, voltage and the like the mean")
    since: Moment
    until: Moment
    step_s: int = Field(description="Seconds")
    complete: bool = Field(description="false: there is more than is read for an answer; ask for less time")
    points: list[PointItem] = Field(description="The steps in which something was measured, in order of time")


@dataclass(frozen=True, slots=True)
class _Evse:
    station_id: str
    evse_id: int | None


def series_router(database: Database) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["Transactions"], dependencies=[Security(require("read"))])

    @router.get("/meter-series")
    async def get_meter_series(
        *,
        evse: Annotated[
            list[str] | None,
            Query(max_length=MOST_EVSES, description="STATION:EVSE, or with one station_id the number; several"),
        ] = None,
        station_id: Annotated[
            list[str] | None, Query(max_length=MOST_EVSES, description="Without `evse`: all EVSEs of these stations")
        ] = None,
        measurand: Annotated[
            Measurand, BeforeValidator(_named), Query(description="power, current, soc, energy, or OCPP's name")
        ] = Measurand.POWER,
        since: Annotated[UtcMoment | None, Query(description="Without it: a day before `until`")] = None,
        until: Annotated[UtcMoment | None, Query(description="Without it: now")] = None,
        step: Annotated[
            str | None, Query(max_length=12, description="Seconds, or 15m, 1h, 1d; without it: some 300 points")
        ] = None,
    ) -> MeterSeries:
        """Show what EVSEs measured over time: in transactions, and in MeterValues messages.

        In each step the least, the mean, the greatest and the last value. Watts, amperes, watt-hours and percent,
        whichever unit the station has. Where phases are told and no total, power is their sum, current that of the
        phase that has most. At most 1,500 points, of 20 EVSEs or stations; 32 MiB of messages are read.
        """
        evses = _evses(evse or [], station_id or [])
        until = max(until or utcnow(), _EARLIEST)
        since = since or until - _USUAL_SPAN
        length = _step(step, since, until)
        reading = _Reading(database, measurand, since, until, length)
        found = [await reading.of(one) for one in evses]
        return MeterSeries(
            measurand=measurand,
            unit=measurand.unit,
            evses=[EvseItem(station_id=one.station_id, evse_id=one.evse_id) for one in evses],
            since=since,
            until=until,
            step_s=int(length.total_seconds()),
            complete=reading.is_complete,
            points=list(map(PointItem.of, together(found, measurand))),
        )

    return router


class _Reading:
    """The reading for one answer, which has an end."""

    def __init__(
        self, database: Database, measurand: Measurand, since: datetime, until: datetime, step: timedelta
    ) -> None:
        self._database, self._measurand = database, measurand
        self._since, self._until, self._step = since, until, step
        self._left = _MOST_BYTES
        self._deadline = time.monotonic() + _DEADLINE_S
        self.is_complete = True

    async def of(self, evse: _Evse) -> Series:
        """Return the series of one EVSE."""
        series = Series(self._since, self._until, self._step)
        async with self._database.reading() as session:
            names = await store.known_as(session, evse.station_id)
            spans = await store.spans(session, names, evse.evse_id, self._since, self._until)
        series.ends = [span.ended_at for span in spans if span.ended_at is not None]
        for span in spans:
            await self._take(series, store.of_transaction(self._database, span.key, self._since, self._until))
        await self._take(series, store.of_evse(self._database, names, evse.evse_id, self._since, self._until))
        return series

    async def _take(self, series: Series, pieces: AsyncIterator[Piece]) -> None:
        async for piece in pieces:
            size = sum(size_of(payload) for _, payload in piece.rows)
            self._left -= size
            if self._left < 0 or time.monotonic() > self._deadline:
                self.is_complete = False
                return
            series.add(await heavy.run(size, partial(samples_in, piece.rows, self._measurand)))


def samples_in(rows: Sequence[tuple[str | None, bytes]], measurand: Measurand) -> list[Sample]:
    """Return the samples in messages as they are stored: protocol (None: a MeterValues message) and payload."""
    return list(chain.from_iterable(_samples(protocol, payload, measurand) for protocol, payload in rows))


def _samples(protocol: str | None, stored: bytes, measurand: Measurand) -> list[Sample]:
    payload = unpack(stored)
    # Most messages do not name it; the one that is meant where none is named is in all.
    if measurand is not Measurand.ENERGY and measurand.encode() not in payload:
        return []
    read = versions.MESSAGES_METER_VALUES if protocol is None else versions.of_stored(protocol).meter_values_in
    parsed = orjson.loads(payload) if len(payload) < long_list.LONG_BYTES else long_list.loads(payload)
    return list(samples_of(read(parsed), measurand))


def _named(measurand: object) -> object:
    return _SHORT.get(measurand.lower(), measurand) if isinstance(measurand, str) else measurand


def _evses(told: Sequence[str], stations: Sequence[str]) -> list[_Evse]:
    if not told:
        if not stations:
            raise _invalid("evse", "wants STATION:EVSE, or station_id")
        return [_Evse(station_id, None) for station_id in stations]
    found = []
    for one in told:
        station, _, number = one.replace("/", ":").rpartition(":")
        if not station and len(stations) != 1:
            raise _invalid("evse", "a number wants one station_id; else it is STATION:EVSE")
        if not number.isdecimal() or not number.isascii() or int(number[:11]) > _LARGEST_EVSE:
            raise _invalid("evse", "is no STATION:EVSE")
        found.append(_Evse(station or stations[0], int(number)))
    return found


def _step(told: str | None, since: datetime, until: datetime) -> timedelta:
    if since < _EARLIEST or until > _LATEST:
        raise _invalid(
            "since" if since < _EARLIEST else "until", "is outside of all years in which anything is measured"
        )
    span = (until - since).total_seconds()
    if span <= 0:
        raise _invalid("until", "is not after since")
    if told is None:
        return timedelta(seconds=max(1, -int(-span // _USUAL_POINTS)))
    match = _STEP.fullmatch(told)
    if match is None:
        raise _invalid("step", "wants seconds, or a number with s, m, h or d")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > 86_400 * 366:
        raise _invalid("step", "is longer than a year")
    if span / seconds > MOST_POINTS:
        raise _invalid("step", f"makes more than {MOST_POINTS} points: {-int(-span // MOST_POINTS)} seconds at least")
    return timedelta(seconds=seconds)


def _invalid(name: str, detail: str) -> Exception:
    return invalid_request([FieldError(f"/{name}", detail, "query")])
