"""Onboarding: the steps between a station's first boot and its acceptance, each in the transaction of what led to it.

What is sent goes out behind the answer to the station's own message, so that a station is told Pending before it is
asked for anything.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from csms_runtime.ids import new_id

from csms_device_mgmt import versions
from csms_device_mgmt.boot.progress import (
    MAX_ATTEMPTS,
    NOWHERE,
    Mode,
    Place,
    Progress,
    Step,
    begun,
    left,
    missing_of_inventory,
    name_of,
    refusal_of_inventory,
    variables_answered,
)
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.command import Command, Target, outgoing, target_of_station
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.commands.new_call import new_call, timeout_s
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.chunks import ChunkLimits, parse_limit, split
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.assembly import Assembly, assemble
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Report, Station
from csms_device_mgmt.unit import Unit
from csms_device_mgmt.versions.version import Onboarding, Request, VariableMessage

REQUESTED_BY = "onboarding"
"""Who asked, in the history of calls."""


async def booted(unit: Unit, station: Station, place: Place, protocol: str) -> Registration:
    """Return how to answer a BootNotification; begin onboarding, or what is left of it, if the station needs it."""
    configured = Registration(station.registration)
    if configured is Registration.REJECTED or not is_due(station) or versions.of(protocol).onboarding is None:
        return configured
    progress = progress_of(station)
    if progress is not None and progress.step is Step.BOOT:
        _store(unit, station, replace(progress, step=Step.DONE, call_id=None))
        return configured
    if progress is None:
        await _next(unit, station, begun(None, place, protocol, unit.now))
    elif not progress.is_under_way(place, unit.now):
        await _stalled(unit, station, progress, place, protocol)
    return Registration.PENDING


async def remind(unit: Unit) -> None:
    """Go on with the onboarding of stations that are connected, and of which nothing came for a while."""
    waiting = await station_rows.onboarding(unit.session)
    found = {station_id: Progress.from_json(stored) for station_id, stored in waiting.items() if stored}
    stalled = [station_id for station_id, progress in found.items() if _waits_too_long(unit, progress)]
    for station in (await station_rows.lock(unit.session, stalled)).values():
        progress, target = progress_of(station), target_of_station(unit, station)
        if progress is None or target is None or not _waits_too_long(unit, progress):
            continue
        if progress.place == Place(*target):
            await _stalled(unit, station, progress, progress.place, progress.protocol)


def _waits_too_long(unit: Unit, progress: Progress) -> bool:
    return progress.step in {Step.INVENTORY, Step.VARIABLES} and progress.is_stalled(unit.now)


async def _stalled(unit: Unit, station: Station, progress: Progress, place: Place, protocol: str) -> None:
    """Begin a step again that nothing came of, or leave it."""
    if progress.is_agreed_inventory and progress.place == place:
        missing = missing_of_inventory(await _assembly(unit, station, progress))
    elif progress.attempts >= MAX_ATTEMPTS:
        missing = f"{progress.step.value}: the station did not answer, asked {MAX_ATTEMPTS} times"
    else:
        await _next(unit, station, begun(progress, place, protocol, unit.now))
        return
    here = replace(progress, place=place, protocol=protocol)
    await _next(unit, station, left(here, missing, unit.now))


async def _assembly(unit: Unit, station: Station, progress: Progress) -> Assembly:
    report = await report_rows.find(unit.session, station.station_id, progress.request_id or 0)
    return assemble(await report_rows.part_numbers(unit.session, report) if report is not None else ())


async def firmware_changed(unit: Unit, station: Station, place: Place, protocol: str) -> None:
    """Fetch the inventory of a station anew that was onboarded with it, for its device model may differ (B07.FR.14)."""
    if station.onboarding != Mode.INVENTORY or is_due(station) or versions.of(protocol).onboarding is None:
        return
    await _ask_for_inventory(unit, station, begun(None, place, protocol, unit.now))


def is_due(station: Station) -> bool:
    """Whether the station is yet to be onboarded."""
    progress = progress_of(station)
    return station.onboarding == Mode.INVENTORY and (progress is None or progress.step is not Step.DONE)


def progress_of(station: Station) -> Progress | None:
    """Return how far it got; None: it has not begun."""
    return Progress.from_json(station.onboarding_progress) if station.onboarding_progress else None


async def unanswered(unit: Unit, station_id: str, call_id: str, what: str) -> None:
    """Remember that a call brought no answer: the step begins again at the next boot."""
    station, progress = await _waiting_for(unit, station_id, call_id)
    if station is not None and progress is not None:
        stalled = replace(progress.noted(f"{what}, again at the next boot"), place=NOWHERE, request_id=None)
        _store(unit, station, stalled)


async def answered(unit: Unit, executed: Executed) -> None:
    """Go on after a call of the onboarding; other calls change nothing. No response: a CALLERROR."""
    station, progress = await _waiting_for(unit, executed.station_id, executed.call_id)
    request, response = executed.request, executed.response
    if station is None or progress is None:
        return
    if progress.step is Step.INVENTORY:
        is_at_once = _commands(progress).is_at_once
        refusal = refusal_of_inventory(response, is_at_once=is_at_once)
        if refusal is not None or is_at_once:
            noted = progress if refusal is None else progress.noted(refusal)
            await _next(unit, station, noted.at(Step.VARIABLES, unit.now))
            return
    elif progress.step is Step.VARIABLES:
        await _next(unit, station, _variables_answered(progress, request, response).at(Step.VARIABLES, unit.now))
        return
    _store(unit, station, progress)


def _variables_answered(progress: Progress, request: Mapping[str, Any], response: Mapping[str, Any] | None) -> Progress:
    message = _commands(progress).set_variables
    results = None if response is None else message.results(request, response)
    return variables_answered(progress, results)


async def _waiting_for(unit: Unit, station_id: str, call_id: str) -> tuple[Station | None, Progress | None]:
    """Return the station, locked, and its progress without the call, if it is that call which is waited for."""
    station = (await station_rows.lock(unit.session, [station_id])).get(station_id)
    progress = progress_of(station) if station else None
    if progress is None or progress.call_id != call_id:
        return None, None
    return station, replace(progress, call_id=None)


async def part_arrived(unit: Unit, report: Report, *, completed: bool, repeated: bool = False) -> None:
    """Go on after a part of the inventory, when it was the last one that was missing.

    `repeated`: it has the number of an earlier one, which said something else.
    """
    station = await station_rows.find(unit.session, report.station_id)
    progress = progress_of(station) if station else None
    if station is None or progress is None or progress.step is not Step.INVENTORY:
        return
    if progress.request_id != report.request_id:
        return
    if repeated:
        progress = progress.noted("inventory: parts came with numbers that others had")
    if completed:
        await _next(unit, station, progress.at(Step.VARIABLES, unit.now))
    elif report.last_seq_no is not None and report.parts_in_row == 0:
        await _ended_without_first(unit, station, progress)
    else:
        _store(unit, station, progress)


async def _ended_without_first(unit: Unit, station: Station, progress: Progress) -> None:
    """Go on when only part 0 is missing: parts come in order, so the station counts from 1."""
    assembly = await _assembly(unit, station, progress)
    if assembly.missing == (0,):
        await _next(unit, station, left(progress, missing_of_inventory(assembly), unit.now))
    else:
        _store(unit, station, progress)


async def _next(unit: Unit, station: Station, progress: Progress) -> None:
    """Send what the step asks for."""
    if progress.step is Step.INVENTORY:
        progress = await _ask_for_inventory(unit, station, progress)
    elif progress.step is Step.VARIABLES:
        progress = await _set_variables(unit, station, progress)
    elif progress.step is Step.BOOT:
        progress = await _ask_for_boot(unit, station, progress)
    _store(unit, station, progress)


async def _ask_for_inventory(unit: Unit, station: Station, progress: Progress) -> Progress:
    request_id = await station_rows.take_request_id(unit.session, station.station_id) or 0
    request = _commands(progress).inventory(request_id)
    call_id = await _send(unit, station, progress, request)
    await report_rows.begin(
        unit.session, station.station_id, request_id, kind=request.action, call_id=call_id, now=unit.now
    )
    return replace(progress, call_id=call_id, request_id=request_id)


async def _set_variables(unit: Unit, station: Station, progress: Progress) -> Progress:
    message = _commands(progress).set_variables
    wanted: list[JsonObject] = []
    for element in station.onboarding_variables:
        if next(iter(message.unable(element)), None) is None:
            wanted.append(element)
        elif progress.variables_done == 0:
            progress = progress.noted(f"{name_of(element)}: not in this version")
    left = wanted[progress.variables_done :]
    if not left:
        return await _ask_for_boot(unit, station, progress)
    chunk = split([message.normal(element) for element in left], await _limits(unit, station, message))[0]
    call_id = await _send(unit, station, progress, message.request(chunk))
    return replace(progress, call_id=call_id, variables_asked=len(chunk))


async def _limits(unit: Unit, station: Station, message: VariableMessage) -> ChunkLimits:
    """Return the station's limits; one variable per message when the inventory did not tell them (B05.FR.11)."""
    keys = [key for key in (message.items, message.bytes) if key is not None]
    known = await variable_rows.values(unit.session, station.station_id, keys)
    items, size = (
        parse_limit(known.get(key.path)) if key is not None else None for key in (message.items, message.bytes)
    )
    return ChunkLimits(items or 1, size)


async def _ask_for_boot(unit: Unit, station: Station, progress: Progress) -> Progress:
    call_id = await _send(unit, station, progress, _commands(progress).boot)
    return replace(progress, step=Step.BOOT, call_id=call_id)


def _commands(progress: Progress) -> Onboarding:
    """Return what the station is asked. Raises ValueError: its version is accepted without onboarding."""
    found = versions.of(progress.protocol).onboarding
    if found is None:
        raise ValueError(f"no onboarding in {progress.protocol}")
    return found


async def _send(unit: Unit, station: Station, progress: Progress, request: Request) -> str:
    """Record a call and send it behind the answer to what is being handled; returns its id."""
    command = Command(new_id(), station.station_id, progress.protocol, *request, timeout_s(unit, station))
    target = Target(*progress.place)
    await call_rows.add(unit.session, await new_call(unit, command, target, requested_by=REQUESTED_BY))
    unit.send(outgoing(command, target))
    return command.call_id


def _store(unit: Unit, station: Station, progress: Progress) -> None:
    station.onboarding_progress = replace(progress, updated_at=unit.now).to_json()
