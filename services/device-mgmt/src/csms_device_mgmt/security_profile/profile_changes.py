"""Moving stations to a higher security profile: each step in the transaction of what led to it."""

from datetime import timedelta

from csms_runtime.ids import new_id

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.boot.registration import refusal
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.call_rows import Completion
from csms_device_mgmt.commands.command import Command, outgoing, target_of_station
from csms_device_mgmt.commands.new_call import new_call, timeout_s
from csms_device_mgmt.security_profile.change import (
    ENDED,
    MAX_ATTEMPTS,
    ProfileChange,
    Step,
    Wanted,
    begun,
    certified,
    refused,
)
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit

REQUESTED_BY = "security-profile"
"""Who asked, in the history of calls."""

CERTIFICATE_WAIT = timedelta(minutes=10)
"""How long it may take from the answer to TriggerMessage until the station has its certificate."""


def change_of(station: Station) -> ProfileChange | None:
    """Return the last change that was asked for; None: none was."""
    stored = station.security_profile_change
    return ProfileChange.model_validate(stored) if stored else None


async def begin(unit: Unit, station: Station, wanted: Wanted) -> None:
    """Begin a change of a locked station; one that is not connected begins when it is."""
    change = begun(wanted, station_rows.profiles_of(station).present, unit.now)
    await _send(unit, station, change)


def cancel(unit: Unit, station: Station, change: ProfileChange) -> None:
    """Give up a change. What the station has been told already stays: it may still come with the new profile."""
    _store(unit, station, change.failed("canceled"))


async def completed(unit: Unit, station_id: str, call_id: str, protocol: str, completion: Completion) -> None:
    """Go on after the outcome of a call of a change; other calls change nothing."""
    station = (await station_rows.lock(unit.session, [station_id])).get(station_id)
    change = change_of(station) if station else None
    if station is None or change is None or change.call_id != call_id:
        return
    steps = versions.of(protocol).profile_steps
    if completion.response is not None and steps is not None:
        await _go_on(unit, station, change, steps.answered(change, completion.response))
    elif completion.error is not None:
        _store(unit, station, refused(change, completion.error["code"]))
    elif change.step is Step.RESET and not completion.never_sent:
        await _may_have_reset(unit, station, change, completion)
    else:
        await _unanswered(unit, station, change)


async def _may_have_reset(unit: Unit, station: Station, change: ProfileChange, completion: Completion) -> None:
    """Wait for the station as if it had agreed: a Reset that may have reached it is not sent again."""
    await _go_on(unit, station, change, change.at(Step.CONNECT))
    sent_at, booted_at = completion.sent_at, station.booted_at
    if sent_at is not None and booted_at is not None and booted_at > sent_at:
        booted(unit, station, station.connection_id or "", station.connection_security_profile or 0)


async def _go_on(unit: Unit, station: Station, before: ProfileChange, after: ProfileChange) -> None:
    if after.step is before.step or after.step in {Step.CONNECT, *ENDED}:
        connection_id = before.connection_id if after.step is Step.CONNECT else None
        _store(unit, station, after.model_copy(update={"connection_id": connection_id}))
    else:
        await _send(unit, station, after)


async def _unanswered(unit: Unit, station: Station, change: ProfileChange) -> None:
    """Ask again if the station is still there; else its next connection begins the step again."""
    if station.connection_open and station.connection_id == change.connection_id:
        await _send(unit, station, change)
    else:
        _store(unit, station, change.model_copy(update={"call_id": None}))


async def certificate_accepted(unit: Unit, station: Station) -> None:
    """Go on when a station took its certificate."""
    change = change_of(station)
    if change is not None and change.step is Step.CERTIFICATE:
        await _send(unit, station, certified(change))


async def remind(unit: Unit) -> None:
    """Ask stations again that said they would make a certificate request, and got no certificate for a long time."""
    for station in (await station_rows.changing_profile(unit.session, Step.CERTIFICATE.value)).values():
        change = change_of(station)
        if change is not None and change.call_id is None and unit.now - change.updated_at > CERTIFICATE_WAIT:
            await _send(unit, station, change)


def certificate_refused(unit: Unit, station: Station) -> None:
    """Give up when a station did not take its certificate."""
    change = change_of(station)
    if change is not None and change.step is Step.CERTIFICATE:
        _store(unit, station, change.failed("the station rejected its certificate"))


async def connected(unit: Unit, station: Station, security_profile: int) -> None:
    """End the change with a connection it was for; another one begins again what the last one may have ended in."""
    change = change_of(station)
    if change is None or change.step is Step.DONE:
        return
    if security_profile >= change.wanted.security_profile:
        _store(unit, station, change.at(Step.DONE, failed_step=None, reason=None))
    elif change.step is Step.RESET and change.call_id is not None:
        return  # one is under way: its outcome tells whether it may have been carried out
    elif change.step not in {Step.CONNECT, Step.FAILED}:
        await _send(unit, station, change)


def booted(unit: Unit, station: Station, connection_id: str, security_profile: int) -> None:
    """Give up when the station has booted on a connection of its own choice, and not with the new profile."""
    change = change_of(station)
    if change is None or change.step is not Step.CONNECT or connection_id == change.connection_id:
        return
    if security_profile < change.wanted.security_profile:
        _store(unit, station, change.failed(f"after the reset it booted with security profile {security_profile}"))


async def _send(unit: Unit, station: Station, change: ProfileChange) -> None:
    """Send the step's CALL behind the answer to what is being handled, or leave it to the next connection."""
    target = target_of_station(unit, station)
    if target is None:
        _store(unit, station, change.model_copy(update={"call_id": None}))
        return
    if change.attempts >= MAX_ATTEMPTS:
        _store(unit, station, change.failed(f"nothing came of it, asked {MAX_ATTEMPTS} times"))
        return
    version = versions.of_station(station.connection_protocol)
    if version.profile_steps is None:
        _store(unit, station, change.failed(f"the station speaks {version.protocol.value} now"))
        return
    request = version.profile_steps.request(change)
    reason = refusal(announcements.registration_status_of(station), *request)
    if reason is not None:
        _store(unit, station, change.failed(reason))
        return
    command = Command(new_id(), station.station_id, version.protocol.value, *request, timeout_s(unit, station))
    await call_rows.add(unit.session, await new_call(unit, command, target, requested_by=REQUESTED_BY))
    unit.send(outgoing(command, target))
    sent = {"call_id": command.call_id, "connection_id": target.connection_id, "attempts": change.attempts + 1}
    _store(unit, station, change.model_copy(update=sent))


def _store(unit: Unit, station: Station, change: ProfileChange) -> None:
    updated = change.model_copy(update={"updated_at": unit.now})
    station.security_profile_change = updated.model_dump(mode="json")
