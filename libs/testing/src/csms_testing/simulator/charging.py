"""The session driver: what a driver, a car and a station do together, from plug-in to leaving (E01-E10, F01-F04)."""

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csms_testing.simulator import status
from csms_testing.simulator.evse import Evse
from csms_testing.simulator.frames import Json
from csms_testing.simulator.tokens import ACCEPTED
from csms_testing.simulator.transaction import EV_CONNECT_TIMEOUT, LOCAL, EventType, Stop, Transaction

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_UNPACED_STEP_S = 60.0
_NEGLIGIBLE_WH = 1e-6
_UNPACED_BACKLOG = 50
"""Undelivered events at which an unpaced session waits: time does not pass while nobody takes its events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a session goes. Times are simulated seconds."""

    duration_s: float = 1800
    """Longest time of energy transfer."""
    energy_wh: float | None = None
    """Ends the session when so much was delivered."""
    meter_interval_s: float | None = None
    """Between Updated events; None: SampledDataCtrlr.TxUpdatedInterval; 0: a simulated minute each, without waiting."""
    power_w: float = 11_000
    """What the car draws, unless the station allows less."""
    connector_id: int = 1
    soc_percent: float | None = 30
    """The car's state of charge at the start; None: the car does not tell."""
    cable_first: bool = False
    """Plug in before presenting the token."""
    authorize: bool = True
    """Ask with Authorize; without it what begins the transaction alone carries the token."""
    plug_delay_s: float = 5
    """Between token and cable."""
    plugs_in: bool = True
    """Without a cable the session ends by TxCtrlr.EVConnectionTimeOut."""
    unplugs: bool = True
    """Whether the driver leaves at the end."""
    stop: Stop = LOCAL
    """How the driver ends the session when time or energy is reached."""
    stop_token: Json | None = None
    """What the driver presents to stop; None: the token that started it."""
    remote_start_id: int | None = None
    """Set when it was started remotely."""
    group_id_token: Json | None = None


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """How a session ended."""

    authorization: str
    """AuthorizationStatusEnumType of the first check."""
    transaction_id: str | None = None
    """None when no transaction was made."""
    stopped_reason: str | None = None
    energy_wh: float = 0.0
    events: int = 0
    """Events of the transaction, delivered or not."""


