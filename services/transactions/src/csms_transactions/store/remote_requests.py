"""Statements on `remote_requests` and `remote_start_ids`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from csms_db.direct import Direct
from csms_db.sql import insert
from csms_db.statements import Lookup, Update
from csms_ocpp import station_ids
from sqlalchemy import BigInteger, bindparam, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import IdToken, TransactionEvent
from csms_transactions.domain.open_starts import OPEN_FOR, OpenStart
from csms_transactions.store.tables import remote_requests, remote_start_ids

_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
_HIGH_START_ID = 2**30
"""remoteStartIds have 32 bits. We allocate none from here on: others may use them."""

KEPT_OPEN = OPEN_FOR + timedelta(hours=1)
"""Of older requests nothing is read. A batch may be read again a while after it came."""


class RemoteRequest(NamedTuple):
    """A request to start or to stop, as it is sent."""

    call_id: str
    station_id: str
    action: str
    requested_at: datetime
    remote_start_id: int | None = None
    transaction_id: str | None = None
    evse_id: int | None = None
    id_token: IdToken | None = None
    transaction_limit: Mapping[str, float] | None = None


class RemoteOutcome(NamedTuple):
    """What became of a request."""

    call_id: str
    outcome: str
    status: str | None
    transaction_id: str | None
    completed_at: datetime
    certainty: int
    """Of two outcomes the one with the higher certainty is kept, of two equal ones the first."""
    station_id: str | None = None
    """As device-mgmt spells it: the caller may have used another case. None: as the caller spelled it."""


ANSWERED = 2**62
"""The certainty of an answer: nothing replaces it."""


class RequestKey(NamedTuple):
    """The request to start that a transaction names as its own."""

    station_id: str
    remote_start_id: int


class AskedStart(NamedTuple):
    """What we asked to start."""

    token: IdToken
    """Key codes are masked."""
    transaction_id: str | None
    """The station's id of the first transaction that came of it; None: none did so far."""


class RemoteStart(NamedTuple):
    """A transaction that says which request started it."""

    station_id: str
    remote_start_id: int
    transaction_id: str


_FINISH = (
    update(remote_requests)
    .where(
        remote_requests.c.call_id == bindparam("call"),
        func.coalesce(remote_requests.c.certainty, -1) < bindparam("new_certainty", type_=BigInteger),
    )
    .values(
        certainty=bindparam("new_certainty", type_=BigInteger),
        station_id=func.coalesce(bindparam("spelled"), remote_requests.c.station_id),
        outcome=bindparam("new_outcome"),
        status=bindparam("new_status"),
        transaction_id=func.coalesce(bindparam("told"), remote_requests.c.transaction_id),
        completed_at=bindparam("at"),
    )
)
_LINK = Update(remote_requests, by=("station_id", "remote_start_id"), names=("transaction_id",))
_LIMITS = Lookup(
    [remote_requests.c[name] for name in ("station_id", "remote_start_id", "transaction_limit")],
    by=(remote_requests.c.station_id, remote_requests.c.remote_start_id),
)
_BY_START_ID = Lookup(
    [remote_requests.c[name] for name in ("call_id", "station_id", "remote_start_id")],
    by=(remote_requests.c.remote_start_id,),
)
_RESPELL = Update(remote_requests, by=("call_id",), names=("station_id",))
_STARTS = Lookup(
    [
        remote_requests.c[name]
        for name in ("station_id", "remote_start_id", "id_token", "id_token_type", "transaction_id")
    ],
    by=(remote_requests.c.station_id, remote_requests.c.remote_start_id),
)


async def allocate_start_id(session: AsyncSession, dialect: str, station_id: str, now: datetime) -> int:
    """A remoteStartId never used for this station (F02.FR.01): positive, 32 bit.

    It is at least the number of seconds since 2025, so that a restored backup does not use ids again. The ids of a
    station are counted by its key, for callers may spell it in another case.
    """
    last = remote_start_ids.c.last_id
    seconds = int((now - _EPOCH).total_seconds())
    statement = insert(dialect)(remote_start_ids).values(station_id=station_ids.key(station_id), last_id=seconds)
    following = case((last >= statement.excluded.last_id, last + 1), else_=statement.excluded.last_id)
    statement = statement.on_conflict_do_update(index_elements=["station_id"], set_={"last_id": following})
    return int((await session.execute(statement.returning(last))).scalar_one())


async def add(session: AsyncSession, request: RemoteRequest) -> None:
    """Note a request before it is sent."""
    row: dict[str, Any] = request._asdict()
    token = row.pop("id_token")
    row["id_token"], row["id_token_type"] = token.masked() if token else (None, None)
    await session.execute(remote_requests.insert(), row)


async def note(session: AsyncSession, dialect: str, request: RemoteRequest) -> None:
    """Note a request that somebody else sends, who chose its remoteStartId. The same request is noted once.

    Of several requests with one id the newest counts. From then on we allocate higher ids, unless this one is so high
    that none would soon be left.
    """
    same = remote_requests.c.station_id == request.station_id
    start_id = request.remote_start_id or 0
    found = (
        await session.execute(
            select(remote_requests.c.call_id, remote_requests.c.requested_at)
            .where(same, remote_requests.c.remote_start_id == start_id)
            .with_for_update()
        )
    ).first()
    if found is not None and (found.call_id == request.call_id or found.requested_at > request.requested_at):
        return
    if found is not None:
        await remove(session, found.call_id)
    await add(session, request)
    if start_id < _HIGH_START_ID:
        used = insert(dialect)(remote_start_ids).values(
            station_id=station_ids.key(request.station_id), last_id=start_id
        )
        higher = remote_start_ids.c.last_id < used.excluded.last_id
        await session.execute(
            used.on_conflict_do_update(index_elements=["station_id"], set_={"last_id": start_id}, where=higher)
        )


