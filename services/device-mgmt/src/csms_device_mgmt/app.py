"""Puts device management together: the only place where its parts meet. For `__main__` and for standalone mode."""

import asyncio
from collections.abc import Sequence
from functools import partial

from csms.v1.station_pb2 import ReplyTo
from csms_bus import groups
from csms_bus.gateways import Gateways
from csms_bus.groups import Group
from csms_bus.inbox import Inbox
from csms_bus.last_words import publish_led_to
from csms_bus.light_first import LightFirst
from csms_bus.outbox import publisher
from csms_bus.ports import Bus
from csms_bus.requests import Requester
from csms_bus.runner import BatchHandler, ConsumerRunner
from csms_bus.topics import DEVICES_INBOX
from csms_db.answers import KeptAnswers
from csms_db.engine import Database
from csms_db.outbox import OutboxRelay, SetAside
from csms_db.outbox import http as outbox_http
from csms_db.retention import Kept, Retention
from csms_runtime.health import Health
from csms_runtime.http.idempotency import KEPT_DAYS, once
from csms_runtime.http.station_paths import spelled
from csms_runtime.secret_keys import SecretKeys
from fastapi import APIRouter

from csms_device_mgmt.battery_swap import swap_routes
from csms_device_mgmt.bulk import bulk_routes
from csms_device_mgmt.bulk.beginning import Beginning
from csms_device_mgmt.bulk.jobs import BulkJobs
from csms_device_mgmt.bulk.working import Work
from csms_device_mgmt.campaigns import campaign_routes, updating
from csms_device_mgmt.campaigns.updating import Updating
from csms_device_mgmt.certificates import installed_certificate_routes
from csms_device_mgmt.commands import call_routes, schema_routes
from csms_device_mgmt.commands.execution import CallExecution
from csms_device_mgmt.commands.remote_starts import RemoteStarts
from csms_device_mgmt.configuration import applying as applying_of
from csms_device_mgmt.configuration import drift_routes, template_routes
from csms_device_mgmt.configuration.applying import Applying
from csms_device_mgmt.configuration.on_connect import OnConnect
from csms_device_mgmt.connections import refused_handshake_routes
from csms_device_mgmt.connections.auth_events import AuthEventRecords
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.consumers import DeviceRecords, PresenceRecords
from csms_device_mgmt.dead_letters import dead_letter_routes
from csms_device_mgmt.dead_letters.dead_letter_records import DeadLetterRecords
from csms_device_mgmt.deliveries.delivering import Deliveries
from csms_device_mgmt.der import control_routes
from csms_device_mgmt.device_model import variable_routes
from csms_device_mgmt.device_model.variable_access import VariableAccess
from csms_device_mgmt.event_streams import stream_routes
from csms_device_mgmt.faults import fault_routes
from csms_device_mgmt.fleet import summary_routes
from csms_device_mgmt.fleet.counting import Fleet
from csms_device_mgmt.history.retention import kept
from csms_device_mgmt.jobs import job_routes
from csms_device_mgmt.log_uploads import receiver, upload_routes
from csms_device_mgmt.monitoring import notification_routes
from csms_device_mgmt.payment import settlement_routes, vat_routes
from csms_device_mgmt.payment.transaction_costs import TransactionCosts
from csms_device_mgmt.refused_messages import refused_message_routes
from csms_device_mgmt.reports import assembled_routes, report_routes
from csms_device_mgmt.security_profile import password_routes, security_profile_routes
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.sites import site_routes
from csms_device_mgmt.smart_charging.transaction_events import TransactionEventRecords
from csms_device_mgmt.stations import station_routes, station_rows
from csms_device_mgmt.stations.inventory import Inventory
from csms_device_mgmt.sweeper import Sweeper
from csms_device_mgmt.tables import KEPT_ANSWERS, OUTBOX
from csms_device_mgmt.unit import Units

MIGRATIONS = "csms_device_mgmt.migrations"
"""The package of the migrations, for `csms_db.migrations.upgrade`."""
SCHEMA = "devices"
"""The PostgreSQL schema of this service; in standalone mode the file is devices.db."""
HEALTH = "devices"
"""The component of `/readyz` that says whether the service has everything it needs to begin."""


