"""Remote start and stop: choosing ids, checking, noting, ordering (OCPP F01-F03)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
from csms.v1.station_pb2 import CallOrderVerdict, CommandResult, Outcome
from csms_bus.requests import NotAsked
from csms_db.engine import Database
from csms_ocpp.validation import Violation, all_violations_request
from csms_ocpp.versions import Protocol
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id

from csms_transactions.ordering import Asker, Order, Orders
from csms_transactions.protocols import ocpp201
from csms_transactions.store import remote_requests
from csms_transactions.store.remote_requests import RemoteRequest


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

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(violation.description for violation in violations))
        self.violations = violations


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """What a caller wants started. Objects are OCPP's, as they are to be sent."""

    station_id: str
    id_token: Mapping[str, Any]
    evse_id: int | None = None
    group_id_token: Mapping[str, Any] | None = None
    charging_profile: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a request is carried out."""

    asker: Asker
    timeout_s: float | None = None
    """How long the station may take; None: as long as it is given in general."""
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
    """None: not waited for."""


class RemoteControl:
    """Starts and stops transactions on request. Safe for use by many tasks."""

    def __init__(self, database: Database, orders: Orders) -> None:
        self._database = database
        self._orders = orders

    async def start(self, request: StartRequest, terms: Terms) -> Sent:
        """Ask a station to start a transaction. A station without connection: the result says so.

        Raises UnknownStationError, StationRejectedError, StationPendingError, KeyReusedError, UnsupportedProtocolError,
        InvalidRequestError, BusyError (nothing was sent), csms_db.errors.DatabaseUnavailable.
        """
        protocols = _fitting(request)  # refused before an id is used up
        call_id, now = new_id(), utcnow()
        token = ocpp201.id_token(request.id_token)
        async with self._database.transaction() as session:
            start_id = await remote_requests.allocate_start_id(session, self._database.dialect, request.station_id, now)
            action, payload = _start(request, start_id)
            await remote_requests.add(
                session,
                RemoteRequest(call_id, request.station_id, action, now, start_id, None, request.evse_id, token),
            )
        order = Order(call_id, request.station_id, protocols, action, payload, terms.asker, terms.timeout_s)
        return await self._carry_out(order, start_id, terms)

    async def stop(self, station_id: str, transaction_id: str, terms: Terms) -> Sent:
        """Ask a station to stop a transaction by the station's own id of it (F03, TC_E_21). Raises as `start` does."""
        action, payload = ocpp201.request_stop(transaction_id)
        order = Order(new_id(), station_id, _PROTOCOLS, action, payload, terms.asker, terms.timeout_s)
        note = RemoteRequest(order.call_id, station_id, action, utcnow(), transaction_id=transaction_id)
        async with self._database.transaction() as session:
            await remote_requests.add(session, note)
        return await self._carry_out(order, None, terms)

    async def _carry_out(self, order: Order, start_id: int | None, terms: Terms) -> Sent:
        try:
            verdict, result = await self._ordered(order, terms)
        except NotAsked as error:
            await self._forget(order)
            raise BusyError(str(error)) from error
        if verdict is not None and verdict.verdict != CallOrderVerdict.VERDICT_RECORDED:
            await self._forget(order)
            _check(verdict, order)
            return _earlier(order, verdict.earlier)
        sent = Sent(order.call_id, order.station_id, order.action, start_id, result)
        if result is None and (terms.wait or verdict is None):
            return replace(sent, result=CommandResult(outcome=Outcome.OUTCOME_UNKNOWN))
        return sent

    async def _forget(self, order: Order) -> None:
        async with self._database.transaction() as session:
            await remote_requests.remove(session, order.call_id)

    async def _ordered(self, order: Order, terms: Terms) -> tuple[CallOrderVerdict | None, CommandResult | None]:
        """Order, and wait if that is wanted: a repeat of an open call for what comes of that one."""
        if not terms.wait:
            return await self._orders.place(order), None
        deadline = utcnow() + timedelta(seconds=terms.timeout_s or REPEAT_TIMEOUT_S)
        while True:
            verdict, result = await self._orders.ask(order)
            if verdict is None or not _is_open(verdict) or utcnow() > deadline:
                return verdict, result
            await asyncio.sleep(POLL_S)


POLL_S = 0.2
"""How often a repeat of a request asks what became of the first: it may run in another process."""
REPEAT_TIMEOUT_S = 30.0
"""How long a repeat waits when nobody says how long the station may take."""

_REFUSALS = {
    CallOrderVerdict.VERDICT_UNKNOWN_STATION: UnknownStationError,
    CallOrderVerdict.VERDICT_STATION_REJECTED: StationRejectedError,
    CallOrderVerdict.VERDICT_STATION_PENDING: StationPendingError,
}


def _check(verdict: CallOrderVerdict, order: Order) -> None:
    """Raise what stands against an order."""
    if verdict.verdict in _REFUSALS:
        raise _REFUSALS[verdict.verdict]
    if verdict.verdict == CallOrderVerdict.VERDICT_KEY_REUSED:
        raise KeyReusedError(verdict.earlier.command.correlation_id)
    if verdict.verdict == CallOrderVerdict.VERDICT_OTHER_PROTOCOL:
        protocol = Protocol(verdict.protocol)
        if protocol in _PROTOCOLS:
            raise InvalidRequestError(_violations(protocol, order.action, order.payload))
        raise UnsupportedProtocolError(protocol.value)


def _is_open(verdict: CallOrderVerdict) -> bool:
    is_repeat = verdict.verdict == CallOrderVerdict.VERDICT_REPEAT
    return is_repeat and verdict.earlier.outcome == Outcome.OUTCOME_UNSPECIFIED


def _earlier(order: Order, earlier: CommandResult) -> Sent:
    """Answer with the call that a request repeats; one that is still open has no result."""
    asked: Mapping[str, Any] = orjson.loads(earlier.command.payload)
    is_known = earlier.outcome != Outcome.OUTCOME_UNSPECIFIED
    return Sent(
        earlier.command.correlation_id,
        order.station_id,
        earlier.command.action,
        asked.get("remoteStartId"),
        earlier if is_known else None,
    )


_PROTOCOLS = (Protocol.OCPP201, Protocol.OCPP21)
"""Those that have RequestStartTransaction, the same in both but for what their enumerations allow."""


def _fitting(request: StartRequest) -> tuple[str, ...]:
    """Return the versions in which a request is valid. Raises InvalidRequestError if it is in none."""
    action, payload = _start(request, 1)
    found = {protocol: _violations(protocol, action, payload) for protocol in _PROTOCOLS}
    fitting = tuple(protocol.value for protocol, violations in found.items() if not violations)
    if not fitting:
        raise InvalidRequestError(found[_PROTOCOLS[0]])
    return fitting


def _violations(protocol: Protocol, action: str, payload: dict[str, Any]) -> list[Violation]:
    return all_violations_request(protocol, action, payload) or ocpp201.start_violations(payload)


def _start(request: StartRequest, remote_start_id: int) -> tuple[str, dict[str, Any]]:
    return ocpp201.request_start(
        remote_start_id=remote_start_id,
        token=request.id_token,
        evse_id=request.evse_id,
        group=request.group_id_token,
        profile=request.charging_profile,
    )
