"""Recording a call, sending it, and waiting for what becomes of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from csms.v1.station_pb2 import ReplyTo
from csms_bus.ports import Bus, BusUnavailable, RecordRefused
from csms_bus.requests import NoAnswer, NotAsked, Requester
from csms_runtime import heavy
from csms_runtime.clock import utcnow
from csms_runtime.http import Problem
from csms_runtime.ids import new_id

from csms_device_mgmt import versions
from csms_device_mgmt.boot.registration import boots_first
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.beginnings import begin
from csms_device_mgmt.commands.call_rows import CallOutcome, CallState, Completion
from csms_device_mgmt.commands.checks import check
from csms_device_mgmt.commands.command import Command, Target, outgoing, target_of_station
from csms_device_mgmt.commands.conflicts import check_known
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.commands.new_call import is_repeated_by, new_call, timeout_s
from csms_device_mgmt.commands.outcomes import settle
from csms_device_mgmt.commands.room import Room, not_sent
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.deliveries import waiting
from csms_device_mgmt.deliveries.waiting import check_may_wait
from csms_device_mgmt.json import integers, size_of
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Call, Station
from csms_device_mgmt.unit import Unit, Units
from csms_device_mgmt.versions.version import DeviceVersion

T = TypeVar("T")

POLL_S = 0.1
"""How often a repeated request looks whether the first one's call is completed: it may run in another process."""

CONNECTING_S = 0.5
"""How long a request waits for a station that is not connected: whoever saw it connect may be ahead of the bus."""
FIRST_BOOT_S = 5.0
"""How long a request waits for the first boot of a new station that is connected: until it is accepted, a station may
refuse what it is asked (B01). After that it is sent all the same: some only boot when they have power again."""
_LOOK_S = 0.05
"""How often it looks at first, and ever less: another process may be told of the connection, or the boot."""


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
    request_id: int | None = None
    """Of the report or job that is asked for, where the payload has none."""
    deliver_until: datetime | None = None
    """Until when it waits for its station to come back, if that is not connected; None: it does not."""
    replace: bool = False
    """Whether it replaces calls of its action that wait for the station."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A call that is recorded."""

    row: Call
    command: Command
    target: Target | None
    """Where it is to be sent; None: it is not, for it is a repeat, or the station is not connected."""


