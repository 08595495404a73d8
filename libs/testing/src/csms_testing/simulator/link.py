"""Keeps a station connected and registered: back-off, BootNotification, heartbeats (B01-B03, G02, Part 4 5.3)."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum

from websockets.exceptions import InvalidStatus, WebSocketException

from csms_testing.simulator.config import StationConfig
from csms_testing.simulator.connection import open_connection
from csms_testing.simulator.device_model import DeviceModel
from csms_testing.simulator.errors import CallRefused, CallTimeout, NotConnected, SchemaViolation
from csms_testing.simulator.frames import Json
from csms_testing.simulator.rpc import OnCall, Rpc
from csms_testing.simulator.schemas import Schemas
from csms_testing.simulator.stats import FrameObserver, Stats
from csms_testing.simulator.tasks import Tasks

_HTTP_UNAUTHORIZED = 401


class Registration(StrEnum):
    """RegistrationStatusEnumType, and NONE before the first answer."""

    NONE = "None"
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the station does when the link changes."""

    on_call: OnCall
    boot_payload: Callable[[str], Json]
    """The BootNotificationRequest for a BootReasonEnumType."""
    ready: Callable[[bool], Awaitable[None]]
    """Connected and accepted; the flag says whether it booted just now."""
    lost: Callable[[], None]
    changed: Callable[[], None]
    on_violation: Callable[[str], None]