class DeviceManagement:
    """The device management service. Owns neither bus nor database: whoever composes it starts and stops them."""

    def __init__(
        self, bus: Bus, database: Database, settings: DeviceSettings, health: Health, *, keys: SecretKeys
    ) -> None:
        """`keys` are those of the password digests, the same as the gateway's."""
        self._relay = OutboxRelay(database, OUTBOX, publisher(bus))
        self._gateways = Gateways(bus)
        reply_to = ReplyTo(topic=DEVICES_INBOX.name, partition=settings.slot)
        self._requester = Requester(bus, reply_to)
        self._inbox = Inbox(bus, DEVICES_INBOX.name, settings.slot, self._requester.deliver)
        units = Units(database, settings, keys, self._gateways, self._relay.wake)
        self.beside = {receiver.PREFIX: receiver.LogReceiver(units, settings.log_upload_bytes)}
        """Applications beside the API, by the beginning of their paths, that authenticate in their own way."""
        self._runners = _runners(bus, units, DeadLetterRecords(database), health)
        self._consuming = False
        self._health = health
        answers = KeptAnswers(database, KEPT_ANSWERS, keys)
        self._retention = Retention(database, [*kept(settings), Kept("answers", KEPT_DAYS, answers.delete_old)])
        self._sweeper = Sweeper(units, settings.sweep_interval_s)
        self._fleet = Fleet(database, self._gateways).counting(settings.count_interval_s)
        routers = (
            *self._routers(bus, units, settings, keys),
            outbox_http.router(SetAside(database, OUTBOX), "device-mgmt", self._relay.wake),
        )
        self.routers: Sequence[APIRouter] = once(spelled(routers, partial(_spelling, units)), answers)
        """The HTTP resources, to be mounted below /api/v1."""

    def _routers(self, bus: Bus, units: Units, settings: DeviceSettings, keys: SecretKeys) -> Sequence[APIRouter]:
        inventory = Inventory(units, self._requester, settings, keys)
        presence = Presence(self._gateways)
        starts = RemoteStarts(self._requester)
        execution = CallExecution(
            units,
            bus,
            self._requester,
            presence,
            offer_password=inventory.offer_password,
            tell_of_start=starts.tell,
        )
        self._deliveries = Deliveries(units, bus, execution)
        access = VariableAccess(units, execution)
        applying = Applying(units, execution, access)
        self._on_connect = OnConnect(units, presence, applying)
        units.on_connected = self._on_connect.connected
        procedures = {
            applying_of.PROCEDURE: applying.procedure,
            updating.PROCEDURE: Updating(units, execution).procedure,
        }
        self._bulk = BulkJobs(units, partial(Work, units, bus, execution, presence, units.sealer, procedures))
        beginning = Beginning(units, presence, self._bulk.wake)
        return (
            station_routes.router(units, inventory, presence),
            site_routes.router(units),
            summary_routes.router(units, presence),
            fault_routes.router(units),
            call_routes.router(units, execution),
            schema_routes.router(),
            bulk_routes.router(units, beginning, self._bulk.wake),
            template_routes.router(units, beginning),
            drift_routes.router(units, presence),
            campaign_routes.router(units, beginning),
            variable_routes.router(units, access),
            report_routes.router(units, execution),
            assembled_routes.router(units, execution),
            job_routes.router(units, execution),
            upload_routes.router(units),
            installed_certificate_routes.router(units),
            password_routes.router(execution, inventory),
            security_profile_routes.router(units, settings),
            notification_routes.router(units),
            stream_routes.router(units),
            control_routes.router(units),
            swap_routes.router(units),
            vat_routes.router(units),
            settlement_routes.router(units),
            refused_message_routes.router(units),
            refused_handshake_routes.router(units),
            dead_letter_routes.router(units, bus),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Read the bus and publish events until `stop` is set; then finish what is in work and return."""
        self._health.set(HEALTH, ok=False, detail="starting")
        async with asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(self._announce(), name="devices-starting")
            tasks.create_task(self._gateways.run(stop), name="devices-gateways")
            tasks.create_task(self._inbox.run(stop), name="devices-inbox")
            tasks.create_task(self._relay.run(stop), name="devices-outbox")
            tasks.create_task(self._sweeper.run(stop), name="devices-sweeper")
            tasks.create_task(self._retention.run(stop), name="devices-retention")
            consuming = tasks.create_task(self._consume(stop), name="devices-consumers")
            await stop.wait()
            starting.cancel()
            if not self._consuming:
                consuming.cancel()

    async def _consume(self, stop: asyncio.Event) -> None:
        """Handle records, and count, once it is known which gateways live, for calls are sent by that."""
        await self._gateways.ready()
        self._consuming = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._fleet.run(stop), name="devices-fleet")
            tasks.create_task(self._bulk.run(stop), name="devices-bulk")
            tasks.create_task(self._deliveries.run(stop), name="devices-deliveries")
            tasks.create_task(self._on_connect.run(stop), name="devices-templates")
            for runner in self._runners:
                tasks.create_task(runner.run(stop), name="devices-consumer")

    async def _announce(self) -> None:
        await self.ready()
        self._health.set(HEALTH, ok=True)

    async def ready(self) -> None:
        """Wait until it works: gateways are known, groups joined, answers can come. Call it while `run` runs."""
        await self._gateways.ready()
        await self._inbox.ready()
        for runner in self._runners:
            await runner.ready()


async def _spelling(units: Units, station_id: str) -> str:
    async with units.reading() as session:
        return await station_rows.spelling(session, station_id)


def _runners(bus: Bus, units: Units, buried: DeadLetterRecords, health: Health) -> Sequence[ConsumerRunner]:
    records = LightFirst(DeviceRecords(units), partial(publish_led_to, bus, groups.DEVICES.name))
    handlers: Sequence[tuple[Group, BatchHandler]] = (
        (groups.DEVICES, records),
        (groups.DEVICES_ORDERS, records),
        (groups.DEVICES_PRESENCE, PresenceRecords(units)),
        (groups.DEVICES_AUTH_EVENTS, AuthEventRecords(units)),
        (groups.DEVICES_TRANSACTION_EVENTS, TransactionEventRecords(units)),
        (groups.DEVICES_COSTS, TransactionCosts(units)),
        (groups.DEVICES_DEAD_LETTERS, buried),
    )
    return [
        ConsumerRunner(
            bus,
            group=group.name,
            topics=group.topic_names,
            handler=handler,
            on_health=partial(health.set, group.name),
        )
        for group, handler in handlers
    ]
