"""Starts and stops transactions on request: checks it, notes it, orders the command (OCPP F01-F03)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import orjson
from csms.v1.station_pb2 import CallOrderVerdict, CommandResult, Outcome
from csms_bus.requests import NotAsked
from csms_db.engine import Database
from csms_ocpp.errors import ErrorCode
from csms_ocpp.validation import Violation
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id

from csms_transactions import versions
from csms_transactions.domain.remote import StartRequest
from csms_transactions.orders import Asker, Order, Orders
from csms_transactions.store import remote_requests, spellings
from csms_transactions.store.remote_requests import RemoteRequest
from csms_transactions.versions import VERSIONS, together
from csms_transactions.versions.version import TransactionsVersion

Wrong = Callable[[TransactionsVersion], list[Violation]]
"""Says why a version can't carry out what is wanted."""


class UnknownStationError(Exception):
    """There is no such station."""


class StationRejectedError(Exception):
    """The station's registration is rejected: it may not be sent this (B03.FR.03)."""


class StationPendingError(Exception):
    """The station is not accepted yet: it starts and stops no transactions for a CSMS (B02.FR.05)."""


class KeyReusedError(Exception):
    """The idempotency key was used for something else; the argument is the id of that call."""


class UnsupportedProtocolError(Exception):
    """Remote start and stop are not built for the version the station speaks."""


class BusyError(Exception):
    """Too many requests wait for their answers: nothing was sent."""


class InvalidRequestError(Exception):
    """The station could not understand the request, or OCPP forbids it."""

    def __init__(self, violations: Sequence[Violation], fields: Mapping[str, str]) -> None:
        """`fields`: by the name of a field of the message, the field of our API that it comes from."""
        super().__init__("; ".join(violation.description for violation in violations))
        self.violations = violations
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Terms:
    """How a request is carried out."""

    asker: Asker
    timeout_s: float | None = None
    """Seconds the station may take; None: as many as stations have in general."""
    wait: bool = True
    """Whether to wait for the station's answer."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was carried out, or the earlier one that it repeats."""

    call_id: str
    station_id: str
    action: str
    remote_start_id: int | None
    result: CommandResult | None = None
    """None: nobody waited for it."""


