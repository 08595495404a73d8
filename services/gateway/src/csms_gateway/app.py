"""Puts the gateway together: the only wiring. Standalone mode and `__main__` both use `Gateway`."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from csms.v1.station_pb2 import GATEWAY_STATE_DRAINING, GATEWAY_STATE_STOPPED
from csms_bus.inbox import Inbox
from csms_bus.ports import Bus
from csms_bus.requests import Requester
from csms_ocpp.session import SessionLimits
from csms_runtime.health import Health
from csms_runtime.lifecycle import on_hangup
from csms_runtime.waiting import wait_for
from fastapi import APIRouter
from websockets.frames import CloseCode

from csms_gateway.announcements import Announcements
from csms_gateway.command_router import CommandRouter
from csms_gateway.connection import ConnectionOptions, StationConnection
from csms_gateway.connection_requests import ConnectionRequests
from csms_gateway.connection_runner import ConnectionRunner
from csms_gateway.connections import Connections
from csms_gateway.handshake_refusals import HandshakeRefusals
from csms_gateway.http import connections
from csms_gateway.identity import GatewayId
from csms_gateway.inbox import InboxRouter
from csms_gateway.message_refusals import MessageRefusals
from csms_gateway.messages.message_log import MessageLog
from csms_gateway.publisher import Publisher
from csms_gateway.retrying import RetryingPublisher
from csms_gateway.server import StationServer
from csms_gateway.settings import GatewaySettings
from csms_gateway.shedding import Shedding
from csms_gateway.slot import Slot, SlotTaken
from csms_gateway.station_call_router import StationCallRouter
from csms_gateway.tls_refusals import TlsRefusals
from csms_gateway.tls_reload import CurrentContext
from csms_gateway.watch import Watch

_log = structlog.get_logger(__name__)

_MAX_RESULTS = 50_000
"""How many results, and ends of connections, are kept while the bus is away."""
_COMPONENT = "gateway"
_LONGEST_DRAIN_PAUSE_S = 0.01
"""Longest pause between the closing of two connections. So a small site need not wait for the whole spread."""
_SHUTDOWN_RESERVE_S = 2.0
"""This part of the shutdown timeout is kept for the last announcements on the bus."""


class Gateway:
    """A gateway. Make one, mount `routers`, and `run` it. The bus must be started before, and stopped after `run`."""

    def __init__(self, settings: GatewaySettings, bus: Bus, health: Health) -> None:
        """Wire everything. Raises ValueError when the settings hold no secret key, OSError for unusable TLS files."""
        self._settings = settings
        self._health = health
        health.set(_COMPONENT, ok=False, detail="starting")
        self.id = GatewayId.of_new_process(settings.slot)
        self._slot = Slot(bus, self.id)
        self.connections = Connections()
        self._publisher = Publisher(bus, deadline_s=settings.publish_timeout_s, max_records=settings.publish_queue)
        self._retrying = RetryingPublisher(
            bus,
            deadline_s=settings.publish_timeout_s,
            max_age_s=settings.result_max_age_s,
            max_records=_MAX_RESULTS,
        )
        self._messages = (
            MessageLog(
                bus,
                most_bytes=settings.message_log_queue_bytes,
                entry_bytes=settings.message_log_entry_bytes,
                deadline_s=settings.publish_timeout_s,
            )
            if settings.message_log
            else None
        )
        self._announcements = Announcements(
            self.id, self.connections, self._publisher, self._retrying, last_seen_s=settings.last_seen_s
        )
        self._calls = StationCallRouter(
            self.id,
            self._publisher,
            service_timeout_s=settings.service_timeout_s,
            bus_is_durable=bus.durable,
            max_message_bytes=settings.max_message_bytes,
        )
        self._commands = CommandRouter(
            self.id, self.connections, self._retrying, max_message_bytes=settings.max_message_bytes
        )
        requester = Requester(bus, self.id.reply_to, max_open=settings.max_handshakes)
        router = InboxRouter(requester, self._calls, self._commands)
        self._watch = Watch()
        self._refusals = MessageRefusals(self._retrying)
        self._inbox = Inbox(bus, self.id.reply_to.topic, self.id.slot, router)
        self._server = self._make_server(requester)
        self._tls = CurrentContext(settings.tls_files) if settings.ocpp_tls_port is not None else None
        self.routers: list[APIRouter] = [connections.router(self.connections)]
        """For `csms_runtime.http.create_app`."""

    def _make_server(self, requester: Requester) -> StationServer:
        settings = self._settings
        requests = ConnectionRequests(
            requester,
            self._publisher,
            keys=settings.secret_keys(),
            timeout_s=settings.service_timeout_s,
            message_timeout_s=settings.message_timeout_s,
        )
        runner = ConnectionRunner(
            self.connections,
            self._announcements,
            self._calls,
            self._connection_options(),
            watch_times=settings.watch_times,
            watch=self._watch,
        )
        refusals = TlsRefusals(self._retrying)
        return StationServer(
            settings,
            requests,
            self.connections,
            runner.serve,
            tls_failed=refusals.failed,
            tls_passed=refusals.passed,
            owing=self._refusals.owes,
            refused=HandshakeRefusals(self._retrying).refused,
        )

    def _connection_options(self) -> ConnectionOptions:
        settings = self._settings
        return ConnectionOptions(
            gateway=self.id,
            limits=SessionLimits(max_queued_commands=settings.command_queue),
            lenient=settings.lenient_validation,
            dispatch=self._calls.dispatch,
            command_done=self._commands.done,
            noticed=self._refusals.noticed,
            messages=self._messages,
        )

    @property
    def port(self) -> int:
        """The TCP port stations connect to. Raises RuntimeError before the gateway is ready."""
        return self._server.port

    @property
    def tls_port(self) -> int | None:
        """The TCP port stations connect to with TLS; None: there is none, or the gateway is not ready."""
        return self._server.tls_port

    def reload_tls(self) -> None:
        """Read the TLS files again; new connections get what is in them."""
        if self._tls is not None:
            self._tls.ask()

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None] | None = None) -> None:
        """Serve stations until `stop` is set, then drain; `ready` is called when stations may connect.

        Draining takes at most CSMS_DRAIN_DELAY_S, CSMS_DRAIN_CALLS_S, CSMS_DRAIN_SPREAD_S and some seconds, and at most
        CSMS_SHUTDOWN_TIMEOUT_S. Raises PortTakenError when
        a port cannot be listened on, BusError when the bus is away at the start, SlotTaken when a later gateway has the
        slot (each in an ExceptionGroup).
        """
        inbox_end = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(self._inbox.run(inbox_end), name="gateway-inbox"),
                tasks.create_task(self._retrying.run(), name="gateway-results"),
                tasks.create_task(self._slot.run(inbox_end), name="gateway-slot"),
            ]
            await self._start()
            background += [
                tasks.create_task(self._watch.run(), name="gateway-watch"),
                tasks.create_task(self._announcements.repeat_status(self._settings.status_interval_s)),
                tasks.create_task(self._announcements.repeat_presence(self._settings.presence_interval_s)),
                tasks.create_task(self._announcements.repeat_connections(self._settings.connection_refresh_s)),
            ]
            if self._messages is not None:
                background.append(tasks.create_task(self._messages.run(), name="gateway-messages"))
            if self._tls is not None:
                background.append(tasks.create_task(self._tls.watch(self._settings.ocpp_tls_reload_s)))
            if ready is not None:
                ready()
            shedding = tasks.create_task(self._shed(), name="gateway-shedding")
            with on_hangup(self.reload_tls):
                await wait_for(stop, self._slot.taken)
            shedding.cancel()
            if self._slot.taken.is_set() and not stop.is_set():
                await self._give_way()
                raise SlotTaken(f"another gateway has slot {self.id.slot}")
            await self._drain()
            inbox_end.set()
            for task in background[1:]:
                task.cancel()

    async def _start(self) -> None:
        # Answers and commands must find us before anyone can ask something of us.
        await self._inbox.ready()
        await self._slot.begin()
        await self._announcements.status()
        await self._server.start(self._tls)
        self._health.set(_COMPONENT, ok=True, detail=f"epoch {self.id.epoch}")

    async def _shed(self) -> None:
        """Send stations to gateways that have fewer, until cancelled, unless that is switched off."""
        settings = self._settings
        if settings.shed_share:
            shedding = Shedding(
                self.connections, self._slot.others, settings.balance_rules, interval_s=settings.shed_interval_s
            )
            await shedding.run()

    async def _drain(self) -> None:
        """Stop in the order that loses least: no new stations, then open CALLs, connections, and announcements end."""
        self._health.set(_COMPONENT, ok=False, detail="draining")
        self._announcements.state = GATEWAY_STATE_DRAINING
        await self._announcements.try_status()
        await asyncio.sleep(self._settings.drain_delay_s)
        self._server.stop_accepting()
        await self._close_connections(self._drain_later)
        await self._publisher.drain()
        if self._messages is not None:
            await self._messages.drain()
        self._announcements.state = GATEWAY_STATE_STOPPED
        await self._announcements.try_status()
        self._health.forget(_COMPONENT)

    async def _give_way(self) -> None:
        """Make way for a later gateway in our slot. It hears so from us, and tells it: our own metrics end with us."""
        self._health.set(_COMPONENT, ok=False, detail="another gateway has this slot")
        self._server.stop_accepting()
        self._announcements.state = GATEWAY_STATE_DRAINING
        await self._announcements.try_status()
        await self._close_connections(self._end_later)

    def _drain_later(self, connection: StationConnection, delay_s: float) -> None:
        loop, calls_s = asyncio.get_running_loop(), self._settings.drain_calls_s
        loop.call_later(delay_s, connection.drain)
        loop.call_later(delay_s + calls_s, connection.close, CloseCode.GOING_AWAY, "the gateway is stopping")

    def _end_later(self, connection: StationConnection, delay_s: float) -> None:
        """Close a connection to which no answers or commands come any more."""
        loop = asyncio.get_running_loop()
        loop.call_later(delay_s, connection.close, CloseCode.SERVICE_RESTART, "another gateway has this slot")

    async def _close_connections(self, close_later: Callable[[StationConnection, float], None]) -> None:
        """Close all connections, one after the other, so that stations go to other gateways. Wait some time for it."""
        settings = self._settings
        self.connections.closing = True
        open_connections = list(self.connections)
        _log.info("draining", connections=len(open_connections))
        pause_s = min(settings.drain_spread_s / max(1, len(open_connections)), _LONGEST_DRAIN_PAUSE_S)
        for number, connection in enumerate(open_connections):
            close_later(connection, number * pause_s)
        longest_s = settings.drain_spread_s + settings.drain_calls_s + 2 * settings.close_timeout_s
        with suppress(TimeoutError):
            async with asyncio.timeout(min(longest_s, settings.drain_timeout_s - _SHUTDOWN_RESERVE_S)):
                await self._server.wait_closed()
                await self._retrying.drain()
