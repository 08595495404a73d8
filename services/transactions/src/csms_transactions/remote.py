"""Remote start and stop: choosing ids, checking, noting, sending (OCPP F01-F03)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
from csms.v1.station_pb2 import CallAnnounced, CommandResult, Outcome
from csms_bus.connections import Connection
from csms_bus.requests import NoAnswer
from csms_db.engine import Database
from csms_ocpp.validation import Violation, all_violations_request
from csms_ocpp.versions import Protocol
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id

from csms_transactions.protocols import ocpp201
from csms_transactions.sending import Asker, Command, Sender
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
    """None: not waited for, or no answer in time."""


class RemoteControl:
    """Starts and stops transactions on request. Safe for use by many tasks."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self._database = database
        self._sender = sender

    async def start(self, request: StartRequest, terms: Terms) -> Sent:
        """Ask a station to start a transaction. A station without connection: the result says so.

        Raises UnknownStationError, StationRejectedError, StationPendingError, KeyReusedError, UnsupportedProtocolError,
        InvalidRequestError, csms_bus.requests.NoAnswer (device-mgmt is silent, nothing was sent),
        csms_bus.ports.BusUnavailable, csms_db.errors.DatabaseUnavailable.
        """
        connection = self._sender.connection(request.station_id)
        protocol = _protocol(connection)
        _build(request, 1, protocol)  # refused before an id is used up
        now = utcnow()
        async with self._database.transaction() as session:
            remote_start_id = await remote_requests.allocate_start_id(
                session, self._database.dialect, request.station_id, now
            )
        action, payload = _build(request, remote_start_id, protocol)
        command = Command(new_id(), request.station_id, protocol, action, payload, terms.timeout_s or 0)
        token = ocpp201.id_token(request.id_token)
        note = RemoteRequest(
            command.call_id, request.station_id, action, now, remote_start_id, None, request.evse_id, token
        )
        return await self._carry_out(command, note, connection, terms)

    async def stop(self, station_id: str, transaction_id: str, terms: Terms) -> Sent:
        """Ask a station to stop a transaction by the station's own id of it (F03, TC_E_21). Raises as `start` does."""
        connection = self._sender.connection(station_id)
        protocol = _protocol(connection)
        action, payload = ocpp201.request_stop(transaction_id)
        command = Command(new_id(), station_id, protocol, action, payload, terms.timeout_s or 0)
        note = RemoteRequest(command.call_id, station_id, action, utcnow(), transaction_id=transaction_id)
        return await self._carry_out(command, note, connection, terms)

    async def _carry_out(
        self, command: Command, note: RemoteRequest, connection: Connection | None, terms: Terms
    ) -> Sent:
        announced = await self._sender.announce(command, terms.asker, not_connected=connection is None)
        _check(announced)
        if announced.verdict == CallAnnounced.VERDICT_REPEAT:
            return await self._repeat(command, announced.earlier, terms)
        sent = Sent(command.call_id, command.station_id, command.action, note.remote_start_id)
        if connection is None:
            return replace(sent, result=CommandResult(outcome=Outcome.OUTCOME_NOT_CONNECTED))
        async with self._database.transaction() as session:
            await remote_requests.add(session, note)
        command = replace(command, timeout_s=announced.timeout_ms / 1000)
        return await self._send(command, connection, sent, wait=terms.wait)

    async def _send(self, command: Command, connection: Connection, sent: Sent, *, wait: bool) -> Sent:
        if not wait:
            await self._sender.post(command, connection)
            return sent
        try:
            return replace(sent, result=await self._sender.ask(command, connection))
        except NoAnswer:
            return sent

    async def _repeat(self, command: Command, earlier: CommandResult, terms: Terms) -> Sent:
        """Answer with the earlier call; if it is open, wait for what comes of it as long as for one's own."""
        deadline = utcnow() + timedelta(seconds=terms.timeout_s or REPEAT_TIMEOUT_S)
        while terms.wait and earlier.outcome == Outcome.OUTCOME_UNSPECIFIED and utcnow() < deadline:
            await asyncio.sleep(POLL_S)
            announced = await self._sender.announce(command, terms.asker, not_connected=False)
            _check(announced)
            if announced.verdict != CallAnnounced.VERDICT_REPEAT:
                break
            earlier = announced.earlier
        asked: Mapping[str, Any] = orjson.loads(earlier.command.payload)
        is_known = earlier.outcome != Outcome.OUTCOME_UNSPECIFIED
        return Sent(
            earlier.command.correlation_id,
            command.station_id,
            earlier.command.action,
            asked.get("remoteStartId"),
            earlier if is_known else None,
        )


POLL_S = 0.2
"""How often a repeat of a request asks what became of the first: it may run in another process."""
REPEAT_TIMEOUT_S = 30.0
"""How long a repeat waits when nobody says how long the station may take."""

_REFUSALS = {
    CallAnnounced.VERDICT_UNKNOWN_STATION: UnknownStationError,
    CallAnnounced.VERDICT_STATION_REJECTED: StationRejectedError,
    CallAnnounced.VERDICT_STATION_PENDING: StationPendingError,
}


def _check(announced: CallAnnounced) -> None:
    if announced.verdict in _REFUSALS:
        raise _REFUSALS[announced.verdict]
    if announced.verdict == CallAnnounced.VERDICT_KEY_REUSED:
        raise KeyReusedError(announced.earlier.command.correlation_id)


_PROTOCOLS = frozenset({Protocol.OCPP201, Protocol.OCPP21})
"""Those that have RequestStartTransaction."""


def _protocol(connection: Connection | None) -> Protocol:
    """The station's version; one without connection will not be sent anything, so that any will do for the history."""
    protocol = Protocol(connection.protocol) if connection else Protocol.OCPP201
    if protocol not in _PROTOCOLS:
        raise UnsupportedProtocolError(protocol.value)
    return protocol


def _build(request: StartRequest, remote_start_id: int, protocol: Protocol) -> tuple[str, dict[str, Any]]:
    action, payload = ocpp201.request_start(
        remote_start_id=remote_start_id,
        token=request.id_token,
        evse_id=request.evse_id,
        group=request.group_id_token,
        profile=request.charging_profile,
    )
    violations = all_violations_request(protocol, action, payload) or ocpp201.start_violations(payload)
    if violations:
        raise InvalidRequestError(violations)
    return action, payload
