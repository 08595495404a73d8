"""One simulated charging station: its state, what people do at it, and what it tells the CSMS."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Self

from csms_testing.simulator import boot, handlers, sessions, status
from csms_testing.simulator.charging import ChargeResult, Plan
from csms_testing.simulator.clock import Clock
from csms_testing.simulator.config import StationConfig
from csms_testing.simulator.delivery import Delivery, Policy
from csms_testing.simulator.device_model import DeviceModel, Variable
from csms_testing.simulator.device_model.catalogue import definitions
from csms_testing.simulator.evse import Connector, ConnectorStatus, Evse
from csms_testing.simulator.features import Features
from csms_testing.simulator.frames import Call, Json
from csms_testing.simulator.ledger import Ledger
from csms_testing.simulator.link import Hooks, Link, Registration
from csms_testing.simulator.meter import Meter
from csms_testing.simulator.rpc import Reply
from csms_testing.simulator.stats import FrameObserver, Stats
from csms_testing.simulator.tasks import Tasks
from csms_testing.simulator.tokens import KnownTokens, authorize, token
from csms_testing.simulator.transaction import LOCAL, EventType, Stop, Transaction
from csms_testing.simulator.versions import VERSIONS


class Station:
    """A charging station; `async with Station(...)` connects it and disconnects it at the end.

    Idle, it is one task and one socket. All methods belong to the event loop it was started in.
    """

    def __init__(
        self,
        url: str,
        station_id: str,
        *,
        password: str | None = None,
        serial_number: str | None = None,
        config: StationConfig | None = None,
        clock: Clock | None = None,
        ledger: Ledger | None = None,
        stats: Stats | None = None,
        observer: FrameObserver | None = None,
        connect_gate: asyncio.Semaphore | None = None,
    ) -> None:
        """Make a station; nothing happens before `start`.

        `url` lacks the identity (ws://host:9000/ocpp). Ledger, stats, observer, clock and gate may be shared by many
        stations; the gate bounds how many connect at the same time. `serial_number` defaults to the identity.
        Raises ValueError when the version has no such station.
        """
        self.id = station_id
        self.serial_number = serial_number or station_id
        self.config = config or StationConfig()
        self.version = VERSIONS[self.config.protocol]
        self.clock = clock or Clock()
        self.ledger = Ledger() if ledger is None else ledger
        self.stats = stats or Stats()
        self.tasks = Tasks()
        self.features: Features = Features()
        self.tokens = KnownTokens()
        self.operative = True
        self.reported: str | None = None
        """What the CSMS was last told of the station itself; None: nothing, or the version has no such thing."""
        self.clock_error = timedelta()
        """How far the station's own clock is ahead of the truth."""
        self.evses: dict[int, Evse] = self._build_evses()
        shape = definitions(self.config.evses, self.config.connectors, self.config.max_power_w)
        self.model = DeviceModel(shape, self._variable_set)
        boot.describe(self)
        self.delivery = self._build_delivery()
        self.link = self._build_link(url, password, observer, connect_gate)
        self._runner: asyncio.Task[None] | None = None
        self._waiters: set[tuple[Callable[[], object], asyncio.Future[None]]] = set()

    def _build_evses(self) -> dict[int, Evse]:
        most = self.version.most_connectors
        if most is not None and self.config.connectors > most:
            raise ValueError(f"an EVSE has at most {most} connectors in {self.config.protocol}")
        meters = {number: Meter(decimals=self.version.register_decimals) for number in range(1, self.config.evses + 1)}
        return {
            number: Evse(number, [Connector(other + 1) for other in range(self.config.connectors)], meter)
            for number, meter in meters.items()
        }

    def _build_delivery(self) -> Delivery:
        policy = Policy(
            attempts=lambda: int(self.model.number("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent")),
            interval_s=lambda: (
                self.model.number("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent")
                * self.config.time_scale
            ),
            same_message_id=self.config.retry_same_message_id,
            limit=self.config.offline_limit,
        )
        return Delivery(
            self.id,
            self.call,
            ledger=self.ledger,
            policy=policy,
            tasks=self.tasks,
            on_answer=lambda message, told: sessions.apply_answer(self, message, told),
        )

    def _build_link(
        self, url: str, password: str | None, observer: FrameObserver | None, gate: asyncio.Semaphore | None
    ) -> Link:
        hooks = Hooks(
            on_call=self._on_call,
            boot_payload=lambda reason: self.version.boot(self, reason),
            ready=self._ready,
            lost=self.delivery.offline,
            changed=self.notify,
            on_violation=lambda text: self.ledger.violations.append(f"{self.id}: {text}"),
        )
        return Link(
            url,
            self.id,
            password,
            schemas=self.version.schemas,
            config=self.config,
            model=self.model,
            tasks=self.tasks,
            stats=self.stats,
            observer=observer,
            hooks=hooks,
            gate=gate,
            sleep=self.clock.sleep,
        )

    # --- life

    async def start(self) -> Self:
        """Begin to connect; returns at once."""
        self._runner = asyncio.create_task(self.link.run(), name=f"{self.id} link")
        return self

    async def stop(self) -> None:
        """Disconnect for good. Raises ExceptionGroup when background work of this station failed."""
        await self.link.stop()
        if self._runner is not None:
            self._runner.cancel()
            with suppress(asyncio.CancelledError):
                await self._runner
        await self.tasks.close()

    async def finished(self) -> None:
        """Wait until the station gives up connecting (`wrong_password_is_fatal`) or is stopped."""
        if self._runner is not None:
            await asyncio.wait([self._runner])

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def connected(self) -> bool:
        """Whether the WebSocket is open."""
        return self.link.rpc is not None

    @property
    def accepted(self) -> bool:
        """Whether the WebSocket is open and the CSMS has accepted the station."""
        return self.link.accepted

    @property
    def registration(self) -> Registration:
        """The status of the last BootNotificationResponse."""
        return self.link.registration

    @property
    def boots(self) -> int:
        """Accepted BootNotifications so far; rises with every reboot."""
        return self.link.boots

    async def wait_accepted(self, timeout_s: float = 30) -> None:
        """Wait until the station may work. Raises TimeoutError, chained to why the last attempt to connect failed."""
        try:
            await self.wait_for(lambda: self.accepted, timeout_s)
        except TimeoutError as error:
            raise error from self.link.last_error

    async def wait_for(self, predicate: Callable[[], object], timeout_s: float = 30) -> None:
        """Wait until the predicate over this station is true. Raises TimeoutError."""
        if predicate():
            return
        waiter = (predicate, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter[1]
        finally:
            self._waiters.discard(waiter)

    def notify(self) -> None:
        """Something changed: let `wait_for` look again."""
        for predicate, future in list(self._waiters):
            if not future.done() and predicate():
                future.set_result(None)

    async def _ready(self, booted: bool) -> None:  # noqa: FBT001  # a hook with one fact
        self.delivery.online()
        if booted:
            status.forget(self)
        await status.report_changes(self)

    def _variable_set(self, variable: Variable, value: str) -> None:
        match (variable.component, variable.name):
            case ("OCPPCommCtrlr", "HeartbeatInterval"):
                self.link.reschedule_heartbeat()
            case ("SecurityCtrlr", "BasicAuthPassword"):
                self.link.password = value

    # --- messages

    async def call(self, action: str, payload: Json, *, message_id: str | None = None) -> Json:
        """Send any CALL and return its answer, whatever the registration status.

        Raises NotConnected, CallRefused, CallTimeout, SchemaViolation.
        """
        return await self.link.call(action, payload, message_id=message_id)

    def _on_call(self, call: Call) -> Reply:
        reply = handlers.handle(self, call)
        self.notify()
        return reply

    def emit(
        self,
        transaction: Transaction,
        event_type: EventType,
        trigger: str,
        *,
        measurands: str | None = None,
        connected: bool = True,
        stop: Stop | None = None,
    ) -> asyncio.Future[Json | None]:
        """Queue the transaction's next event; the future is that of `Delivery.put`."""
        return sessions.emit(
            self, transaction, event_type, trigger, measurands=measurands, connected=connected, stop=stop
        )

    def begin(self, evse: Evse, connector_id: int, id_token: Json | None) -> Transaction:
        """Begin a transaction without a message; for session drivers."""
        return sessions.begin(self, evse, connector_id, id_token)

    async def end(self, evse: Evse, stop: Stop) -> None:
        """End the transaction of an EVSE and wait for the answer to its Ended event; for session drivers."""
        await sessions.end(self, evse, stop)

    # --- what people do at the station

    async def authorize(self, id_token: str | Json) -> Json:
        """Present a token; the idTokenInfo from the CSMS, or from the station itself when offline."""
        return await authorize(self, token(id_token))

    async def charge(
        self,
        evse_id: int,
        id_token: str | Json,
        *,
        duration_s: float = 1800,
        energy_wh: float | None = None,
        meter_interval_s: float | None = None,
        plan: Plan | None = None,
    ) -> ChargeResult:
        """A whole session: token, cable, energy, end. `plan` replaces the other arguments and can say more.

        `meter_interval_s=0` runs as fast as the CSMS answers. Raises EvseUnavailable.
        """
        plan = plan or Plan(duration_s=duration_s, energy_wh=energy_wh, meter_interval_s=meter_interval_s)
        return await sessions.charge(self, evse_id, token(id_token), plan)

    async def plug_in(self, evse_id: int, connector_id: int = 1) -> None:
        """Plug a car in; begins a transaction when TxStartPoint contains EVConnected."""
        await sessions.plug_in(self, evse_id, connector_id)

    async def plug(self, evse_id: int, connector_id: int = 1) -> None:
        """Plug a car in and report the connector, nothing else."""
        await sessions.set_plugged(self, evse_id, connector_id, plugged=True)

    async def unplug(self, evse_id: int, connector_id: int = 1) -> None:
        """Pull the cable on the car's side; a running transaction ends with EVDisconnected (E09)."""
        await sessions.unplug(self, evse_id, connector_id)

    def stop_transaction(self, evse_id: int, stop: Stop = LOCAL) -> None:
        """Stop the transaction at this EVSE from the station's side; its driver sends the Ended event."""
        transaction = self.evses[evse_id].transaction
        if transaction is not None:
            transaction.request_stop(stop)

    async def fault(self, evse_id: int, connector_id: int = 1) -> None:
        """Break a connector; a running transaction ends."""
        await sessions.set_faulted(self, evse_id, connector_id, faulted=True)

    async def clear_fault(self, evse_id: int, connector_id: int = 1) -> None:
        """Repair a connector."""
        await sessions.set_faulted(self, evse_id, connector_id, faulted=False)

    # --- what happens to the station

    def drop_connection(self) -> None:
        """Lose the TCP connection; the station reconnects after its back-off."""
        self.link.drop()

    def go_offline(self, *, abruptly: bool = True) -> Awaitable[None]:
        """Lose the network until `go_online`; await it for the closing handshake."""
        return self.link.go_offline(abruptly=abruptly)

    def go_online(self) -> None:
        """The network is back."""
        self.link.go_online()

    async def reboot(self, reason: str = "LocalReset") -> None:
        """Restart: disconnect, wait, boot with this BootReasonEnumType. Running transactions stay running."""
        await self.link.reboot(reason, self.config.reboot_s)

    async def power_loss(self) -> None:
        """Lose power: the connection breaks, running transactions end with PowerLoss, the station boots again."""
        await sessions.power_loss(self)

    # --- facts

    def status(self, evse_id: int, connector_id: int = 1) -> ConnectorStatus:
        """A connector's status now, told to the CSMS or not."""
        evse = self.evses[evse_id]
        connector = evse.connector(connector_id)
        if connector is None:
            raise KeyError(f"EVSE {evse_id} has no connector {connector_id}")
        return evse.status(connector, station_operative=self.operative)

    def transactions(self) -> list[Transaction]:
        """The running transactions."""
        return [evse.transaction for evse in self.evses.values() if evse.transaction is not None]

    def meter_interval_s(self) -> float:
        """SampledDataCtrlr.TxUpdatedInterval in simulated seconds."""
        return self.model.number("SampledDataCtrlr", "TxUpdatedInterval", default=60)

    def power_limit_w(self, evse_id: int) -> float:
        """What the hardware and the charging profiles allow at this EVSE now."""
        return handlers.power_limit_w(self, evse_id)
