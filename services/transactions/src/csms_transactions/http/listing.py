"""GET /transactions: the list, its filters and orders."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from csms_db.engine import Database
from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.export import DOCUMENTED, Exports, Format, Wanted
from csms_runtime.http.fields import NO_NUL, UtcMoment
from csms_runtime.http.pages import PageRequest, encode_cursor
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Depends, Query, Request, Response, Security
from pydantic import BeforeValidator

from csms_transactions.domain.quality import Quality
from csms_transactions.domain.transaction import State
from csms_transactions.http.export import lines
from csms_transactions.http.models import TransactionItem
from csms_transactions.store import listing
from csms_transactions.store.filters import Filter, TransactionSort
from csms_transactions.store.listing import Place

_MOST_INT = 2_147_483_647
_UPDATED_SINCE = (
    "Changed then or later, by our clock: also what a station delivers late. Nothing is shown before all is that was "
    "changed earlier: ask next from the newest `updated_at` that you saw (docs/http-api.md)"
)
_SORT = (
    "The order; `-`: the latest first. None: the latest first of what a filter is about, the change before the end "
    "before the start. In the order of the end, active transactions come first, by their start"
)
_Text = Annotated[str | None, Query(max_length=255)]


def _spelled(state: object) -> object:
    return state.capitalize() if isinstance(state, str) else state


class _Times(NamedTuple):
    started_since: datetime | None
    started_until: datetime | None
    ended_since: datetime | None
    ended_until: datetime | None
    updated_since: datetime | None


async def _times(
    *,
    started_since: Annotated[UtcMoment | None, Query(description="Started then or later")] = None,
    started_until: Annotated[UtcMoment | None, Query(description="Started before")] = None,
    ended_since: Annotated[UtcMoment | None, Query(description="Ended then or later; active ones have not")] = None,
    ended_until: Annotated[UtcMoment | None, Query(description="Ended before; active ones have not")] = None,
    updated_since: Annotated[UtcMoment | None, Query(description=_UPDATED_SINCE)] = None,
    since: Annotated[UtcMoment | None, Query(description="The same as updated_since")] = None,
) -> _Times:
    changed = [moment for moment in (updated_since, since) if moment is not None]
    return _Times(started_since, started_until, ended_since, ended_until, max(changed, default=None))


class _Names(NamedTuple):
    station_id: str | None
    evse_id: int | None
    transaction_id: str | None
    id_token: str | None
    group_id_token: str | None
    remote_start_id: int | None
    q: str | None


async def _names(
    *,
    station_id: _Text = None,
    evse_id: Annotated[int | None, Query(ge=0, le=_MOST_INT, description="Of the station of `station_id`")] = None,
    transaction_id: Annotated[
        str | None, Query(max_length=255, description="The station's id of it, in any case")
    ] = None,
    id_token: Annotated[
        str | None, Query(max_length=255, description="The token it belongs to; case does not matter")
    ] = None,
    group_id_token: Annotated[
        str | None, Query(max_length=255, description="The group of that token; case does not matter")
    ] = None,
    remote_start_id: Annotated[
        int | None, Query(ge=-_MOST_INT - 1, le=_MOST_INT, description="Of the remote start; stations count their own")
    ] = None,
    q: Annotated[
        str | None,
        NO_NUL,
        Query(
            min_length=1, max_length=255, description="Any of: station, transactionId, token, our id; whole, any case"
        ),
    ] = None,
) -> _Names:
    if evse_id is not None and station_id is None:
        raise invalid_request([FieldError("/evse_id", "wants station_id: every station has an EVSE 1", "query")])
    return _Names(station_id, evse_id, transaction_id, id_token, group_id_token, remote_start_id, q)


async def the_filter(
    state: Annotated[State | None, BeforeValidator(_spelled), Query(description="In any case")] = None,
    energy_quality: Annotated[Quality | None, Query(description="How far its energy can be trusted")] = None,
    has_gaps: Annotated[bool | None, Query(description="Whether events are missing")] = None,
    *,
    names: Annotated[_Names, Depends(_names)],
    times: Annotated[_Times, Depends(_times)],
) -> Filter:
    """Read the filter of a request."""
    quality = None if energy_quality is None else energy_quality.value
    return Filter(
        state=state.value if state else None,
        energy_quality=quality,
        has_gaps=has_gaps,
        **names._asdict(),
        **times._asdict(),
    )


def listing_router(database: Database) -> APIRouter:
    """The route of the list."""
    router = APIRouter(tags=["Transactions"], dependencies=[Security(require("read"))])
    exports = Exports()

    @router.get("/transactions", response_model=Page[TransactionItem], responses=DOCUMENTED)
    async def list_transactions(
        request: Request,
        page: PageParams,
        filters: Annotated[Filter, Depends(the_filter)],
        kind: Wanted,
        sort: Annotated[TransactionSort | None, Query(description=_SORT)] = None,
    ) -> Page[TransactionItem] | Response:
        """List transactions, the newest first unless `sort` or a filter of another time says otherwise.

        A page of filters that do not go with the order may be short, or empty, and not the last: read on until
        `next_cursor` is null. CSV and JSON lines (`format`) have no pages: without `limit` all transactions come.
        """
        order = sort or filters.order
        if kind is not Format.JSON:
            most = page.limit if "limit" in request.query_params else None
            return exports.answer(lines(database, filters, order, kind, most), kind, "transactions")
        after = _place(page.sorted_by(order), order)
        async with database.reading() as session:
            found = await listing.find(session, filters, order, after=after, limit=page.limit + 1)
        shown = paginate(
            found.rows,
            page.limit,
            position=lambda row: _position(Place.of(row, order)),
            item=TransactionItem.of,
            sort=order,
        )
        if found.resume is not None and shown.next_cursor is None:
            shown.next_cursor = encode_cursor([order, *_position(found.resume)])
        return shown

    return router


_ACTIVE = "active"
"""In cursors in the order of the end: the place is that of an active one."""


def _position(place: Place) -> list[Any]:
    return [*([_ACTIVE] if place.active else []), place.at, place.key]


def _place(page: PageRequest, order: TransactionSort) -> Place | None:
    active = order.field == "ended_at" and page.position is not None and page.position[:1] == [_ACTIVE]
    position = (page.sorted_by(_ACTIVE) if active else page).after_moment()
    return None if position is None else Place(position[0], position[1], active)