class RemoteControl:
    """Starts and stops transactions on request. Safe for use by many tasks."""

    def __init__(self, database: Database, orders: Orders) -> None:
        self._database = database
        self._orders = orders

    async def start(self, request: StartRequest, terms: Terms) -> Sent:
        """Ask a station to start a transaction. If the station is not connected, the result says so.

        Raises UnknownStationError, StationRejectedError, StationPendingError, KeyReusedError, UnsupportedProtocolError,
        InvalidRequestError, BusyError (nothing was sent), csms_db.errors.DatabaseUnavailable.
        """
        fitting = _fitting(request)  # refused before an id is used up
        call_id, now = new_id(), utcnow()
        async with self._database.transaction() as session:
            request = replace(request, station_id=await spellings.spelling(session, request.station_id))
            start_id = await remote_requests.allocate_start_id(session, self._database.dialect, request.station_id, now)
            forms = together(lambda version: version.start(request, start_id), fitting)
            what = call_id, request.station_id, forms[0].command.action
            note = RemoteRequest(*what, now, start_id, None, request.evse_id, request.token, request.transaction_limit)
            await remote_requests.add(session, note)
        order = Order(call_id, request.station_id, forms, terms.asker, terms.timeout_s)
        return await self._carry_out(order, start_id, terms, lambda version: version.start_violations(request))

    async def stop(self, station_id: str, transaction_id: str, terms: Terms) -> Sent:
        """Ask a station to stop a transaction by the station's own id of it (F03, TC_E_21). Raises as `start` does."""
        forms = together(lambda version: version.stop(transaction_id))
        order = Order(new_id(), station_id, forms, terms.asker, terms.timeout_s)
        action = forms[0].command.action
        note = RemoteRequest(order.call_id, station_id, action, utcnow(), transaction_id=transaction_id)
        async with self._database.transaction() as session:
            await remote_requests.add(session, note)
        return await self._carry_out(order, None, terms, _no_such_id)

    async def _carry_out(self, order: Order, start_id: int | None, terms: Terms, wrong: Wrong) -> Sent:
        try:
            verdict, result = await self._ordered(order, terms)
        except NotAsked as error:
            await self._forget(order)
            raise BusyError(str(error)) from error
        if verdict is not None and verdict.verdict != CallOrderVerdict.VERDICT_RECORDED:
            await self._forget(order)
            check_verdict(verdict, wrong)
            return await self._earlier(order, verdict.earlier)
        action = order.action_for("" if verdict is None else verdict.protocol)
        sent = Sent(order.call_id, order.station_id, action, start_id, result)
        if result is None and (terms.wait or verdict is None):
            return replace(sent, result=CommandResult(outcome=Outcome.OUTCOME_UNKNOWN))
        return sent

    async def _forget(self, order: Order) -> None:
        async with self._database.transaction() as session:
            await remote_requests.remove(session, order.call_id)

    async def _earlier(self, order: Order, earlier: CommandResult) -> Sent:
        """Return the call that a request repeats. It has no result while it is open."""
        call_id, version = earlier.command.correlation_id, versions.of(earlier.command.protocol)
        start_id = None if version is None else version.start_id(orjson.loads(earlier.command.payload))
        if start_id is None:  # OCPP 1.6 does not send it
            async with self._database.reading() as session:
                start_id = await remote_requests.start_id_of(session, call_id)
        is_known = earlier.outcome != Outcome.OUTCOME_UNSPECIFIED
        return Sent(call_id, order.station_id, earlier.command.action, start_id, earlier if is_known else None)

    async def _ordered(self, order: Order, terms: Terms) -> tuple[CallOrderVerdict | None, CommandResult | None]:
        """Order, and wait if that is wanted. A repeat of a call that is open waits for the result of that one."""
        if not terms.wait:
            return await self._orders.place(order), None
        deadline = utcnow() + timedelta(seconds=terms.timeout_s or REPEAT_TIMEOUT_S)
        while True:
            verdict, result = await self._orders.ask(order)
            if verdict is None or not _is_open(verdict) or utcnow() > deadline:
                return verdict, result
            await asyncio.sleep(POLL_S)


POLL_S = 0.2
"""Seconds between two looks for the result of the request that is repeated: it may run in another process."""
REPEAT_TIMEOUT_S = 30.0
"""Seconds a repeat waits when the caller does not say how long the station may take."""

_REFUSALS = {
    CallOrderVerdict.VERDICT_UNKNOWN_STATION: UnknownStationError,
    CallOrderVerdict.VERDICT_STATION_REJECTED: StationRejectedError,
    CallOrderVerdict.VERDICT_STATION_PENDING: StationPendingError,
}


def _no_such_id(version: TransactionsVersion) -> list[Violation]:
    text = f"{version.protocol.value} has no such transactionId"
    return [Violation(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/transactionId", text)]


def check_verdict(verdict: CallOrderVerdict, wrong: Wrong) -> None:
    """Raise the reason why an order was not taken."""
    if verdict.verdict in _REFUSALS:
        raise _REFUSALS[verdict.verdict]
    if verdict.verdict == CallOrderVerdict.VERDICT_KEY_REUSED:
        raise KeyReusedError(verdict.earlier.command.correlation_id)
    if verdict.verdict == CallOrderVerdict.VERDICT_OTHER_PROTOCOL:
        version = versions.of(verdict.protocol)
        if version is None:
            raise UnsupportedProtocolError(verdict.protocol)
        raise InvalidRequestError(wrong(version), version.start_fields)


def _is_open(verdict: CallOrderVerdict) -> bool:
    is_repeat = verdict.verdict == CallOrderVerdict.VERDICT_REPEAT
    return is_repeat and verdict.earlier.outcome == Outcome.OUTCOME_UNSPECIFIED


def _fitting(request: StartRequest) -> Sequence[TransactionsVersion]:
    """Return the versions in which a request is valid. Raises InvalidRequestError if it is in none."""
    found = {version: version.start_violations(request) for version in VERSIONS.values()}
    fitting = [version for version, violations in found.items() if not violations]
    if not fitting:
        version = next(iter(found))
        raise InvalidRequestError(found[version], version.start_fields)
    return fitting