class Link:
    """One station's connection, over all reconnects."""

    def __init__(
        self,
        url: str,
        station_id: str,
        password: str | bytes | None,
        *,
        schemas: Schemas,
        config: StationConfig,
        model: DeviceModel,
        tasks: Tasks,
        stats: Stats,
        observer: FrameObserver | None,
        hooks: Hooks,
        gate: asyncio.Semaphore | None,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.url = url
        self.password = password
        self.registration = Registration.NONE
        self.boot_reason: str | None = "PowerUp"
        self.rpc: Rpc | None = None
        self.accepted = False
        """Connected, and the CSMS accepted the station."""
        self.boots = 0
        """Accepted BootNotifications so far."""
        self.last_error: Exception | None = None
        """Why the last attempt to connect failed; None after success."""
        self._station_id = station_id
        self._schemas = schemas
        self._config = config
        self._model = model
        self._tasks = tasks
        self._stats = stats
        self._observer = observer
        self._hooks = hooks
        self._gate = gate
        self._sleep = sleep
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._stopping = False
        self._boot_now = asyncio.Event()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._pause_before_connect = 0.0

    async def run(self) -> None:
        """Connect, serve, reconnect, until `stop`."""
        failures = 0
        while not self._stopping:
            await self._wanted.wait()
            rpc = await self._connect()
            if rpc is None:
                failures += 1
                await asyncio.sleep(self._back_off(failures))
                continue
            failures = 0
            await self._serve(rpc)
            await self._between_connections()

    async def _between_connections(self) -> None:
        if self._stopping:
            return
        if self.boot_reason is not None and self._pause_before_connect:
            await self._sleep(self._pause_before_connect)
            self._pause_before_connect = 0.0
        elif self._wanted.is_set():
            self._stats.losses += 1
            await asyncio.sleep(self._back_off(1))

    def _back_off(self, failures: int) -> float:
        """OCPP-J 5.4: a random part on a minimum that doubles a limited number of times."""
        doublings = min(failures - 1, int(self._model.number("OCPPCommCtrlr", "RetryBackOffRepeatTimes")))
        minimum: float = self._model.number("OCPPCommCtrlr", "RetryBackOffWaitMinimum") * 2**doublings
        spread = self._model.number("OCPPCommCtrlr", "RetryBackOffRandomRange")
        return (minimum + random.uniform(0, spread)) * self._config.time_scale  # noqa: S311  # no secret

    async def _connect(self) -> Rpc | None:
        gate: AbstractAsyncContextManager[None] = nullcontext() if self._gate is None else self._gate
        try:
            async with gate:
                pings = self._model.number("OCPPCommCtrlr", "WebSocketPingInterval")
                connection = await open_connection(self.url, self._station_id, self.password, self._config, pings)
        except (OSError, TimeoutError, WebSocketException) as error:
            self._refused(error)
            return None
        self.last_error = None
        self._stats.connections += 1
        return Rpc(
            self._station_id,
            connection,
            schemas=self._schemas,
            on_call=self._hooks.on_call,
            on_violation=self._hooks.on_violation,
            spawn=self._tasks.start,
            stats=self._stats,
            observer=self._observer,
        )

    def _refused(self, error: Exception) -> None:
        self.last_error = error
        self._stats.refusals += 1
        unauthorized = isinstance(error, InvalidStatus) and error.response.status_code == _HTTP_UNAUTHORIZED
        if unauthorized and self._config.wrong_password_is_fatal:
            self._stopping = True
        self._hooks.changed()

    async def _serve(self, rpc: Rpc) -> None:
        self.rpc = rpc
        if self._stopping or not self._wanted.is_set():
            await rpc.close()  # stopped while the handshake was under way
        set_up = self._tasks.start(self._set_up(), f"{self._station_id} set-up")
        self._hooks.changed()
        try:
            await rpc.read()
        finally:
            set_up.cancel()
            self._disconnected()

    def _disconnected(self) -> None:
        self.rpc = None
        self.accepted = False
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._hooks.lost()
        self._hooks.changed()

    async def _set_up(self) -> None:
        with suppress(NotConnected):  # `run` connects again and starts over
            booting = self.boot_reason is not None or self.registration is not Registration.ACCEPTED
            if booting:
                await self._boot()
            self.accepted = True
            self._schedule_heartbeat(self.heartbeat_interval())
            await self._hooks.ready(booting)
            self._hooks.changed()

    async def _boot(self) -> None:
        while (interval := await self._boot_once()) is not None:
            self._boot_now.clear()
            self._hooks.changed()
            with suppress(TimeoutError):
                async with asyncio.timeout(interval * self._config.time_scale):
                    await self._boot_now.wait()
        self.boot_reason = None

    async def _boot_once(self) -> float | None:
        """Boot; None when accepted, else the seconds to wait before the next try."""
        try:
            answer = await self.call("BootNotification", self._hooks.boot_payload(self.boot_reason or "PowerUp"))
        except (CallRefused, CallTimeout, SchemaViolation):
            return self._config.boot_retry_s
        self.registration = Registration(answer["status"])
        if self.registration is Registration.ACCEPTED:
            if answer["interval"] > 0:
                self._model.write("OCPPCommCtrlr", "HeartbeatInterval", str(answer["interval"]))
            self.boots += 1
            return None
        return float(answer["interval"]) or self._config.boot_retry_s

    async def call(self, action: str, payload: Json, *, message_id: str | None = None) -> Json:
        """Send any CALL, whatever the registration. Raises what `Rpc.call` raises."""
        if self.rpc is None:
            raise NotConnected(f"{self._station_id} is not connected")
        timeout = self._config.call_timeout_s or self._model.number("OCPPCommCtrlr", "MessageTimeout", "Default")
        return await self.rpc.call(action, payload, timeout, message_id)

    def boot_again(self, reason: str) -> None:
        """Boot at once instead of waiting for the interval (TriggerMessage)."""
        self.boot_reason = reason
        self._boot_now.set()

    def heartbeat_interval(self) -> float:
        """Real seconds of silence after which a heartbeat is due."""
        return self._model.number("OCPPCommCtrlr", "HeartbeatInterval", default=300) * self._config.time_scale

    def _schedule_heartbeat(self, delay: float) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._heartbeat = asyncio.get_running_loop().call_later(delay, self._beat)

    def reschedule_heartbeat(self) -> None:
        """HeartbeatInterval has changed."""
        if self.accepted:
            self._schedule_heartbeat(self.heartbeat_interval())

    def _beat(self) -> None:
        if self.rpc is None:
            return
        quiet_until = self.rpc.last_activity + self.heartbeat_interval()
        if quiet_until > time.monotonic():
            self._schedule_heartbeat(quiet_until - time.monotonic())
            return
        self._tasks.start(self.heartbeat(), f"{self._station_id} heartbeat")
        self._schedule_heartbeat(self.heartbeat_interval())

    async def heartbeat(self) -> None:
        """Send a heartbeat; an unanswered one changes nothing (the next message shows whether the CSMS is there)."""
        with suppress(NotConnected, CallTimeout, CallRefused, SchemaViolation):
            await self.call("Heartbeat", {})

    async def reboot(self, reason: str, seconds: float) -> None:
        """Disconnect, stay away for simulated seconds, and boot with this reason."""
        self.must_boot(reason)
        self._pause_before_connect = max(seconds, 1e-9)
        if self.rpc is not None:
            await self.rpc.close()

    def must_boot(self, reason: str) -> None:
        """Boot with this BootReasonEnumType on the next connection, as after a cold start."""
        self.boot_reason, self.registration = reason, Registration.NONE

    def drop(self) -> None:
        """Lose the connection without a closing handshake; the station reconnects by itself."""
        if self.rpc is not None:
            self.rpc.abort()

    def go_offline(self, *, abruptly: bool) -> Awaitable[None]:
        """Disconnect and stay offline until `go_online`."""
        self._wanted.clear()
        if self.rpc is not None and abruptly:
            self.rpc.abort()
            return asyncio.sleep(0)
        return self.rpc.close() if self.rpc is not None else asyncio.sleep(0)

    def go_online(self) -> None:
        """Connect again after `go_offline`."""
        self._wanted.set()

    async def stop(self) -> None:
        """Disconnect for good."""
        self._stopping = True
        self._wanted.set()
        if self.rpc is not None:
            await self.rpc.close()
