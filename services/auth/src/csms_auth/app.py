"""Puts auth together: the only place where its parts meet. Used by `__main__` and by the standalone mode."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog
from csms_bus import groups
from csms_bus.groups import Group
from csms_bus.outbox import publisher
from csms_bus.ports import Bus
from csms_bus.runner import BatchHandler, ConsumerRunner
from csms_db.answers import KeptAnswers
from csms_db.engine import Database
from csms_db.outbox import OutboxRelay, SetAside
from csms_db.outbox import http as outbox_http
from csms_db.retention import Kept, Retention
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys
from csms_runtime.http.idempotency import KEPT_DAYS, once
from csms_runtime.http.station_paths import spelled
from csms_runtime.secret_keys import SecretKeys
from fastapi import APIRouter

from csms_auth import costs, other_keys
from csms_auth.api_key_announcement import announce_api_keys
from csms_auth.audit_log import AuditLog
from csms_auth.certifying import results
from csms_auth.certifying.signing import Signer
from csms_auth.certifying.worker import Certifier
from csms_auth.consumers import AuthConsumer
from csms_auth.contracts.asking import ContractAsker
from csms_auth.contracts.pool import HttpPool
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.http.api_keys import ApiKeyResource
from csms_auth.http.audit import audit_router
from csms_auth.http.certificates import Certificates
from csms_auth.http.credentials import Credentials
from csms_auth.http.id_tokens import IdTokens
from csms_auth.http.token_import import TokenImport
from csms_auth.ocsp.asking import StatusAsker
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.configured import authority_of, show_ends
from csms_auth.settings import AuthSettings
from csms_auth.store import credit, id_tokens, removed, stations, tables

MIGRATIONS = "csms_auth.migrations"
"""The package of the migrations, for `csms_db.migrations.upgrade`."""
SCHEMA = "auth"
"""The PostgreSQL schema of this service; in standalone mode the file is auth.db."""
MAX_BATCH = 500
"""At most so many records are answered with one look-up. A fleet that reconnects comes in such batches."""
_ASKING = (groups.AUTH, groups.AUTH_QUESTIONS, groups.AUTH_ADMISSIONS)
"""The consumer groups of questions to auth."""

_log = structlog.get_logger(__name__)


class Auth:
    """The auth service. Owns neither the bus nor the database: whoever composes it starts, stops and closes them."""

    def __init__(
        self,
        bus: Bus,
        database: Database,
        settings: AuthSettings,
        health: Health,
        *,
        keys: SecretKeys,
        api_keys: ApiKeys | None = None,
    ) -> None:
        """`keys` are those of the digests of passwords and key codes, the same as the gateway's.

        `api_keys` are those that this process's API accepts: a key made or revoked here counts here at once.
        """
        self._bus = bus
        self._database = database
        self._health = health
        self._runners: dict[str, ConsumerRunner] = {}
        """The runners by the names of their groups, which are components of `/readyz`."""
        self._announced = asyncio.Event()
        self._keys = keys
        self._key_codes = KeyCodes(keys)
        self._relay = OutboxRelay(database, tables.outbox, publisher(bus))
        authority = authority_of(settings)
        show_ends(authority)
        self._certifier = Certifier(
            database,
            None if authority is None else Signer(database, authority, settings.organization),
            renew_before=timedelta(days=settings.pki_renew_days),
            wake_outbox=self._relay.wake,
            bus_is_durable=bus.durable,
        )
        self._asker = StatusAsker(bus.publish, settings.ocsp_allowed_networks)
        self._contracts = ContractAsker(bus.publish, _pool(settings))
        consumer = AuthConsumer(
            database,
            replace(settings.rules, signs_certificates=authority is not None),
            key_codes=self._key_codes,
            wake_outbox=self._relay.wake,
            wake_certifier=self._certifier.wake,
            ask_status=self._asker.take,
            ask_contract=self._contracts.take,
        )
        for group in _ASKING:
            self._consume(group, consumer)
        self._consume(groups.AUTH_RESULTS, results.ResultsConsumer(database, wake_outbox=self._relay.wake))
        self._consume(groups.AUTH_COSTS, costs.CostRecords(database))
        answers = KeptAnswers(database, tables.kept_answers, keys)
        self._retention = Retention(
            database,
            [
                Kept("answers", KEPT_DAYS, answers.delete_old),
                Kept("removed_stations", settings.removed_stations_retention_days, removed.forget_stations),
                Kept("certificates", settings.certificate_retention_days, removed.forget_certificates),
                Kept("credit_charges", costs.KEPT_DAYS, credit.forget),
            ],
        )
        self._audit_log = AuditLog(bus, database, settings.audit_retention_days, health)
        routers = (
            TokenImport(database, self._relay.wake).router(),
            IdTokens(database, self._key_codes, self._relay.wake).router(),
            Credentials(database, keys, settings.unknown_stations, self._relay.wake).router(),
            Certificates(
                database, self._relay.wake, authority, authority if isinstance(authority, BuiltInAuthority) else None
            ).router(),
            ApiKeyResource(database, self._relay.wake, api_keys or ApiKeys({})).router(),
            audit_router(database),
            outbox_http.router(SetAside(database, tables.outbox), "auth", self._relay.wake),
        )
        self.routers: Sequence[APIRouter] = once(spelled(routers, partial(_spelling, database)), answers)
        """The HTTP resources, to be mounted below /api/v1."""

    def _consume(self, group: Group, handler: BatchHandler) -> None:
        self._runners[group.name] = ConsumerRunner(
            self._bus,
            group=group.name,
            topics=group.topic_names,
            handler=handler,
            max_batch=MAX_BATCH,
            on_health=partial(self._health.set, group.name),
        )

    async def ready(self) -> None:
        """Wait until what is published from now on is answered and the API keys are told. Call it while `run` runs."""
        for runner in self._runners.values():
            await runner.ready()
        await self._audit_log.ready()
        await self._announced.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Answer the bus and publish events until `stop` is set; then finish the batch in hand and return.

        Raises DatabaseUnavailable at the start. Call it once.
        """
        for component in self._runners:
            self._health.set(component, ok=False, detail="starting")
        await self._hide_key_codes()
        async with asyncio.TaskGroup() as tasks:
            for name, runner in self._runners.items():
                tasks.create_task(runner.run(stop), name=name)
            tasks.create_task(self._certifier.run(stop), name="auth-certifier")
            tasks.create_task(self._asker.run(stop), name="auth-ocsp")
            tasks.create_task(self._contracts.run(stop), name="auth-contracts")
            tasks.create_task(self._relay.run(stop), name="auth-outbox")
            tasks.create_task(self._retention.run(stop), name="auth-retention")
            tasks.create_task(self._audit_log.run(stop), name="auth-audit-log")
            tasks.create_task(other_keys.watch(self._database, self._keys, stop), name="auth-other-keys")
            announcing = tasks.create_task(self._announce(), name="auth-api-keys")
            await stop.wait()
            announcing.cancel()

    async def _hide_key_codes(self) -> None:
        async with self._database.transaction() as session:
            hidden = await id_tokens.hide_key_codes(session, self._key_codes)
        if hidden:
            _log.info("key codes are kept as digests from now on", key_codes=hidden)

    async def _announce(self) -> None:
        await announce_api_keys(self._bus, self._database)
        self._announced.set()


def _pool(settings: AuthSettings) -> HttpPool | None:
    return None if settings.contract_pool_url is None else HttpPool(settings.contract_pool_url)


async def _spelling(database: Database, station_id: str) -> str:
    async with database.reading() as session:
        return await stations.spelling(session, station_id)
