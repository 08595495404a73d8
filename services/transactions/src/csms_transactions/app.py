"""Puts the service together: the only place where its parts meet. Used by `__main__` and by the standalone mode."""

import asyncio
from collections.abc import Sequence
from functools import partial

from csms.v1.station_pb2 import ReplyTo
from csms_bus import groups
from csms_bus.inbox import Inbox
from csms_bus.last_words import publish_led_to
from csms_bus.light_first import LightFirst
from csms_bus.outbox import publisher
from csms_bus.ports import Bus
from csms_bus.requests import Requester
from csms_bus.runner import ConsumerRunner
from csms_bus.topics import TRANSACTIONS_INBOX
from csms_db.answers import KeptAnswers
from csms_db.engine import Database
from csms_db.outbox import OutboxRelay, SetAside
from csms_db.outbox import http as outbox_http
from csms_db.retention import Kept, Retention
from csms_runtime.health import Health
from csms_runtime.http.idempotency import KEPT_DAYS, once
from csms_runtime.http.station_paths import spelled
from csms_runtime.sealing import Sealer
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.waiting import done_before
from fastapi import APIRouter

from csms_transactions.closing.boots import Boots
from csms_transactions.closing.checking import StatusChecks
from csms_transactions.closing.closing import Closing
from csms_transactions.consumers import Consumer
from csms_transactions.events.cache import TransactionCache
from csms_transactions.events.writer import BatchWriter
from csms_transactions.http.closing import closing_router
from csms_transactions.http.limits import limits_router
from csms_transactions.http.listing import listing_router
from csms_transactions.http.remote import remote_router
from csms_transactions.http.series import series_router
from csms_transactions.http.tariffs import tariffs_router
from csms_transactions.http.transactions import transactions_router
from csms_transactions.http.web_payments import web_payments_router
from csms_transactions.orders import Orders
from csms_transactions.remote.control import RemoteControl
from csms_transactions.remote.noted_starts import RemoteStartRecords
from csms_transactions.remote.web_payments import WebPayments
from csms_transactions.retention import kept
from csms_transactions.settings import TransactionSettings
from csms_transactions.store import running, spellings, tables
from csms_transactions.tokens.asking import TokenAnswers
from csms_transactions.tokens.asking_again import AskingAgain

MIGRATIONS = "csms_transactions.migrations"
"""The package of the migrations, for `csms_db.migrations.upgrade`."""
SCHEMA = "transactions"
"""The PostgreSQL schema of this service; in standalone mode the file is transactions.db."""
_CONSUMER = "transactions-consumer"
_RESULTS = "transactions-results"
_BOOTS = "transactions-boots"
_STARTS = "transactions-starts"


class Transactions:
    """The transactions service. Owns neither the bus nor the database: whoever composes it starts and ends them."""

    def __init__(
        self, bus: Bus, database: Database, settings: TransactionSettings, health: Health, *, keys: SecretKeys
    ) -> None:
        """`keys` seal what is kept sealed. They are the same for all services."""
        requester = Requester(bus, ReplyTo(topic=TRANSACTIONS_INBOX.name, partition=settings.slot))
        self._health = health
        self._inbox = Inbox(bus, TRANSACTIONS_INBOX.name, settings.slot, requester.deliver)
        self._relay = OutboxRelay(database, tables.outbox, publisher(bus))
        answers = KeptAnswers(database, tables.kept_answers, keys)
        self._retention = Retention(database, [*kept(settings), Kept("answers", KEPT_DAYS, answers.delete_old)])
        self._running = running.counting(database, settings.count_interval_s)
        orders = Orders(requester, grace_s=settings.call_grace_s, service_timeout_s=settings.service_timeout_s)
        cache = TransactionCache()
        closing = self.closing = Closing(database, cache, self._relay.wake)
        self._checks = StatusChecks(database, orders, closing.hear)
        writer = self._writer = BatchWriter(
            database,
            cache,
            on_events=self._relay.wake,
            on_doubts=self._checks.wake,
            most_meter_values=settings.station_meter_values_bytes,
        )
        self._tokens = TokenAnswers(
            requester,
            bus.publish,
            writer.decide,
            timeout_s=settings.token_decision_timeout_s,
        )
        self._asking_again = AskingAgain(writer, self._tokens)
        consumer = Consumer(writer, self._tokens, closing)
        self._runner = ConsumerRunner(
            bus,
            group=groups.TRANSACTIONS.name,
            topics=groups.TRANSACTIONS.topic_names,
            handler=LightFirst(consumer, partial(publish_led_to, bus, groups.TRANSACTIONS.name)),
            on_health=partial(health.set, _CONSUMER),
        )
        self._results = ConsumerRunner(
            bus,
            group=groups.TRANSACTIONS_RESULTS.name,
            topics=groups.TRANSACTIONS_RESULTS.topic_names,
            handler=consumer,
            on_health=partial(health.set, _RESULTS),
        )
        self._boots = ConsumerRunner(
            bus,
            group=groups.TRANSACTIONS_BOOTS.name,
            topics=groups.TRANSACTIONS_BOOTS.topic_names,
            handler=Boots(database, self._checks.wake),
            on_health=partial(health.set, _BOOTS),
        )
        self._starts = ConsumerRunner(
            bus,
            group=groups.TRANSACTIONS_STARTS.name,
            topics=groups.TRANSACTIONS_STARTS.topic_names,
            handler=RemoteStartRecords(database),
            on_health=partial(health.set, _STARTS),
        )
        self.control = RemoteControl(database, orders)
        web_payments = WebPayments(database, orders, self.control, Sealer(keys), settings.web_payment_path)
        routers = (
            listing_router(database),
            transactions_router(database),
            series_router(database),
            remote_router(database, self.control),
            closing_router(database, closing),
            limits_router(database),
            tariffs_router(database),
            web_payments_router(database, web_payments),
            outbox_http.router(SetAside(database, tables.outbox), "transactions", self._relay.wake),
        )
        self.routers: Sequence[APIRouter] = once(spelled(routers, partial(_spelling, database)), answers)
        """The HTTP resources, to be mounted below /api/v1."""

    async def ready(self) -> None:
        """Wait until what is published from now on is handled."""
        await self._runner.ready()
        await self._results.ready()
        await self._boots.ready()
        await self._starts.ready()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish the batch in hand, answer the stations that wait, and return."""
        finished = asyncio.Event()
        for consumer in (_CONSUMER, _RESULTS, _BOOTS, _STARTS):
            self._health.set(consumer, ok=False, detail="starting")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._inbox.run(finished), name="transactions-inbox")
            tasks.create_task(self._relay.run(finished), name="transactions-outbox")
            tasks.create_task(self._retention.run(finished), name="transactions-retention")
            tasks.create_task(self._running.run(stop), name="transactions-running")
            tasks.create_task(self._results.run(stop), name=_RESULTS)
            tasks.create_task(self._boots.run(stop), name=_BOOTS)
            tasks.create_task(self._starts.run(stop), name=_STARTS)
            tasks.create_task(self._checks.run(stop), name="transactions-checks")
            if await done_before(self._inbox.ready(), stop):
                tasks.create_task(self._asking_again.run(stop), name="transactions-asking-again")
                await self._runner.run(stop)
                await self._tokens.drain()
            finished.set()


async def _spelling(database: Database, station_id: str) -> str:
    async with database.reading() as session:
        return await spellings.spelling(session, station_id)