async def note_with_new_id(session: AsyncSession, dialect: str, request: RemoteRequest) -> None:
    """Note a request that somebody else sends without a remoteStartId (OCPP 1.6), under a new one, once."""
    if await start_id_of(session, request.call_id) is None:
        start_id = await allocate_start_id(session, dialect, request.station_id, request.requested_at)
        await add(session, request._replace(remote_start_id=start_id))


async def start_id_of(session: AsyncSession, call_id: str) -> int | None:
    """Return the remoteStartId of a request to start. None: it has none, or is not noted any more."""
    statement = select(remote_requests.c.remote_start_id).where(remote_requests.c.call_id == call_id)
    found: int | None = await session.scalar(statement)
    return found


async def remove(session: AsyncSession, call_id: str) -> None:
    """Forget a request that is not going to be sent."""
    await session.execute(delete(remote_requests).where(remote_requests.c.call_id == call_id))


async def finish(session: AsyncSession, outcomes: Sequence[RemoteOutcome]) -> None:
    """Note what became of requests. A more certain outcome stays. To do it again changes nothing."""
    if outcomes:
        await session.execute(_FINISH, [_finished(outcome) for outcome in outcomes])


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` requests made before that moment, the oldest first; return how many there were."""
    chosen = (
        select(remote_requests.c.call_id)
        .where(remote_requests.c.requested_at < before)
        .order_by(remote_requests.c.requested_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(chosen)).all()
    await session.execute(delete(remote_requests).where(remote_requests.c.call_id.in_(found)))
    return len(found)


async def link(session: AsyncSession | Direct, starts: Sequence[RemoteStart]) -> None:
    """Note which transactions came of requests, of each the first one; ids we never gave are ignored."""
    if starts:
        rows = await _STARTS.fetch(
            session, {start.station_id for start in starts}, {start.remote_start_id for start in starts}
        )
        linked = {RequestKey(*key) for *key, _, _, transaction_id in rows if transaction_id is not None}
        first = {RequestKey(start.station_id, start.remote_start_id): start for start in reversed(starts)}
        await _LINK.execute(session, [start for request, start in first.items() if request not in linked])


async def open_starts(session: AsyncSession, stations: Collection[str], now: datetime) -> list[OpenStart]:
    """Return the requests to start of these stations that a transaction may still come of."""
    columns = remote_requests.c
    names = (columns.station_id, columns.remote_start_id, columns.requested_at, columns.evse_id, columns.id_token)
    statement = select(*names).where(
        columns.station_id.in_(sorted(stations)),
        columns.remote_start_id.is_not(None),
        columns.requested_at >= now - KEPT_OPEN,
        columns.transaction_id.is_(None),
        func.coalesce(columns.status, "Accepted") == "Accepted",
        func.coalesce(columns.outcome, "").not_in(("not_connected", "error")),
        columns.id_token.is_not(None),
    )
    return [OpenStart(*row) for row in await session.execute(statement)]


async def asked_starts(
    session: AsyncSession | Direct, requests: Collection[RequestKey]
) -> dict[RequestKey, AskedStart]:
    """Return requests to start by their ids; those that we never gave, or that have no token, are left out."""
    rows = await _STARTS.fetch(
        session, {request.station_id for request in requests}, {request.remote_start_id for request in requests}
    )
    return {
        RequestKey(*key): AskedStart(IdToken(value, kind or ""), transaction_id)
        for *key, value, kind, transaction_id in rows
        if value is not None
    }


def request_of(station_id: str, event: TransactionEvent) -> RequestKey | None:
    """Return the request that started the transaction of an event, if the event says so."""
    return None if event.remote_start_id is None else RequestKey(station_id, event.remote_start_id)


async def respell(session: AsyncSession | Direct, requests: Collection[RequestKey]) -> None:
    """Have the notes of requests name their station as its transactions do: a caller may have used another case."""
    rows = await _BY_START_ID.fetch(session, {request.remote_start_id for request in requests})
    stored = {(station_id, start_id) for _, station_id, start_id in rows}
    spelled = {
        (station_ids.key(request.station_id), request.remote_start_id): request.station_id
        for request in requests
        if request not in stored
    }
    found = ((call_id, spelled.get((station_ids.key(given), start_id))) for call_id, given, start_id in rows)
    changed = [(call_id, station_id) for call_id, station_id in found if station_id is not None]
    if changed:
        await _RESPELL.execute(session, changed)


async def limits(
    session: AsyncSession | Direct, requests: Collection[RequestKey]
) -> dict[RequestKey, Mapping[str, float]]:
    """Return the limits with which transactions are to be started, of those requests that have one."""
    rows = await _LIMITS.fetch(
        session, {request.station_id for request in requests}, {request.remote_start_id for request in requests}
    )
    return {RequestKey(station_id, start_id): limit for station_id, start_id, limit in rows if limit is not None}


def _finished(outcome: RemoteOutcome) -> dict[str, Any]:
    return {
        "call": outcome.call_id,
        "spelled": outcome.station_id,
        "new_outcome": outcome.outcome,
        "new_status": outcome.status,
        "told": outcome.transaction_id,
        "at": outcome.completed_at,
        "new_certainty": outcome.certainty,
    }
