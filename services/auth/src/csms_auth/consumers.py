"""Answers the questions of gateways and services, a polled batch at a time, with one look-up for all of it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog
from csms.v1.bus_pb2 import Record
from csms_bus.flow import Never
from csms_bus.ports import Incoming, Outgoing
from csms_db import outbox
from csms_db.engine import Database, WriteSession
from csms_runtime import metrics
from csms_runtime.clock import from_ms, now_ms
from csms_runtime.refusals import RefusalLimiter, RefusedLately
from csms_runtime.settings import UnknownStations
from csms_runtime.texts import is_storable
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth import domain_events
from csms_auth.certifying.requests import record_requests
from csms_auth.certifying.revoking import revoke_of_deleted
from csms_auth.domain import connections
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.handlers import authorization_request, connection_request, station_admission, station_call
from csms_auth.handlers.turn import ContractAsked, Refusal, Rules, StatusAsked, Step, Turn
from csms_auth.room_for_unknown import Room
from csms_auth.store import certificates, connection_numbers, id_tokens, stations, tables

BODIES: Mapping[str, Callable[[Record, int], Step]] = {
    "connection_request": connection_request.step,
    "authorization_request": authorization_request.step,
    "station_admission": station_admission.step,
    "station_call": station_call.step,
}
"""How each kind of record is answered. The catalogue says which topic takes which (`csms_bus.placement`)."""

_MOST_RECENT = 10_000
"""At most so many unknown stations that were let in lately are kept, with their spelling."""

_log = structlog.get_logger(__name__)


class AuthConsumer:
    """The batch handler of the groups with questions to auth, which may work at the same time.

    The order within a batch holds. What is stored is merged while the station's row is locked. Idempotent: an admission
    counts once by its revision, a signing request by station and kind. Questions change nothing, except that a
    connection that is asked about again gets another number.
    """

    def __init__(
        self,
        database: Database,
        rules: Rules,
        *,
        key_codes: KeyCodes,
        wake_outbox: Callable[[], None],
        wake_certifier: Callable[[], None] = lambda: None,
        ask_status: Callable[[StatusAsked], bool] = lambda _asked: False,
        ask_contract: Callable[[ContractAsked], bool] = lambda _asked: False,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """`wake_outbox` is called after events were stored; `clock` gives the Unix time in milliseconds.

        `wake_certifier` is called after requests for certificates were stored. `ask_status` takes a question about a
        certificate's status, and answers the station later. It returns False when it can't take the question now.
        `ask_contract` does so with one for a contract certificate.
        """
        self._database = database
        self._rules = rules
        self._key_codes = key_codes
        self._wake_outbox = wake_outbox
        self._wake_certifier = wake_certifier
        self._ask_status = ask_status
        self._ask_contract = ask_contract
        self._clock = clock
        self._limiter = RefusalLimiter()
        self._refused_lately = RefusedLately()
        for kind in connections.Kind:
            metrics.AUTH_REFUSED_STATIONS.labels(kind).set_function(partial(self._refused_lately.count, kind))
        self._room = Room(rules.most_stations)
        self._recent: dict[str, str] = {}
        """See `Turn.recent`."""

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Answer a batch. Return what must be published now: the transaction has committed.

        Raises Never for a record that auth does not handle, DatabaseUnavailable (a Later) while the database is down.
        """
        now = self._clock()
        records = [incoming.record for incoming in batch if incoming.record is not None]
        steps = [_step(record, now) for record in records]
        turn = await (self._answer_and_store(steps, now) if any(s.stores for s in steps) else self._answer(steps, now))
        self._room.taken(turn.let_in)
        self._remember(turn.let_in_as)
        _count(turn, records, now)
        self._count_stations(turn)
        untaken: list[StatusAsked | ContractAsked] = [
            *(asked for asked in turn.status_questions if not self._ask_status(asked)),
            *(asked for asked in turn.contract_questions if not self._ask_contract(asked)),
        ]
        return [*turn.outgoing, *(asked.answer(asked.otherwise) for asked in untaken), *turn.decided]

    def _count_stations(self, turn: Turn) -> None:
        """Count the stations of ours that are refused. Strangers may be as many as somebody likes to make up."""
        for result in turn.connection_results:
            if result.refused is None:
                self._refused_lately.let_in(result.station_id)
            elif result.is_known:
                self._refused_lately.refused(result.station_id, result.refused.kind)

    def _remember(self, let_in_as: Mapping[str, str]) -> None:
        self._recent.update(let_in_as)
        while len(self._recent) > _MOST_RECENT:
            del self._recent[next(iter(self._recent))]

    async def _answer(self, steps: Sequence[Step], now: int) -> Turn:
        """Answer questions, which only read. Numbers of connections and events of refusals are written afterwards.

        When a question changes something after all (a pending password is proved, a digest is of a former key), the
        batch is done again, to write.
        """
        async with self._database.reading() as session:
            turn = await self._look_up(session, steps, now)
        _run(steps, turn)
        if turn.stores:
            return await self._answer_and_store(steps, now)
        refusals = self._worth_telling(turn)
        if refusals or turn.allowed:
            async with self._database.transaction() as session:
                await _number_connections(session, turn)
                await _store_events(session, refusals)
            self._told(refusals, now)
        return turn

    async def _answer_and_store(self, steps: Sequence[Step], now: int) -> Turn:
        """Answer a batch that changes something, in one transaction."""
        async with self._database.transaction() as session:
            turn = await self._look_up(session, steps, now, lock=True)
            _run(steps, turn)
            await _number_connections(session, turn)
            await stations.save(session, turn.changed.values(), from_ms(now))
            await stations.renew(session, turn.renewals)
            await id_tokens.renew_key_codes(session, turn.renewed_key_codes, self._key_codes.secret_key_id)
            revoked = await revoke_of_deleted(session, turn.deleted, from_ms(now))
            told = [*turn.told, *revoked, *await record_requests(session, turn.certificate_requests)]
            await outbox.add(session, tables.outbox, told)
            refusals = self._worth_telling(turn)
            await _store_events(session, refusals)
        self._told(refusals, now)
        if told:
            self._wake_outbox()
        if turn.certificate_requests:
            self._wake_certifier()
        return turn

    async def _look_up(self, session: AsyncSession, steps: Sequence[Step], now: int, *, lock: bool = False) -> Turn:
        station_ids = {step.station_id for step in steps if step.station_id is not None}
        keys = {ref.key for step in steps for token in step.tokens for ref in self._key_codes.readings(token)}
        shown = {each.fingerprint: each.common_name for step in steps for each in step.certificates}
        issued = await certificates.issued_among(session, shown)
        known = await stations.load(session, station_ids, lock=lock)
        tokens = await id_tokens.load(session, keys)
        is_limited = any(token.limits for stored in tokens.values() for token in stored)
        asking = {station_id for step in steps for station_id in step.asking} if is_limited else set()
        unknown = sum(station_id not in known or known[station_id].deleted for station_id in station_ids)
        foreign = {name for fingerprint, name in shown.items() if fingerprint not in issued}
        return Turn(
            rules=self._rules,
            key_codes=self._key_codes,
            now_ms=now,
            stations=known,
            room=await self._room.left(session, unknown, now) if unknown and self._lets_unknown_in else 0,
            tokens=tokens,
            placements=await stations.placements(session, asking),
            issued=issued,
            recent=self._recent,
            named=await stations.named(session, foreign),
        )

    @property
    def _lets_unknown_in(self) -> bool:
        return self._rules.unknown_stations is not UnknownStations.REJECT

    def _worth_telling(self, turn: Turn) -> list[Refusal]:
        # No station has a name that no database can hold: gateways let none of these pass.
        newest = {refusal.station_id: refusal for refusal in turn.refusals if is_storable(refusal.station_id)}
        return [newest[station_id] for station_id in self._limiter.due(newest, turn.now_ms)]

    def _told(self, refusals: Sequence[Refusal], now: int) -> None:
        if not refusals:
            return
        self._limiter.told([refusal.station_id for refusal in refusals], now)
        self._wake_outbox()
        for refusal in refusals:
            _log.warning(
                "connection refused",
                station_id=refusal.station_id,
                http_status=refusal.refused.http_status,
                reason=refusal.refused.reason,
                remote_address=refusal.remote_address,
            )