class Session:
    """One run of a plan at one EVSE."""

    def __init__(self, station: "Station", evse: Evse, id_token: Json, plan: Plan) -> None:
        self._station = station
        self._evse = evse
        self._token = id_token
        self._plan = plan
        self._authorization = ACCEPTED
        interval = plan.meter_interval_s
        self._interval = station.meter_interval_s() if interval is None else interval
        # Without pauses the CSMS's answers are what slows a session down.
        self._unpaced = self._interval <= 0 or math.isinf(station.clock.speed)

    @property
    def _transaction(self) -> Transaction | None:
        return self._evse.transaction

    async def run(self) -> ChargeResult:
        """Drive the session to its end."""
        if self._plan.cable_first:
            await self._station.plug_in(self._evse.id, self._plan.connector_id)
        if not await self._authorized():
            return await self._turned_away()
        if not await self._connected():
            return await self._end(EV_CONNECT_TIMEOUT)
        await self._start_energy()
        return await self._end(await self._transfer())

    async def _authorized(self) -> bool:
        if self._plan.authorize:
            info = await self._station.authorize(self._token)
            self._authorization = info["status"]
        return self._authorization == ACCEPTED

    async def _turned_away(self) -> ChargeResult:
        if self._plan.cable_first and self._plan.unplugs:
            await self._station.unplug(self._evse.id, self._plan.connector_id)
            if self._transaction is not None and self._transaction.stop is not None:
                return await self._end(self._transaction.stop)
        return ChargeResult(self._authorization)

    async def _connected(self) -> bool:
        """Present the token and have the cable plugged in; False when nobody plugs in."""
        if self._transaction is not None:
            self._present(self._transaction)
            await self._tell("Updated", "Authorized")
        elif self._starts_at("Authorized"):
            self._begin()
            await self._tell("Started", "Authorized", plugged=self._plugged())
        return self._plugged() or await self._plug_in()

    def _starts_at(self, point: str) -> bool:
        return point in self._station.model.members("TxCtrlr", "TxStartPoint")

    def _plugged(self) -> bool:
        connector = self._evse.connector(self._plan.connector_id)
        return connector is not None and connector.plugged

    async def _plug_in(self) -> bool:
        stop = self._transaction.stop_requested if self._transaction else asyncio.Event()
        if not self._plan.plugs_in:
            await self._station.clock.wait(stop, self._station.model.number("TxCtrlr", "EVConnectionTimeOut"))
            return False
        await self._station.clock.wait(stop, self._plan.plug_delay_s)
        event_type: EventType = "Updated"
        if self._transaction is None and self._starts_at("EVConnected"):
            event_type = "Started"
            self._begin()
        await self._station.plug(self._evse.id, self._plan.connector_id)
        if self._transaction is not None:
            self._transaction.charging_state = "EVConnected"
            await self._tell(event_type, "CablePluggedIn")
        return True

    def _begin(self) -> Transaction:
        transaction = self._station.begin(self._evse, self._plan.connector_id, self._token)
        self._present(transaction)
        return transaction

    def _present(self, transaction: Transaction) -> None:
        transaction.present(self._token)
        transaction.remote_start_id = self._plan.remote_start_id
        transaction.group_id_token = self._plan.group_id_token

    async def _start_energy(self) -> None:
        if self._transaction is None:
            self._begin().charging_state = "EVConnected"
            await self._tell("Started", "Authorized" if self._plan.cable_first else "CablePluggedIn")
        transaction = self._running()
        if transaction.stop is not None:
            return
        transaction.charging_state = "Charging"
        self._evse.meter.soc_percent = self._plan.soc_percent
        self._evse.meter.power_w = self._power()
        await self._tell("Updated", "ChargingStateChanged")
        await status.report_changes(self._station)

    def _power(self) -> float:
        return min(self._plan.power_w, self._station.power_limit_w(self._evse.id))

    async def _transfer(self) -> Stop:
        """Deliver energy until somebody wants to stop."""
        transaction, left = self._running(), self._plan.duration_s
        while transaction.stop is None:
            step = min(self._interval or _UNPACED_STEP_S, left, self._seconds_to_energy_target())
            passed = await self._pass(step)
            left -= passed
            if transaction.stop is None and (left <= 0 or self._seconds_to_energy_target() <= 0):
                return self._planned_stop()
            if transaction.stop is None:
                await self._tell("Updated", "MeterValuePeriodic", measurands="TxUpdatedMeasurands")
        return transaction.stop

    async def _pass(self, step: float) -> float:
        """Let up to `step` simulated seconds pass; how many did."""
        loop, transaction = asyncio.get_running_loop(), self._running()
        began = loop.time()
        interrupted = await self._station.clock.wait(transaction.stop_requested, 0 if self._unpaced else step)
        speed = self._station.clock.speed
        passed = min(step, (loop.time() - began) * speed) if interrupted and not self._unpaced else step
        self._evse.meter.advance(passed)
        self._evse.meter.power_w = self._power()
        transaction.seconds_charging += passed
        return passed

    def _seconds_to_energy_target(self) -> float:
        if self._plan.energy_wh is None or self._evse.meter.power_w <= 0:
            return math.inf
        missing = self._plan.energy_wh - (self._evse.meter.energy_wh - self._running().meter_start_wh)
        return 0.0 if missing <= _NEGLIGIBLE_WH else missing * 3600 / self._evse.meter.power_w

    def _planned_stop(self) -> Stop:
        plan = self._plan.stop
        if plan.trigger != "StopAuthorized":
            return plan
        return Stop(plan.reason, plan.trigger, self._plan.stop_token or self._token)

    async def _end(self, stop: Stop) -> ChargeResult:
        transaction = self._transaction
        if transaction is None:
            return ChargeResult(self._authorization)
        stop = transaction.stop or stop
        await self._station.end(self._evse, stop)
        if self._plan.unplugs:
            await self._station.unplug(self._evse.id, self._plan.connector_id)
        return ChargeResult(
            self._authorization,
            transaction.id,
            stop.reason,
            self._evse.meter.energy_wh - transaction.meter_start_wh,
            transaction.events_made,
        )

    def _running(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("the session has no transaction")  # a mistake in this module
        return self._transaction

    async def _tell(
        self, event_type: EventType, trigger: str, *, measurands: str | None = None, plugged: bool = True
    ) -> None:
        answer = self._station.emit(self._running(), event_type, trigger, measurands=measurands, connected=plugged)
        if self._unpaced:
            await answer
            await self._station.delivery.below(_UNPACED_BACKLOG)
