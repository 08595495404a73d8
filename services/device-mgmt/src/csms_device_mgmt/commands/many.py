"""The same CALL to many stations: recorded in one transaction, published at once. Each station gets it at most once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, cast

import structlog
from csms_bus.ports import Bus, BusError, BusUnavailable
from csms_db.statements import Insert
from csms_runtime.http import Problem
from csms_runtime.ids import new_id
from sqlalchemy import Table

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.boot.registration import refusal
from csms_device_mgmt.commands.beginnings import begin, begins
from csms_device_mgmt.commands.call_rows import CallOutcome
from csms_device_mgmt.commands.checks import check_payload, refused
from csms_device_mgmt.commands.command import Command, Target, outgoing, target_of_station
from csms_device_mgmt.commands.conflicts import check_known, may_conflict
from csms_device_mgmt.commands.execution import CallExecution, is_told_before, unknown_station
from csms_device_mgmt.commands.new_call import Asked, asked, columns_of, timeout_s
from csms_device_mgmt.deliveries import waiting
from csms_device_mgmt.deliveries.waiting import check_may_wait
from csms_device_mgmt.json import integers
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Call, Station
from csms_device_mgmt.unit import Unit
from csms_device_mgmt.versions.version import DeviceVersion

_COLUMNS = (
    *("call_id", "station_id", "action", "protocol", "request", "state", "requested_by", "origin", "fingerprint"),
    *("created_at", "deadline_at", "deliver_until", "size"),
    *("target_slot", "target_epoch", "target_connection_id", "target_number"),
)
_ADD = Insert(cast("Table", Call.__table__), _COLUMNS)

_log = structlog.get_logger(__name__)


class Recorded(NamedTuple):
    """A call that is recorded, and is to be sent."""

    command: Command
    target: Target


class Kept(NamedTuple):
    """A call that is recorded, and waits for its station."""

    command: Command


Found = Recorded | Kept | Problem | None
"""What became of a station's turn: a call, what stands against it, or None: it is not connected."""


@dataclass(frozen=True, slots=True)
class Order:
    """What many stations are asked."""

    action: str
    payload: Any = field(repr=False)
    requested_by: str
    timeout_s: float | None = None
    """None: what is configured for the station, else in general."""
    deliver_until: datetime | None = None
    """Until when calls wait for stations that are not connected; None: they do not."""
    replace: bool = False
    """Whether they replace calls of this action that wait."""