def _step(record: Record, now: int) -> Step:
    body = record.WhichOneof("body")
    if body is None or body not in BODIES:
        raise Never(f"auth does not handle a record of kind {body}")
    return BODIES[body](record, now)


def _run(steps: Sequence[Step], turn: Turn) -> None:
    for step in steps:
        step.run(turn)


async def _number_connections(session: WriteSession, turn: Turn) -> None:
    numbers = await connection_numbers.take(session, [record.station_id for record in turn.allowed], turn.now_ms)
    for record, number in zip(turn.allowed, numbers, strict=True):
        record.connection_decision.connection_number = number


async def _store_events(session: WriteSession, refusals: Sequence[Refusal]) -> None:
    told = [domain_events.connection_refused(r.station_id, r.refused, r.remote_address) for r in refusals]
    await outbox.add(session, tables.outbox, told)


def _count(turn: Turn, records: Sequence[Record], now: int) -> None:
    metrics.SECRET_KEY_OTHERS_USED.labels("password").inc(len(turn.renewals))
    metrics.SECRET_KEY_OTHERS_USED.labels("key_code").inc(len(turn.renewed_key_codes))
    for _, refused, _ in turn.connection_results:
        labels = ("allowed", "") if refused is None else (str(refused.http_status), refused.kind)
        metrics.AUTH_CONNECTION_DECISIONS.labels(*labels).inc()
    for status in turn.token_results:
        metrics.AUTH_TOKEN_ANSWERS.labels(status).inc()
    for record in records:
        waited_s = max(0, now - record.produced_at_ms) / 1000
        metrics.AUTH_ANSWER_SECONDS.labels(record.WhichOneof("body")).observe(waited_s)
