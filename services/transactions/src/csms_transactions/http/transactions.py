"""GET /transactions/{id}: what is known of a transaction, and the meter values of stations. The list: listing.py."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from csms_db.bounded import Bounded
from csms_db.engine import Database
from csms_db.packed import size_of
from csms_runtime import heavy
from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.fields import NO_NUL, UtcMoment
from csms_runtime.http.pages import PageRequest, bad_cursor, written
from fastapi import APIRouter, Path, Query, Response, Security

from csms_transactions.domain.series import Measurand
from csms_transactions.domain.transaction import State
from csms_transactions.http.models import (
    EventItem,
    MeterValueItem,
    MeterValuesMessageItem,
    TransactionDetail,
)
from csms_transactions.http.series import samples_in
from csms_transactions.store import authorizations, queries, transaction_limits
from csms_transactions.store.queries import Row

Key = Annotated[str, Path(alias="id", description="Our id of the transaction", max_length=64), NO_NUL]
_MOST_AUTHORIZATIONS = 200
StationId = Annotated[str, Path(max_length=48), NO_NUL]


def transactions_router(database: Database) -> APIRouter:
    """The routes that read, but for the list."""
    router = APIRouter(tags=["Transactions"], dependencies=[Security(require("read"))])

    @router.get("/transactions/{id}")
    async def get_transaction(key: Key) -> TransactionDetail:
        """Show a transaction, with what was decided about the tokens in its events, and how much it takes now."""
        return await whole(database, key)

    @router.get("/transactions/{id}/events", response_model=Page[EventItem])
    async def list_transaction_events(key: Key, page: PageParams) -> Response:
        """List the events of a transaction as they were received, by seqNo."""
        found = await _events(database, key, page)

        def shown() -> Page[EventItem]:
            return paginate(found.rows, page.limit, position=_seq_no, item=EventItem.of, more=found.more)

        return await written(_size(found), shown)

    @router.get("/transactions/{id}/meter-values", response_model=Page[MeterValueItem])
    async def list_transaction_meter_values(key: Key, page: PageParams) -> Response:
        """List the meter values of a transaction: those of events by seqNo, then those of MeterValues messages by time.

        `limit` counts messages, which may hold many or none.
        """
        found = await _with_meter_values(database, key, page)

        def shown() -> Page[MeterValueItem]:
            pages = paginate(
                found.rows, page.limit, position=_of_meter_value, item=MeterValueItem.all_of, more=found.more
            )
            return Page(items=[item for items in pages.items for item in items], next_cursor=pages.next_cursor)

        return await written(_size(found), shown)

    @router.get("/stations/{station_id}/meter-values", response_model=Page[MeterValuesMessageItem])
    async def list_station_meter_values(
        station_id: StationId,
        page: PageParams,
        evse_id: Annotated[int | None, Query(ge=0, le=2_147_483_647, description="0: the main meter")] = None,
        since: Annotated[UtcMoment | None, Query(description="Measured then or later")] = None,
    ) -> Response:
        """List the MeterValues messages of a station, the newest first."""
        async with database.reading() as session:
            found = await queries.station_meter_values(
                session, station_id, evse_id=evse_id, since=since, after=_after(page), limit=page.limit
            )

        def shown() -> Page[MeterValuesMessageItem]:
            rows = found.rows
            return paginate(rows, page.limit, position=_measured, item=MeterValuesMessageItem.of, more=found.more)

        return await written(_size(found), shown)

    return router


def _size(found: Bounded) -> int:
    """How large the payloads of a page are, in bytes."""
    return sum(size_of(row["payload"]) for row in found.rows)


async def existing(database: Database, key: str) -> Row:
    """The row of a transaction. Raises Problem 404."""
    async with database.reading() as session:
        row = await queries.get(session, key)
    if row is None:
        raise Problem(404, detail="There is no transaction with this id")
    return row


async def whole(database: Database, key: str) -> TransactionDetail:
    """A transaction with all that belongs to it. Raises Problem 404."""
    row = await existing(database, key)
    async with database.reading() as session:
        tokens = await authorizations.of_transaction(session, key, _MOST_AUTHORIZATIONS)
        newest = await queries.newest_messages(session, key) if row["state"] == State.ACTIVE else []
        limit = await transaction_limits.shown(session, key)
    size = sum(size_of(payload) for _, payload in newest)
    power = await heavy.run(size, partial(samples_in, newest, Measurand.POWER))
    return TransactionDetail.with_authorizations(row, tokens, max(power, default=None), limit)


async def _events(database: Database, key: str, page: PageRequest) -> Bounded:
    position = page.after(int, int)
    if position is not None and not all(-(2**31) <= value < 2**31 for value in position):
        raise bad_cursor()
    after = None if position is None else (position[0], position[1])
    await existing(database, key)
    async with database.reading() as session:
        return await queries.events(session, key, after=after, limit=page.limit)


async def _with_meter_values(database: Database, key: str, page: PageRequest) -> Bounded:
    """A page of events, and when there are no more of MeterValues messages, whose positions begin with a time."""
    past_events = isinstance((page.position or [None])[0], str)
    if past_events:
        await existing(database, key)
    events = Bounded([], more=False) if past_events else await _events(database, key, page)
    if events.more or len(events.rows) == page.limit:
        return Bounded(events.rows, more=True)
    after = _after(page) if past_events else None
    async with database.reading() as session:
        found = await queries.measured(session, key, after=after, limit=page.limit - len(events.rows))
    return Bounded([*events.rows, *found.rows], found.more)


def _after(page: PageRequest) -> tuple[datetime, str] | None:
    position = page.after_moment()
    return None if position is None else (position[0], position[1])


def _measured(row: Row) -> tuple[datetime, str]:
    return row["timestamp"], row["id"]


def _of_meter_value(row: Row) -> tuple[Any, ...]:
    return _seq_no(row) if "seq_no" in row else _measured(row)


def _seq_no(row: Row) -> tuple[int, int]:
    return row["seq_no"], row["number"]
