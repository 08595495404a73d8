"""B11, B12: resets of the station or one EVSE, now or once idle."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from csms_testing.simulator import sessions, status
from csms_testing.simulator.evse import Evse
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer
from csms_testing.simulator.rpc import Reply
from csms_testing.simulator.transaction import IMMEDIATE_RESET, Stop

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


def reset(station: "Station", request: Json) -> Reply:
    """Answer Accepted and reset, or Scheduled when a transaction is to end first."""
    evse_id = request.get("evseId")
    if evse_id is not None and evse_id not in station.evses:
        return answer("Rejected", reason="UnknownEvse")
    if station.features.firmware.running:
        return answer("Rejected", reason="FwUpdateInProgress")
    chosen = [evse for evse in station.evses.values() if evse_id in (None, evse.id)]
    if request["type"] == "OnIdle" and any(evse.transaction for evse in chosen):
        _schedule(station, evse_id)
        return answer("Scheduled")
    return answer("Accepted", lambda: _reset(station, evse_id))


def _schedule(station: "Station", evse_id: int | None) -> None:
    if evse_id is None:
        station.features.reset_when_idle = True
    else:
        station.evses[evse_id].reset_when_idle = True


async def _reset(station: "Station", evse_id: int | None) -> None:
    if evse_id is None:
        await restart(station, IMMEDIATE_RESET)
    else:
        await sessions.stop_all(station, IMMEDIATE_RESET, evse_id)
        await _reset_evse(station, station.evses[evse_id])


async def restart(station: "Station", stop: Stop, reason: str = "RemoteReset") -> None:
    """End all transactions with `stop`, deliver what is queued, and boot with this BootReasonEnumType."""
    await sessions.stop_all(station, stop)
    await _deliver_what_is_queued(station)
    await station.reboot(reason)


async def _deliver_what_is_queued(station: "Station") -> None:
    """B12.FR.05: give the CSMS the time to answer; what stays unanswered is sent again after the reboot."""
    timeout = station.model.number("OCPPCommCtrlr", "MessageTimeout", "Default") * station.config.time_scale
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await station.delivery.flushed()


async def _reset_evse(station: "Station", evse: Evse) -> None:
    """B11.FR.08: unavailable while it resets, then as it was before (B12.FR.06)."""
    was_operative, evse.operative = evse.operative, False
    await status.report_changes(station)
    await station.clock.sleep(station.config.reboot_s)
    evse.operative = was_operative
    await status.report_changes(station)


async def transaction_ended(station: "Station", evse: Evse) -> None:
    """Do what waited for the end of a transaction: availability (G03.FR.05) and resets (B12.FR.01)."""
    if evse.inoperative_when_idle:
        evse.operative, evse.inoperative_when_idle = False, False
    for connector in evse.connectors:
        if connector.inoperative_when_idle:
            connector.operative, connector.inoperative_when_idle = False, False
    if evse.reset_when_idle:
        evse.reset_when_idle = False
        station.tasks.start(_reset_evse(station, evse), f"{station.id} scheduled reset of EVSE {evse.id}")
    if not station.transactions():
        _station_is_idle(station)
    await status.report_changes(station)


def _station_is_idle(station: "Station") -> None:
    if station.features.inoperative_when_idle:
        station.operative, station.features.inoperative_when_idle = False, False
    if station.features.reset_when_idle:
        station.features.reset_when_idle = False
        station.tasks.start(restart(station, IMMEDIATE_RESET, "ScheduledReset"), f"{station.id} scheduled reset")