class CallExecution:
    """Executes calls. Safe for use by many tasks."""

    def __init__(
        self,
        units: Units,
        bus: Bus,
        requester: Requester,
        presence: Presence,
        *,
        offer_password: Callable[[str, str], Awaitable[None]],
        tell_of_start: Callable[[Command], Awaitable[None]],
    ) -> None:
        """`offer_password(station_id, password)` is called before a CALL with a new password is sent.

        `tell_of_start(command)` is called before a remote start is sent; it raises nothing.
        """
        self._presence = presence
        self._offer_password = offer_password
        self._tell_of_start = tell_of_start
        self._units = units
        self._bus = bus
        self._requester = requester
        self._room = Room()
        self._large = asyncio.Lock()
        """Large calls are prepared one after the other, so that others' small ones come in between."""

    async def run(self, request: CallRequest) -> Call:
        """Send a CALL, at most once, and return its row, completed. A repeat of an earlier request returns that one's.

        Blocks up to the call's timeout and a grace; when nothing is known of it by then, its outcome is "unknown".
        Raises Problem (404, 409, 422; 429, 503: never sent, too many are in work), RecordRefused (never sent: it is too
        large), DatabaseUnavailable.
        """
        size = size_of(request.payload)
        with self._room.taken(request.station_id, size):
            return await self._run(request, size)

    async def _run(self, request: CallRequest, size: int) -> Call:
        begun = await self._begun(request, self._requester.reply_to, size)
        if begun.target is None:
            return await self._finished(begun.row)
        await self.prepare(begun.command)
        timeout_s = begun.command.timeout_s + self._units.settings.call_grace_s
        try:
            await self._requester.ask(outgoing(begun.command, begun.target), begun.command.call_id, timeout_s)
        except NotAsked as error:
            await self.give_up(begun.command, CallOutcome.NOT_CONNECTED)
            raise not_sent(f"{error}; the call was not sent") from error
        except (NoAnswer, BusUnavailable):
            return await self.give_up(begun.command, CallOutcome.UNKNOWN)
        except RecordRefused:
            await self.give_up(begun.command, CallOutcome.NOT_CONNECTED)
            raise
        return await self._reload(begun.row)

    async def post(self, request: CallRequest) -> Call:
        """Send a CALL, at most once, without waiting, and return its row. Raises as `run` does."""
        size = size_of(request.payload)
        with self._room.taken(request.station_id, size):
            return await self._post(request, size)

    async def _post(self, request: CallRequest, size: int) -> Call:
        begun = await self._begun(request, None, size)
        if begun.target is None:
            return begun.row
        await self.prepare(begun.command)
        try:
            await self._bus.publish([outgoing(begun.command, begun.target)])
        except BusUnavailable:
            return await self.give_up(begun.command, CallOutcome.UNKNOWN)
        except RecordRefused:
            await self.give_up(begun.command, CallOutcome.NOT_CONNECTED)
            raise
        return begun.row

    async def prepare(self, command: Command) -> None:
        """Tell others what they must know of a recorded command before the station does.

        Auth: a password that it is going to be asked to take, for it may take it, and be cut off. Transactions: that it
        is going to be asked to start one. If it can't be done, the command is over, not sent; raises what was wrong.
        """
        version = versions.of(command.protocol)
        if command.action in version.starts:
            await self._tell_of_start(command)
        passwords = version.passwords.get(command.action)
        if passwords is None:
            return
        try:
            for password in passwords(command.payload):
                await self._offer_password(command.station_id, password)
        except BaseException:
            await self.give_up(command, CallOutcome.NOT_CONNECTED)
            raise

    async def version_of(self, station_id: str) -> DeviceVersion:
        """Return the version that a station speaks. Raises Problem 404."""
        async with self._units.reading() as session:
            station = await station_rows.find(session, station_id)
        if station is None:
            raise unknown_station()
        return versions.of_station(station.connection_protocol)

    async def check(self, request: CallRequest) -> None:
        """Raise the Problem that stands against a request, if there is one; nothing is sent or recorded."""
        async with self._units.reading() as session:
            station = await station_rows.find(session, request.station_id)
        if station is None:
            raise unknown_station()
        request = await _read(request)
        await check(station, versions.of_station(station.connection_protocol), request.action, request.payload)

    async def _begun(self, request: CallRequest, reply_to: ReplyTo | None, size: int) -> _Begun:
        """Check and record a call; what its station is just about to do is given time: to connect, to boot first."""
        request, waiting = await _read(request), True
        while True:
            async with self._large if size >= heavy.HEAVY_BYTES else nullcontext():
                begun = await self._begin(request, reply_to, may_wait=waiting)
            if begun is not None:
                return begun
            await self._ready(request)
            waiting = False

    async def _ready(self, request: CallRequest) -> None:
        """Wait until nothing is to be waited for, or has been for too long."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while clock() - began < await self._patience_s(request):  # noqa: ASYNC110 another process is told
            await asyncio.sleep(max(_LOOK_S, (clock() - began) / 8))
        if clock() - began > CONNECTING_S:  # perhaps it has booted just now, and its answer is on the way
            await asyncio.sleep(_LOOK_S)

    async def _patience_s(self, request: CallRequest) -> float:
        """Return how long a call waits for what its station is about to do, as things stand; 0: there is nothing."""
        async with self._units.reading() as session:
            station = await station_rows.find(session, request.station_id)
        if station is None:
            return 0
        if not self._presence.is_connected(station):
            return CONNECTING_S
        return (
            min(FIRST_BOOT_S, request.timeout_s or FIRST_BOOT_S)
            if boots_first(station.registration_status, request.action, request.payload)
            else 0
        )

    async def _begin(self, request: CallRequest, reply_to: ReplyTo | None, *, may_wait: bool) -> _Begun | None:
        """Check and record a call; one whose station is not connected is completed at once.

        None, and nothing is recorded: it is not connected, but may be in a moment; or it is, and is to boot first.
        """
        until = request.deliver_until
        async with self._units.open() as unit:
            if until is not None:
                await station_rows.hold(unit.session, [request.station_id])
            station = await station_rows.find(unit.session, request.station_id)
            if station is None:
                raise unknown_station()
            version = versions.of_station(station.connection_protocol)
            await check(station, version, request.action, request.payload)
            target = target_of_station(unit, station)
            if until is not None:
                check_may_wait(version, request.action, request.payload)
            if may_wait and _is_to_be_ready(request, station, target):
                return None
            command = Command(
                call_id=new_id(),
                station_id=request.station_id,
                protocol=version.protocol.value,
                action=request.action,
                payload=request.payload,
                timeout_s=request.timeout_s or timeout_s(unit, station),
                reply_to=reply_to,
                request_id=request.request_id,
            )
            if target is None and until is not None:
                return await _kept(unit, request, station, command, until)
            return await _recorded(unit, request, command, target)

    async def give_up(self, command: Command, outcome: CallOutcome) -> Call:
        """Store what became of a command that nobody waits for any more. Raises Problem 409: its station is gone."""
        async with self._units.open() as unit:
            await station_rows.lock(unit.session, [command.station_id])  # before the call's row, as everybody does
            await settle(unit, _executed(command, Completion(outcome, unit.now)))
            row = await call_rows.find(unit.session, command.call_id)
        if row is None:
            raise _vanished()
        return row

    async def _reload(self, row: Call) -> Call:
        async with self._units.reading() as session:
            return await call_rows.find(session, row.call_id) or row

    async def _finished(self, row: Call) -> Call:
        """Wait until another request's call is completed, at most until its deadline."""
        while row.state == CallState.OPEN and utcnow() < row.deadline_at:
            await asyncio.sleep(POLL_S)
            row = await self._reload(row)
        return row


