"""Remote start and stop: choosing ids, checking, noting, sending (OCPP F01-F03)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csms.v1.station_pb2 import CommandResult
from csms_bus.connections import Connection
from csms_bus.requests import NoAnswer
from csms_db.engine import Database
from csms_ocpp.validation import Violation, all_violations_request
from csms_ocpp.versions import Protocol
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id

from csms_transactions.protocols import ocpp201
from csms_transactions.sending import Command, Sender
from csms_transactions.store import remote_requests
from csms_transactions.store.remote_requests import RemoteRequest


class NotConnectedError(Exception):
    """The station has no connection."""


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
class Sent:
    """A request that left, and what is known of it."""

    command: Command
    remote_start_id: int | None
    result: CommandResult | None = None
    """None: not waited for, or no answer in time."""


class RemoteControl:
    """Starts and stops transactions on request. Safe for use by many tasks."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self._database = database
        self._sender = sender

    async def start(self, request: StartRequest, *, timeout_s: float, wait: bool) -> Sent:
        """Ask a station to start a transaction.

        Raises NotConnectedError, UnsupportedProtocolError, InvalidRequestError, csms_bus.ports.BusUnavailable,
        csms_db.errors.DatabaseUnavailable.
        """
        connection = self._connected(request.station_id)
        _build(request, 1, connection)  # refused before an id is used up
        now = utcnow()
        async with self._database.transaction() as session:
            remote_start_id = await remote_requests.allocate_start_id(
                session, self._database.dialect, request.station_id, now
            )
            action, payload = _build(request, remote_start_id, connection)
            command = Command(new_id(), request.station_id, connection.protocol, action, payload, timeout_s)
            token = ocpp201.id_token(request.id_token)
            note = RemoteRequest(
                command.call_id, request.station_id, action, now, remote_start_id, None, request.evse_id, token
            )
            await remote_requests.add(session, note)
        return await self._send(command, connection, remote_start_id, wait=wait)

    async def stop(self, station_id: str, transaction_id: str, *, timeout_s: float, wait: bool) -> Sent:
        """Ask a station to stop a transaction by the station's own id of it (F03, TC_E_21). Raises as `start` does."""
        connection = self._connected(station_id)
        _supported(connection)
        action, payload = ocpp201.request_stop(transaction_id)
        command = Command(new_id(), station_id, connection.protocol, action, payload, timeout_s)
        async with self._database.transaction() as session:
            note = RemoteRequest(command.call_id, station_id, action, utcnow(), transaction_id=transaction_id)
            await remote_requests.add(session, note)
        return await self._send(command, connection, None, wait=wait)

    def _connected(self, station_id: str) -> Connection:
        connection = self._sender.connection(station_id)
        if connection is None:
            raise NotConnectedError(station_id)
        return connection

    async def _send(self, command: Command, connection: Connection, remote_start_id: int | None, *, wait: bool) -> Sent:
        if not wait:
            await self._sender.post(command, connection)
            return Sent(command, remote_start_id)
        try:
            return Sent(command, remote_start_id, await self._sender.ask(command, connection))
        except NoAnswer:
            return Sent(command, remote_start_id)


_PROTOCOLS = frozenset({Protocol.OCPP201, Protocol.OCPP21})
"""Those that have RequestStartTransaction."""


def _supported(connection: Connection) -> Protocol:
    protocol = Protocol(connection.protocol)
    if protocol not in _PROTOCOLS:
        raise UnsupportedProtocolError(connection.protocol)
    return protocol


def _build(request: StartRequest, remote_start_id: int, connection: Connection) -> tuple[str, dict[str, Any]]:
    protocol = _supported(connection)
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
