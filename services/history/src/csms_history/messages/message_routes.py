"""/stations/{id}/messages: what a station sent and was sent; /message-log: whether it is kept."""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Self

from csms.v1.station_pb2 import MESSAGE_DIRECTION_IN, MESSAGE_DIRECTION_OUT, LoggedMessage
from csms_db.base import EPOCH
from csms_db.engine import Database
from csms_ocpp import station_ids
from csms_runtime.http import Page, PageParams, require
from csms_runtime.http.fields import one_of
from csms_runtime.http.pages import encode_cursor, written
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Query, Response, Security
from pydantic import BaseModel, ConfigDict, Field

from csms_history.messages import log_settings, message_pages
from csms_history.messages.log_settings import LogSettings, Off
from csms_history.messages.message_pages import Position, Wanted
from csms_history.parameters import Since, StationId, Until


class Outcome(StrEnum):
    """What became of a message."""

    RESULT = "result"
    ERROR = "error"
    TIMEOUT = "timeout"
    UNANSWERED = "unanswered"
    SENT = "sent"
    REFUSED = "refused"
    UNEXPECTED = "unexpected"


class Direction(StrEnum):
    """Who began: the station (in), or the CSMS (out)."""

    IN = "in"
    OUT = "out"


_DIRECTIONS = {Direction.IN: MESSAGE_DIRECTION_IN, Direction.OUT: MESSAGE_DIRECTION_OUT}


class FrameModel(BaseModel):
    """A frame as it went over the connection."""

    text: str = Field(description="With *** for secrets; without what was beyond CSMS_MESSAGE_LOG_ENTRY_BYTES")
    bytes: int = Field(description="Of the whole frame")
    truncated: bool


class NoticeModel(BaseModel):
    """What the gateway noticed of a message."""

    kind: str = Field(description="For example call_refused, tolerated, invalid_frame, late_answer, no_reply")
    detail: str = Field(description="What was wrong, and where")


class MessageModel(BaseModel):
    """A request with its answer, or a frame that is alone."""

    id: str
    at: datetime = Field(description="When the first frame came or went, by the gateway's clock")
    direction: Annotated[str, one_of("in", "out")] = Field(description="Who began: the station (in), the CSMS (out)")
    action: str | None = Field(description="As the request names it; null: it names none")
    message_id: str | None
    outcome: Annotated[str, one_of(*Outcome)] = Field(
        description="error: a CALLERROR; unanswered: the connection ended before; sent: a SEND, which has no answer; "
        "refused: the gateway took it for no valid request; unexpected: an answer to nothing that was open"
    )
    latency_ms: float | None = Field(description="From request to answer; null: there is none")
    request: FrameModel
    answer: FrameModel | None
    notice: NoticeModel | None

    @classmethod
    def of(cls, message: LoggedMessage) -> Self:
        """Return what is shown of a message."""
        answer = _frame(message.answer, message.answer_bytes, truncated=message.answer_truncated)
        return cls(
            id=str(message.id),
            at=EPOCH + timedelta(microseconds=message.at_us),
            direction="in" if message.direction == MESSAGE_DIRECTION_IN else "out",
            action=message.action or None,
            message_id=message.message_id or None,
            outcome=message.outcome,
            latency_ms=message.latency_us / 1000 if message.HasField("latency_us") else None,
            request=_frame(message.request, message.request_bytes, truncated=message.request_truncated),
            answer=answer if message.answer_bytes else None,
            notice=NoticeModel(kind=message.notice, detail=message.notice_detail) if message.notice else None,
        )


class LogSettingsModel(BaseModel):
    """What is kept of a station's messages."""

    enabled: bool
    keep_days: int | None


class LogSettingsInput(BaseModel):
    """What is to be kept of a station's messages. What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool | None = Field(None, description="Whether its messages are kept from now on; null: as before")
    keep_days: int | None = Field(
        None, ge=1, le=36500, description="How long, in days; null, and more than CSMS_KEEP_MESSAGES_DAYS: so long"
    )


def router(database: Database, off: Off) -> APIRouter:
    """Return the routes. `off` is told of changes."""
    routes = APIRouter(tags=["History"])
    read, operate = Security(require("read")), Security(require("operate"))

    @routes.get("/stations/{station_id}/messages", dependencies=[read], response_model=Page[MessageModel])
    async def list_messages(
        station_id: StationId,
        page: PageParams,
        *,
        since: Since = None,
        until: Until = None,
        direction: Direction | None = None,
        action: Annotated[str | None, Query(max_length=64, pattern=NO_NUL, description="For example Heartbeat")] = None,
        outcome: Outcome | None = None,
        text: Annotated[
            str | None,
            Query(min_length=2, max_length=200, pattern=NO_NUL, description="What a frame holds, in any case"),
        ] = None,
    ) -> Response:
        """List what a station sent and was sent, the newest first: each request with its answer.

        With a filter other than the time, a page may have few messages, or none, although more follow: go on with
        `next_cursor`. Messages appear a moment after they were answered. They are kept for CSMS_KEEP_MESSAGES_DAYS, and
        of each day as far as CSMS_STATION_MESSAGES_BYTES goes; what came too fast may be missing.
        """
        key, way = station_ids.key(station_id), None if direction is None else _DIRECTIONS[direction]
        position = page.after(int, int)
        async with database.reading() as session:
            found = await message_pages.page(
                session,
                Wanted(key, since, until, way, action, outcome, text),
                limit=page.limit,
                after=None if position is None else Position(*position),
            )
        size = sum(len(message.request) + len(message.answer) for message in found.messages)
        return await written(size, partial(_page, found))

    @routes.get("/stations/{station_id}/message-log", dependencies=[read])
    async def get_message_log(station_id: StationId) -> LogSettingsModel:
        """Return what is kept of a station's messages."""
        async with database.reading() as session:
            found = await log_settings.find(session, station_ids.key(station_id))
        return LogSettingsModel(enabled=found.enabled, keep_days=found.keep_days)

    @routes.put("/stations/{station_id}/message-log", dependencies=[operate])
    async def put_message_log(station_id: StationId, wanted: LogSettingsInput) -> LogSettingsModel:
        """Change what is kept of a station's messages. It counts some seconds later."""
        key = station_ids.key(station_id)
        async with database.transaction() as session:
            before = await log_settings.find(session, key)
            keep_days = wanted.keep_days if "keep_days" in wanted.model_fields_set else before.keep_days
            settings = LogSettings(before.enabled if wanted.enabled is None else wanted.enabled, keep_days)
            await log_settings.put(session, key, settings)
        off.forget()
        return LogSettingsModel(enabled=settings.enabled, keep_days=settings.keep_days)

    return routes


def _frame(text: bytes, size: int, *, truncated: bool) -> FrameModel:
    return FrameModel(text=text.decode(errors="ignore"), bytes=size, truncated=truncated)


def _page(found: message_pages.Found) -> Page[MessageModel]:
    cursor = None if found.next is None else encode_cursor(found.next)
    return Page[MessageModel](items=list(map(MessageModel.of, found.messages)), next_cursor=cursor)
