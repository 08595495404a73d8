"""/refused-handshakes: who was not let in, and why."""

from datetime import datetime
from typing import Annotated

from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.fields import UtcMoment, one_of
from csms_runtime.http.pages import PageRequest, bad_cursor
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field

from csms_device_mgmt.connections import refused_handshake_rows
from csms_device_mgmt.tables import RefusedHandshake
from csms_device_mgmt.unit import Units

_MOST_GROUPS = 100
_KINDS = (
    "auth",
    "bad_subprotocol",
    "bad_credentials",
    "bad_identity",
    "bad_request",
    "not_websocket",
    "too_many_tries",
    "tls",
)
_KINDS_EXPLAINED = (
    "auth: auth refused it (unknown station, wrong password or certificate, ...); bad_subprotocol: it offers no OCPP "
    "version that is spoken here; bad_credentials: the Authorization header is malformed or names somebody else; "
    "bad_identity: the path ends with no identity; bad_request, not_websocket: it asked for no WebSocket; "
    "too_many_tries: too many wrong passwords; tls: the TLS handshake failed"
)
Wanted = Annotated[str | None, Query(max_length=255, pattern=NO_NUL)]
Since = Annotated[UtcMoment | None, Query(description="Only what was refused at or after that time")]


class RefusedHandshakeModel(BaseModel):
    """That somebody was not let in: the newest of one station, address and kind."""

    id: str
    station_id: str | None = Field(description="Who it said to be, checked by nobody; null: it told no identity")
    known: bool = Field(description="Whether there was such a station")
    remote_address: str
    kind: Annotated[str, one_of(*_KINDS)] = Field(description=_KINDS_EXPLAINED)
    http_status: int = Field(description="What it was answered; 0: nothing, TLS or HTTP failed before")
    reason: str
    security_event: str | None = Field(description="OCPP's security event when there is one for it")
    count: int = Field(description="How often that was told: at most once a minute")
    first_refused_at: datetime
    last_refused_at: datetime


class RefusalGroup(BaseModel):
    """Who is refused for one reason."""

    id: str
    kind: Annotated[str, one_of(*_KINDS)] = Field(description=_KINDS_EXPLAINED)
    reason: str
    known: bool = Field(description="Whether these are stations of ours")
    stations: int = Field(description="How many identities")
    addresses: int
    last_refused_at: datetime


class RefusalSummary(BaseModel):
    """Why stations are refused."""

    items: list[RefusalGroup] = Field(description="Stations of ours first, the reason that concerns most of them first")
    complete: bool = Field(
        description="false: there may be more. Only the newest "
        f"{refused_handshake_rows.MOST_SUMMARIZED:,} refusals are counted, and of unknown stations not all are kept "
        f"when there are {refused_handshake_rows.MOST_TOLD:,}, or "
        f"{refused_handshake_rows.MOST_TOLD_OF_ADDRESS} behind one address"
    )


def router(units: Units) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Stations"], prefix="/refused-handshakes", dependencies=[Security(require("read"))])

    @routes.get("")
    async def list_refused_handshakes(
        page: PageParams,
        station_id: Wanted = None,
        remote_address: Wanted = None,
        kind: Wanted = None,
        since: Since = None,
    ) -> Page[RefusedHandshakeModel]:
        """List who was not let in, by auth or by a gateway, the newest first.

        Bounded: 50 of a station, 5,000 of unknown ones, 500 of these from one address; the oldest give way.
        """
        wanted = {"remote_address": remote_address, "kind": kind}
        before = _position(page)
        async with units.reading() as session:
            rows = await refused_handshake_rows.page(
                session, limit=page.limit + 1, before=before, station_id=station_id, wanted=wanted, since=since
            )
        return paginate(rows, page.limit, position=lambda row: [row.last_at.isoformat(), str(row.id)], item=_shown)

    @routes.get("/summary")
    async def summarize_refused_handshakes(since: Since = None) -> RefusalSummary:
        """Tell for which reasons stations are refused, and how many: at most 100 reasons."""
        async with units.reading() as session:
            rows, complete = await refused_handshake_rows.summary(session, since=since, limit=_MOST_GROUPS)
        items = [RefusalGroup(id=str(n), **row._mapping) for n, row in enumerate(rows)]  # noqa: SLF001 SQLAlchemy's way
        return RefusalSummary(items=items, complete=complete)

    return routes


def _position(page: PageRequest) -> tuple[datetime, int] | None:
    position = page.after_moment()
    if position is None:
        return None
    at, number = position
    if not (number.isascii() and number.isdecimal() and len(number) < len(str(2**63))):
        raise bad_cursor()
    return at, int(number)


def _shown(row: RefusedHandshake) -> RefusedHandshakeModel:
    return RefusedHandshakeModel(
        id=str(row.id),
        station_id=row.station_id or None,
        known=row.known,
        remote_address=row.remote_address,
        kind=row.kind,
        http_status=row.http_status,
        reason=row.reason,
        security_event=row.security_event or None,
        count=row.told,
        first_refused_at=row.first_at,
        last_refused_at=row.last_at,
    )
