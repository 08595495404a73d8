"""GET /events/stream: domain events as they happen, as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

import structlog
from csms_bus.events import CATALOGUE
from csms_db.errors import DatabaseUnavailable
from csms_runtime import metrics
from csms_runtime.http import Problem, require
from csms_runtime.http.documented import problem
from csms_runtime.http.problems import FieldError, invalid_request
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Header, Query, Security
from fastapi.responses import StreamingResponse

from csms_history.event_log.following import Following
from csms_history.event_log.log_rows import Logged
from csms_history.event_log.wanted import Wanted

_log = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
"""How often something is sent while nothing happens, so that nobody on the way takes the connection for dead."""
LONGEST_S = 900.0
"""How long a stream lasts: then the client comes again, and its key is checked again."""
_RETRY_MS = 2000
_NAMES = frozenset(event_type.name for event_type in CATALOGUE)
_MOST = 1000
_LONGEST_ID = 19
"""Digits of a number of 64 bits."""

Types = Annotated[list[str] | None, Query(alias="type", max_length=100, description="Types of events (docs/events.md)")]
Stations = Annotated[
    list[Annotated[str, Query(max_length=255, pattern=NO_NUL)]] | None,
    Query(alias="station_id", max_length=_MOST, description="Only events of these stations"),
]
Sites = Annotated[
    list[Annotated[str, Query(max_length=255, pattern=NO_NUL)]] | None,
    Query(alias="site_id", max_length=_MOST, description="Only events of stations that belonged to these sites"),
]
LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=_LONGEST_ID)]
LastIdParameter = Annotated[
    str | None,
    Query(
        max_length=_LONGEST_ID, description="As Last-Event-ID, for clients that cannot send the header; it counts less"
    ),
]


class Streams:
    """The open streams of this process: how many there may be."""

    def __init__(self, following: Following, most: int) -> None:
        self._following = following
        self._most = most
        self._open = 0

    async def open(self, wanted: Wanted, last_id: int | None) -> StreamingResponse:
        """Return a stream that begins behind an event, or now. Raises Problem 503 when there are too many."""
        if self._open >= self._most:
            raise Problem(
                503, "Too many streams", f"{self._most} event streams are open", headers={"Retry-After": "10"}
            )
        await self._following.begun()
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx passes on each event at once
        return StreamingResponse(self._counted(wanted, last_id), media_type="text/event-stream", headers=headers)

    async def _counted(self, wanted: Wanted, last_id: int | None) -> AsyncIterator[bytes]:
        if self._open >= self._most:
            return
        self._open += 1
        metrics.HISTORY_EVENT_STREAMS.set(self._open)
        try:
            async for part in _frames(self._following, wanted, last_id):
                yield part
        finally:
            self._open -= 1
            metrics.HISTORY_EVENT_STREAMS.set(self._open)


def router(streams: Streams) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Events"])

    documented: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The stream"},
        503: problem("Too many streams are open"),
    }

    @routes.get(
        "/events/stream",
        dependencies=[Security(require("read"))],
        response_class=StreamingResponse,
        responses=documented,
    )
    async def stream_events(
        types: Types = None,
        stations: Stations = None,
        sites: Sites = None,
        last_event_id: LastId = None,
        last_event_id_parameter: Annotated[LastIdParameter, Query(alias="last_event_id")] = None,
    ) -> StreamingResponse:
        """Follow what happens: each event in CloudEvents' JSON (docs/events.md), with its type and a number as id.

        It begins now, or behind the event that Last-Event-ID names; then nothing is missed that is still kept
        (CSMS_KEEP_EVENTS_DAYS). Where something is not kept any more, an event `gap` says so first. The same event may
        come twice: `source` and `id` in it tell. Comments come every 15 s while nothing happens, and after 15 minutes
        the stream ends: come again with Last-Event-ID. Who reads so slowly that nothing can be sent for a minute is cut
        off. 503: as many streams are open as CSMS_EVENT_STREAMS allows.
        """
        unknown = sorted(set(types or ()) - _NAMES)
        if unknown:
            raise invalid_request([FieldError("/type", f"there is no event {unknown[0]}", "query")])
        return await streams.open(Wanted.of(types, stations, sites), _number(last_event_id or last_event_id_parameter))

    return routes


def _number(text: str | None) -> int | None:
    """Return the number in a Last-Event-ID. Raises Problem 422."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) < 2**63):
        raise invalid_request([FieldError("/Last-Event-ID", "is no id of this stream", "header")])
    return int(text)


async def _frames(following: Following, wanted: Wanted, last_id: int | None) -> AsyncIterator[bytes]:
    """Yield what is sent. It is asked for more only when the last was taken, so nothing piles up for slow readers."""
    clock = asyncio.get_running_loop().time
    until = clock() + LONGEST_S
    position = following.newest if last_id is None else last_id
    yield b"retry: %d\nid: %d\n\n" % (_RETRY_MS, position)
    try:
        if last_id is not None:
            position = await _resumed(following, last_id)
            if position != last_id:
                yield b'id: %d\nevent: gap\ndata: {"missed_after":"%d"}\n\n' % (position, last_id)
        while not following.stopped.is_set() and clock() < until:
            if not await following.wait_beyond(position, HEARTBEAT_S):
                yield b": nothing new\nid: %d\n\n" % position
                continue
            found = await following.after(position)
            position = found[-1].id if found else following.newest
            text = b"".join(_frame(logged) for logged in _of_interest(found, wanted))
            if text:
                yield text
            else:
                await asyncio.sleep(0)  # all of it may be in memory, and of no interest
    except DatabaseUnavailable as error:  # the client comes again
        _log.warning("an event stream ends", error=str(error))


async def _resumed(following: Following, last_id: int) -> int:
    """Return behind which event a stream goes on: another one if some behind `last_id` are gone."""
    if last_id > following.newest:  # of a database that was restored
        return following.newest
    oldest = await following.oldest()
    first = following.newest + 1 if oldest is None else oldest
    return max(last_id, first - 1)


def _of_interest(events: Iterable[Logged], wanted: Wanted) -> Iterable[Logged]:
    return (logged for logged in events if wanted.takes(logged.type, logged.station_key, logged.site_id))


def _frame(logged: Logged) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (logged.id, logged.type.encode(), logged.text)
