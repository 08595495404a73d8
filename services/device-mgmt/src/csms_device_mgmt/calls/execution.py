"""Recording a call, sending it, and waiting for what becomes of it."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from csms_bus.requests import NoAnswer
from csms_ocpp.versions import Protocol
from csms_runtime.clock import utcnow
from csms_runtime.http import Problem
from csms_runtime.ids import new_id

from csms_device_mgmt.calls.beginnings import begin
from csms_device_mgmt.calls.checks import check
from csms_device_mgmt.calls.known import check_known
from csms_device_mgmt.calls.recording import new_call, timeout_s
from csms_device_mgmt.commands import Command, CommandSender
from csms_device_mgmt.consequences.executed import Executed
from csms_device_mgmt.domain.password_changes import offered
from csms_device_mgmt.outcomes import settle
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.store import calls, stations
from csms_device_mgmt.store.calls import CallOutcome, CallState, Completion
from csms_device_mgmt.store.tables import Call, Station
from csms_device_mgmt.unit import Unit, Units

POLL_S = 0.1
"""How often a repeated request looks whether the first one's call is completed: it may run in another process."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What somebody asks to be sent."""

    station_id: str
    action: str
    payload: Any = field(repr=False)
    requested_by: str
    timeout_s: float | None = None
    """None: what is configured for the station, else in general."""
    idempotency_key: str | None = None


class Calls:
    """Executes calls. Safe for use by many tasks."""

    def __init__(
        self,
        units: Units,
        sender: CommandSender,
        settings: DeviceSettings,
        secret_key: bytes,
        offer_password: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """`offer_password(station_id, password)` is called before a CALL with a new password is sent."""
        self._offer_password = offer_password
        self._units = units
        self._sender = sender
        self._settings = settings
        self._secret_key = secret_key

    async def run(self, request: CallRequest) -> Call:
        """Send a CALL and return its row, completed. A repeat of an earlier request returns that one's.

        Blocks up to the call's timeout and a grace. Raises Problem (404, 409, 422), DatabaseUnavailable, and
        BusUnavailable: then nobody knows whether the CALL will be sent, and the row stays open until its outcome or the
        sweeper comes.
        """
        row, is_new, command = await self._begin(request)
        if not is_new:
            return await self._finished(row)
        await self._prepare(command)
        try:
            answer = await self._sender.ask(command)
        except NoAnswer:
            return await self._give_up(command, CallOutcome.TIMEOUT)
        if answer is None:
            return await self._give_up(command, CallOutcome.NOT_CONNECTED)
        return await self._reload(row)

    async def post(self, request: CallRequest) -> Call:
        """Send a CALL without waiting and return its row. Raises as `run` does."""
        row, is_new, command = await self._begin(request)
        if not is_new:
            return row
        await self._prepare(command)
        sent = await self._sender.post(command)
        return row if sent else await self._give_up(command, CallOutcome.NOT_CONNECTED)

    async def _prepare(self, command: Command) -> None:
        """Let the station connect with a password it is going to be asked to take: it may take it, and be cut off."""
        if command.action != "SetVariables" or self._sender.connection(command.station_id) is None:
            return
        try:
            for password in offered(command.payload):
                await self._offer_password(command.station_id, password)
        except BaseException:
            await self._give_up(command, CallOutcome.NOT_CONNECTED)
            raise

    async def check(self, request: CallRequest) -> None:
        """Raise the Problem that stands against a request, if there is one; nothing is sent or recorded."""
        async with self._units.reading() as session:
            station = await stations.find(session, request.station_id)
        if station is None:
            raise _unknown_station()
        check(station, self._protocol(station), request.action, request.payload)

    async def _begin(self, request: CallRequest) -> tuple[Call, bool, Command]:
        """Check and record a call; False: it is a repeat and the row is the first one's."""
        async with self._units.open() as unit:
            station = await stations.find(unit.session, request.station_id)
            if station is None:
                raise _unknown_station()
            protocol = self._protocol(station)
            check(station, protocol, request.action, request.payload)
            command = Command(
                call_id=new_id(),
                station_id=request.station_id,
                protocol=protocol.value,
                action=request.action,
                payload=request.payload,
                timeout_s=request.timeout_s or timeout_s(unit, station),
            )
            row, is_new = await self._record(unit, request, command)
            return row, is_new, command

    def _protocol(self, station: Station) -> Protocol:
        connection = self._sender.connection(station.station_id)
        name = connection.protocol if connection else station.connection_protocol
        return Protocol(name) if name else Protocol.OCPP201

    async def _record(self, unit: Unit, request: CallRequest, command: Command) -> tuple[Call, bool]:
        fingerprint = self._fingerprint(request)
        columns = new_call(unit, command, requested_by=request.requested_by)
        columns |= {"idempotency_key": request.idempotency_key, "fingerprint": fingerprint}
        row = await calls.add(unit.session, columns)
        is_new = row is not None
        if is_new:
            await check_known(unit.session, command)
            await begin(unit, command)
        else:
            row = await calls.by_key(unit.session, request.station_id, request.idempotency_key or "")
        if row is None:
            raise Problem(409, "Call vanished", "the station was deleted meanwhile")
        if row.fingerprint != fingerprint:
            detail = "the Idempotency-Key was used with another action or payload"
            raise Problem(422, "Idempotency-Key reused", detail, call_id=row.call_id)
        return row, is_new

    def _fingerprint(self, request: CallRequest) -> str:
        text = orjson.dumps([request.action, request.payload], option=orjson.OPT_SORT_KEYS)
        return hmac.digest(self._secret_key, text, "sha256").hex()

    async def _give_up(self, command: Command, outcome: CallOutcome) -> Call:
        executed = Executed(
            call_id=command.call_id,
            station_id=command.station_id,
            protocol=command.protocol,
            action=command.action,
            request=command.payload,
            completion=Completion(outcome, utcnow()),
        )
        async with self._units.open() as unit:
            await settle(unit, executed)
            row = await calls.find(unit.session, command.call_id)
        if row is None:
            raise Problem(409, "Call vanished", "the station was deleted meanwhile")
        return row

    async def _reload(self, row: Call) -> Call:
        async with self._units.reading() as session:
            return await calls.find(session, row.call_id) or row

    async def _finished(self, row: Call) -> Call:
        """Wait until another request's call is completed, at most until its deadline."""
        while row.state == CallState.OPEN and utcnow() < row.deadline_at:
            await asyncio.sleep(POLL_S)
            row = await self._reload(row)
        return row


def _unknown_station() -> Problem:
    return Problem(404, "Unknown station", "there is no such station")