class ManyCalls:
    """Calls of one order. What depends on a station's version alone is looked at once for each version."""

    def __init__(self, order: Order) -> None:
        self._order = replace(order, payload=integers(order.payload))
        self._checked: dict[str, Problem | Asked] = {}

    async def record(self, unit: Unit, station_ids: Sequence[str]) -> Mapping[str, Found]:
        """Check and record a call to each station, in the unit's transaction; after its commit they are to be sent."""
        action = self._order.action
        begins_something = any(begins(version, action, self._order.payload) for version in versions.VERSIONS.values())
        is_more = begins_something or self._order.deliver_until is not None
        read = station_rows.lock if is_more else station_rows.to_command
        stations = await read(unit.session, station_ids)
        found: dict[str, Found] = {}
        rows: list[tuple[Any, ...]] = []
        for station_id in sorted(station_ids):  # rows are locked in one order, as everywhere
            found[station_id] = await self._one(unit, stations.get(station_id), rows)
        if rows:
            await _ADD.execute(unit.session, rows)
        return found

    async def _one(self, unit: Unit, station: Station | None, rows: list[tuple[Any, ...]]) -> Found:
        if station is None:
            return unknown_station()
        version = versions.of_station(station.connection_protocol)
        command = self._command(unit, station, version)
        kept = await self._of_version(unit, version, command)
        if isinstance(kept, Problem):
            return kept
        problem = await self._against(unit, station, command)
        if problem is not None:
            return problem
        target = target_of_station(unit, station)
        columns = columns_of(unit, command, kept, requested_by=self._order.requested_by) | {"size": 0}
        if target is None:
            return await self._keep(unit, station, command, columns, rows)
        await begin(unit, command)
        columns |= target.columns() | {"deliver_until": self._order.deliver_until}
        rows.append(tuple(map(columns.get, _COLUMNS)))
        return Recorded(command, target)

    async def _keep(
        self, unit: Unit, station: Station, command: Command, columns: dict[str, Any], rows: list[tuple[Any, ...]]
    ) -> Found:
        """Keep a call until its station comes back, if it is to wait."""
        until = self._order.deliver_until
        if until is None:
            return None
        try:
            check_may_wait(versions.of(command.protocol), command.action, command.payload)
            await waiting.make_room(unit, station, command, replace=self._order.replace)
        except Problem as problem:
            return problem
        await begin(unit, command)
        waiting.keep(unit, station, command, until)
        columns |= waiting.columns(unit, command, until)
        rows.append(tuple(map(columns.get, _COLUMNS)))
        return Kept(command)

    def _command(self, unit: Unit, station: Station, version: DeviceVersion) -> Command:
        return Command(
            call_id=new_id(),
            station_id=station.station_id,
            protocol=version.protocol.value,
            action=self._order.action,
            payload=self._order.payload,
            timeout_s=self._order.timeout_s or timeout_s(unit, station),
        )

    async def _of_version(self, unit: Unit, version: DeviceVersion, command: Command) -> Problem | Asked:
        """Return what is kept of the request, or what stands against it in this version."""
        found = self._checked.get(command.protocol)
        if found is None:
            try:
                await check_payload(version, command.action, command.payload)
                found = await asked(unit, command)
            except Problem as problem:
                found = problem
            self._checked[command.protocol] = found
        return found

    async def _against(self, unit: Unit, station: Station, command: Command) -> Problem | None:
        """Return what stands against sending it to this station."""
        status = announcements.registration_status_of(station)
        reason = refusal(status, command.action, command.payload)
        if reason is not None:
            return refused(status, reason)
        if may_conflict(command):
            try:
                await check_known(unit.session, command)
            except Problem as problem:
                return problem
        return None


async def send_all(execution: CallExecution, bus: Bus, recorded: Sequence[Recorded]) -> bool:
    """Publish recorded commands, all at once. False: the bus was away, and what became of some is not known.

    Each has an outcome sooner or later; one that can't be sent has it now. Raises DatabaseUnavailable.
    """
    ready = await _prepared(execution, recorded)
    if not ready:
        return True
    failed: Mapping[int, BusError] = {}
    try:
        await bus.publish([outgoing(command, target) for command, target in ready])
    except BusError as error:
        failed = error.of_each(len(ready))
    for at, each in failed.items():
        away = isinstance(each, BusUnavailable)
        await _over(execution, ready[at].command, CallOutcome.UNKNOWN if away else CallOutcome.NOT_CONNECTED)
    return not any(isinstance(each, BusUnavailable) for each in failed.values())


async def _prepared(execution: CallExecution, recorded: Sequence[Recorded]) -> Sequence[Recorded]:
    """Return those whose others are told; one that could not be told of is over."""
    if not any(is_told_before(each.command) for each in recorded):
        return recorded
    told = await asyncio.gather(*(execution.prepare(each.command) for each in recorded), return_exceptions=True)
    for each, error in zip(recorded, told, strict=True):
        if isinstance(error, Exception):
            _log.warning("command not sent", station_id=each.command.station_id, call_id=each.command.call_id)
        elif error is not None:
            raise error
    return [each for each, error in zip(recorded, told, strict=True) if error is None]


async def _over(execution: CallExecution, command: Command, outcome: CallOutcome) -> None:
    try:
        await execution.give_up(command, outcome)
    except Problem:  # its station was deleted meanwhile
        _log.info("command without a station", station_id=command.station_id, call_id=command.call_id)