async def _read(request: CallRequest) -> CallRequest:
    """An integer may be written 7.0 or 1e3; it is checked, and reaches the station, as the schema has it."""
    payload = request.payload
    return replace(request, payload=await heavy.run(size_of(payload), partial(integers, payload)))


def _is_to_be_ready(request: CallRequest, station: Station, target: Target | None) -> bool:
    """Whether a call is given time for what its station is just about to do."""
    if target is None:
        return request.deliver_until is None
    return boots_first(station.registration_status, request.action, request.payload)


async def _kept(unit: Unit, request: CallRequest, station: Station, command: Command, until: datetime) -> _Begun:
    """Record a call that waits for its station. Raises Problem 429."""
    columns = await new_call(unit, command, None, requested_by=request.requested_by)
    columns |= {"idempotency_key": request.idempotency_key, **waiting.columns(unit, command, until)}
    row = await call_rows.add(unit.session, columns)
    if row is None:
        return _Begun(await _earlier(unit, request, command), command, None)
    await check_known(unit.session, command)
    await waiting.make_room(unit, station, command, replace=request.replace)
    await begin(unit, command)
    waiting.keep(unit, station, command, until)
    return _Begun(row, command, None)


async def _recorded(unit: Unit, request: CallRequest, command: Command, target: Target | None) -> _Begun:
    columns = await new_call(unit, command, target, requested_by=request.requested_by)
    columns |= {"idempotency_key": request.idempotency_key, "deliver_until": request.deliver_until}
    row = await call_rows.add(unit.session, columns)
    if row is None:
        return _Begun(await _earlier(unit, request, command), command, None)
    await check_known(unit.session, command)
    await begin(unit, command)
    if target is None:
        await settle(unit, _executed(command, Completion(CallOutcome.NOT_CONNECTED, unit.now)))
    return _Begun(row, command, target)


async def _earlier(unit: Unit, request: CallRequest, command: Command) -> Call:
    """Return the call that this request repeats. Raises Problem 409, 422."""
    row = await call_rows.by_key(unit.session, request.station_id, request.idempotency_key or "")
    if row is None:
        raise _vanished()
    if not await is_repeated_by(unit, row, command):
        detail = "the Idempotency-Key was used with another action or payload"
        raise Problem(422, "Idempotency-Key reused", detail, call_id=row.call_id)
    return row


def _executed(command: Command, completion: Completion) -> Executed:
    return Executed(
        call_id=command.call_id,
        station_id=command.station_id,
        protocol=command.protocol,
        action=command.action,
        request=command.payload,
        completion=completion,
    )


def is_told_before(command: Command) -> bool:
    """Whether others may have to know of a command before the station does."""
    version = versions.of(command.protocol)
    return command.action in version.starts or command.action in version.passwords


def needed(version: DeviceVersion, found: T | None, what: str) -> T:
    """Return what a version has. Raises Problem 422: it has nothing like it, so the station can't be asked."""
    if found is None:
        raise Problem(422, "Not in this version", f"the station speaks {version.protocol.value}, which has no {what}")
    return found


def unknown_station() -> Problem:
    """Return the answer to a request that names no station."""
    return Problem(404, "Unknown station", "there is no such station")


def _vanished() -> Problem:
    return Problem(409, "Call vanished", "the station was deleted meanwhile")
