"""Keeping a call until its station comes back, and sending it then: at most once, and not before it has booted.

The station's row is locked in all of it, so that one process alone sends a call, and none is kept in the moment in
which the station connects.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from csms_runtime.clock import utcnow
from csms_runtime.http import Problem
from csms_runtime.http.problems import RETRY_AFTER_S
from csms_runtime.sealing import CannotOpen

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands.call_rows import CallOutcome, CallState, Completion
from csms_device_mgmt.commands.checks import check
from csms_device_mgmt.commands.command import Command, Target, target_of_station
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.commands.held_calls import held
from csms_device_mgmt.commands.outcomes import settle
from csms_device_mgmt.deliveries import waiting_rows
from csms_device_mgmt.json import size_of
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Call, Station, WaitingCall
from csms_device_mgmt.unit import Unit
from csms_device_mgmt.versions.version import DeviceVersion

BOOTS_WITHIN = timedelta(seconds=5)
"""How long a station that has connected is given to boot first; one that only lost its link does not boot."""

LONGEST = timedelta(days=90)

Sent = tuple[Command, Target]


def fault_of_wait(until: datetime | None, *, replace: bool) -> tuple[str, str] | None:
    """Return what is wrong with what somebody asks for, as pointer and detail; None: nothing."""
    if replace and until is None:
        return "/replace", "only with deliver_until"
    if until is not None and not timedelta(0) < until - utcnow() <= LONGEST:
        return "/deliver_until", f"within the next {LONGEST.days} days"
    return None


def check_may_wait(version: DeviceVersion, action: str, payload: Any) -> None:  # noqa: ANN401 any JSON value
    """Raise Problem 422 for what must not be done at some later time, or cannot be told to others before."""
    passwords = version.passwords.get(action)
    if action in version.starts or (passwords is not None and passwords(payload)):
        detail = "a call that starts a transaction, or changes a password, does not wait for a station"
        raise Problem(422, "Does not wait", detail)


async def make_room(unit: Unit, station: Station, command: Command, *, replace: bool) -> None:
    """Have room for one more call, which replaces waiting ones of its action if asked to. Raises Problem 429."""
    if replace:
        for row in await waiting_rows.of_station(unit.session, station.station_id):
            if row.action == command.action:
                error = _error("Replaced", f"call {command.call_id} replaced it")
                await _over(unit, station, row, Completion(CallOutcome.CANCELLED, unit.now, error=error))
        await unit.session.flush()
    count, size = await waiting_rows.taken(unit.session, station.station_id)
    most, most_bytes = unit.settings.station_waiting_calls, unit.settings.station_waiting_bytes
    if count >= most or size + size_of(command.payload) > most_bytes:
        detail = f"{most} calls of {most_bytes} bytes together may wait for a station; this one was not kept"
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        raise Problem(429, "Too many calls wait for this station", detail, headers=headers)


def keep(unit: Unit, station: Station, command: Command, until: datetime) -> None:
    """Keep a call until that moment. Its own row says that it waits."""
    row = WaitingCall(
        call_id=command.call_id,
        station_id=station.station_id,
        action=command.action,
        sealed=waiting_rows.sealed(unit.sealer, command.call_id, command.payload),
        timeout_s=command.timeout_s,
        created_at=unit.now,
        deliver_until=until,
        due_at=until,
    )
    unit.session.add(row)
    station.waiting_calls += 1


def columns(unit: Unit, command: Command, until: datetime) -> Mapping[str, Any]:
    """Return the columns of a waiting call's row that are not those of one that is sent."""
    answered_by = until + timedelta(seconds=command.timeout_s + unit.settings.call_grace_s)
    return {"state": CallState.WAITING.value, "deliver_until": until, "deadline_at": answered_by}


async def connected(unit: Unit, station: Station) -> None:
    """Have a station's calls sent soon: at once if it has booted on this connection, else when it should have."""
    if station.waiting_calls:
        has_booted = station.boot_connection_id == station.connection_id
        when = unit.now if has_booted else unit.now + BOOTS_WITHIN
        await waiting_rows.look_at(unit.session, station.station_id, when)


