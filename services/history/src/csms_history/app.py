"""Puts the service together: the only place where its parts meet. For `__main__` and for standalone mode."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from csms_bus import groups
from csms_bus.groups import Group
from csms_bus.ports import Bus
from csms_bus.runner import BatchHandler, ConsumerRunner
from csms_db.answers import KeptAnswers
from csms_db.engine import Database
from csms_db.retention import Kept, Retention
from csms_runtime.clock import utcnow
from csms_runtime.health import Health
from csms_runtime.http.idempotency import KEPT_DAYS, once
from csms_runtime.sealing import Sealer
from csms_runtime.secret_keys import SecretKeys
from fastapi import APIRouter

from csms_history import tables
from csms_history.connections import connection_routes
from csms_history.connections.last_words import GatewayRecords, LastWords
from csms_history.consumers import EventRecords, handlers
from csms_history.event_log import stream_routes
from csms_history.event_log.following import Following
from csms_history.event_log.stream_routes import Streams
from csms_history.messages import message_routes
from csms_history.messages.log_settings import Off
from csms_history.messages.message_records import MessageRecords
from csms_history.messages.message_rows import delete_of_stations
from csms_history.messages.partitions import Days
from csms_history.retention import kept
from csms_history.settings import HistorySettings
from csms_history.timeline import list_routes, timeline_routes
from csms_history.timeline.entries import TimelineEntries
from csms_history.timeline.of_audit import AuditRecords
from csms_history.uptime import uptime_routes
from csms_history.webhooks import delivery_routes
from csms_history.webhooks.delivery_rows import delete_of_gone
from csms_history.webhooks.runner import AT_A_TIME
from csms_history.webhooks.sending import Sender
from csms_history.webhooks.sending_all import Webhooks
from csms_history.webhooks.targets import TargetRules
from csms_history.webhooks.webhook_routes import WebhookResource

MIGRATIONS = "csms_history.migrations"
"""The package of the migrations, for `csms_db.migrations.upgrade`."""
SCHEMA = "history"
"""The PostgreSQL schema of this service; in standalone mode the file is history.db."""


class History:
    """The history service. Owns neither bus nor database: whoever composes it starts and ends them."""

    def __init__(
        self, bus: Bus, database: Database, settings: HistorySettings, health: Health, *, keys: SecretKeys
    ) -> None:
        """`keys` seal what is kept sealed. They are the same for all services."""
        self._health = health
        entries = TimelineEntries(settings.station_timeline_bytes)
        off = Off(database)
        read: Sequence[tuple[Group, BatchHandler]] = (
            (groups.HISTORY, EventRecords(database, handlers(settings))),
            (groups.HISTORY_AUDIT, AuditRecords(database, entries)),
            (groups.HISTORY_GATEWAYS, GatewayRecords(database)),
            (groups.HISTORY_MESSAGES, MessageRecords(database, off, settings.station_messages_bytes)),
        )
        self._runners = {
            group.name: ConsumerRunner(
                bus,
                group=group.name,
                topics=group.topic_names,
                handler=handler,
                on_health=partial(health.set, group.name),
            )
            for group, handler in read
        }
        self._days = Days(database, settings.keep_messages_days)
        self._following = Following(database)
        streams = Streams(self._following, settings.event_streams)
        rules = TargetRules(settings.webhook_http_allowed, settings.webhook_networks_allowed)
        new_sender = partial(Sender, rules, ssl.create_default_context(), most=AT_A_TIME)
        sealer, retry_for = Sealer(keys), timedelta(hours=settings.webhook_retry_hours)
        self._webhooks = Webhooks(database, self._following, sealer, new_sender, retry_for=retry_for)
        webhooks = WebhookResource(database, sealer, rules, new_sender, self._webhooks.wake)
        answers = KeptAnswers(database, tables.kept_answers, keys)
        self._retention = Retention(
            database,
            [
                *kept(settings),
                Kept("messages_of_stations", 1, delete_of_stations),
                Kept("deliveries_of_deleted_webhooks", 1, delete_of_gone),
                Kept("answers", KEPT_DAYS, answers.delete_old),
            ],
        )
        last_words = LastWords()
        routers = (
            timeline_routes.router(database),
            list_routes.router(database),
            connection_routes.router(database, last_words, utcnow),
            uptime_routes.router(database, last_words, utcnow),
            stream_routes.router(streams),
            webhooks.router(),
            delivery_routes.router(database, self._webhooks.wake),
            message_routes.router(database, off),
        )
        self.routers: Sequence[APIRouter] = once(routers, answers)
        """The HTTP resources, to be mounted below /api/v1."""

    async def ready(self) -> None:
        """Wait until what happens from now on is kept. Call it while `run` runs."""
        for runner in self._runners.values():
            await runner.ready()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish the batch in hand and return."""
        for name in self._runners:
            self._health.set(name, ok=False, detail="starting")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._retention.run(stop), name="history-retention")
            tasks.create_task(self._following.run(stop), name="history-following")
            tasks.create_task(self._webhooks.run(stop), name="history-webhooks")
            messages = self._runners[groups.HISTORY_MESSAGES.name]
            for name, runner in self._runners.items():
                if runner is not messages:
                    tasks.create_task(runner.run(stop), name=name)
            if await self._days.made(stop):
                tasks.create_task(self._days.run(stop), name="history-days")
                tasks.create_task(messages.run(stop), name=groups.HISTORY_MESSAGES.name)
