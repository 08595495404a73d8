"""Puts the service together: the only place where its parts meet. For `__main__` and for standalone mode."""

import asyncio
from collections.abc import Sequence
from functools import partial

from csms_bus import groups
from csms_bus.ports import Bus
from csms_bus.runner import ConsumerRunner
from csms_db.answers import KeptAnswers
from csms_db.engine import Database
from csms_db.retention import Kept, Retention
from csms_runtime.health import Health
from csms_runtime.http.idempotency import KEPT_DAYS, once
from csms_runtime.secret_keys import SecretKeys
from fastapi import APIRouter

from csms_history import tables
from csms_history.consumers import EventRecords, handlers
from csms_history.event_log import stream_routes
from csms_history.event_log.following import Following
from csms_history.event_log.stream_routes import Streams
from csms_history.retention import kept
from csms_history.settings import HistorySettings
from csms_history.timeline import timeline_routes

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
        self._events = ConsumerRunner(
            bus,
            group=groups.HISTORY.name,
            topics=groups.HISTORY.topic_names,
            handler=EventRecords(database, handlers(settings)),
            on_health=partial(health.set, groups.HISTORY.name),
        )
        self._following = Following(database)
        streams = Streams(self._following, settings.event_streams)
        answers = KeptAnswers(database, tables.kept_answers, keys)
        self._retention = Retention(database, [*kept(settings), Kept("answers", KEPT_DAYS, answers.delete_old)])
        self.routers: Sequence[APIRouter] = once(
            [timeline_routes.router(database), stream_routes.router(streams)], answers
        )
        """The HTTP resources, to be mounted below /api/v1."""

    async def ready(self) -> None:
        """Wait until what happens from now on is kept. Call it while `run` runs."""
        await self._events.ready()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish the batch in hand and return."""
        self._health.set(groups.HISTORY.name, ok=False, detail="starting")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._retention.run(stop), name="history-retention")
            tasks.create_task(self._events.run(stop), name="history-events")
            tasks.create_task(self._following.run(stop), name="history-following")