async def deliver(unit: Unit, station: Station) -> list[Sent]:
    """Return the calls that are to be published when the transaction has committed; end those that are too late.

    Nothing is sent to a station that is not connected, or was not accepted.
    """
    sent: list[Sent] = []
    for row in await waiting_rows.of_station(unit.session, station.station_id):
        if row.deliver_until <= unit.now:
            await _over(unit, station, row, Completion(CallOutcome.NOT_CONNECTED, unit.now))
            continue
        target = target_of_station(unit, station)
        if target is None or announcements.registration_status_of(station) is not Registration.ACCEPTED:
            row.due_at = row.deliver_until
            continue
        command = await _released(unit, station, row, target)
        if command is not None:
            sent.append((command, target))
    return sent


async def cancel_all(unit: Unit, call_ids: Collection[str], why: str) -> None:
    """End those of these calls that still wait."""
    found = await waiting_rows.stations_of(unit.session, call_ids)
    stations = await station_rows.lock(unit.session, found)
    for station in stations.values():
        for row in await waiting_rows.of_station(unit.session, station.station_id):
            if row.call_id in call_ids:
                error = _error("Cancelled", why)
                await _over(unit, station, row, Completion(CallOutcome.CANCELLED, unit.now, error=error))


async def wait_again(unit: Unit, station: Station, call: Call, command: Command) -> bool:
    """Keep a call that was on its way when the connection was gone, never sent; False: it does not wait."""
    until = call.deliver_until
    if until is None or until <= unit.now or call.state != CallState.OPEN:
        return False
    try:
        await make_room(unit, station, command, replace=False)
    except Problem:
        return False
    keep(unit, station, command, until)
    nowhere = {"target_slot": None, "target_epoch": None, "target_connection_id": None, "target_number": None}
    for name, value in {**columns(unit, command, until), **nowhere}.items():
        setattr(call, name, value)
    return True


async def _released(unit: Unit, station: Station, row: WaitingCall, target: Target) -> Command | None:
    """Turn a call that waits into one that is sent; None: it is over, for it does not fit the station any more."""
    version = versions.of_station(station.connection_protocol)
    try:
        payload = waiting_rows.opened(unit.sealer, row)
        await check(station, version, row.action, payload)
        check_may_wait(version, row.action, payload)
    except (Problem, CannotOpen) as problem:
        told = problem.detail if isinstance(problem, Problem) else "it was sealed with another CSMS_SECRET_KEY"
        error = _error("NotSent", f"it does not fit the station any more: {told}")
        await _over(unit, station, row, Completion(CallOutcome.ERROR, unit.now, error=error))
        return None
    call = await held(unit, row.call_id)
    await _gone(unit, station, row)
    if call is None or call.state != CallState.WAITING:
        return None
    call.state, call.protocol = CallState.OPEN.value, version.protocol.value
    call.deadline_at = unit.now + timedelta(seconds=row.timeout_s + unit.settings.call_grace_s)
    for name, value in target.columns().items():
        setattr(call, name, value)
    return Command(row.call_id, row.station_id, version.protocol.value, row.action, payload, row.timeout_s)


async def _over(unit: Unit, station: Station, row: WaitingCall, completion: Completion) -> None:
    call = await held(unit, row.call_id)
    protocol = versions.ASSUMED.protocol.value if call is None else call.protocol
    request = {} if call is None else call.request
    await _gone(unit, station, row)
    await settle(unit, Executed(row.call_id, row.station_id, protocol, row.action, request, completion))


async def _gone(unit: Unit, station: Station, row: WaitingCall) -> None:
    await unit.session.delete(row)
    station.waiting_calls = max(0, station.waiting_calls - 1)


def _error(code: str, description: str) -> dict[str, Any]:
    return {"code": code, "description": description, "details": {}, "source": "csms"}
