"""Keeps the audit log: stores the entries that services send, and deletes old ones."""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog
from csms.v1.bus_pb2 import Record
from csms_bus.flow import Never
from csms_bus.groups import AUTH_AUDIT
from csms_bus.ports import Bus, Incoming, Outgoing
from csms_bus.runner import ConsumerRunner
from csms_bus.topics import GATEWAY_AUDIT
from csms_db.engine import Database
from csms_db.retention import Kept, Retention
from csms_runtime.clock import from_ms
from csms_runtime.health import Health

from csms_auth.store import audit
from csms_auth.store.audit import AuditRow

_GATEWAY = "gateway"
"""The name of the service for entries of gateways, whatever they call themselves."""

_log = structlog.get_logger(__name__)


class AuditLog:
    """The part of auth that keeps the audit log. Its methods are like those of `csms_auth.app.Auth`."""

    def __init__(self, bus: Bus, database: Database, keep_days: int, health: Health) -> None:
        """`keep_days` is how long entries are kept."""
        self._health = health
        self._retention = Retention(database, [Kept("audit", keep_days, audit.forget)])
        self._runner = ConsumerRunner(
            bus,
            group=AUTH_AUDIT.name,
            topics=AUTH_AUDIT.topic_names,
            handler=AuditConsumer(database),
            on_health=partial(health.set, AUTH_AUDIT.name),
        )

    async def ready(self) -> None:
        """Wait until what is told from now on is stored. Call it while `run` runs."""
        await self._runner.ready()

    async def run(self, stop: asyncio.Event) -> None:
        """Store and forget until `stop` is set."""
        self._health.set(AUTH_AUDIT.name, ok=False, detail="starting")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._runner.run(stop), name="auth-audit")
            tasks.create_task(self._retention.run(stop), name="auth-audit-retention")


class AuditConsumer:
    """The batch handler of group "auth-audit". Idempotent by the record's id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Store a batch. Raises Never for another kind of record, DatabaseUnavailable (a Later)."""
        rows = [_row(incoming.record, incoming.topic) for incoming in batch if incoming.record is not None]
        async with self._database.transaction() as session:
            await audit.add(session, rows)
        return ()


def _row(record: Record, topic: str) -> AuditRow:
    if not record.HasField("audit_entry"):
        raise Never(f"the audit log does not take a record of kind {record.WhichOneof('body')}")
    entry = record.audit_entry
    return AuditRow(
        record_id=record.record_id,
        occurred_at=from_ms(entry.occurred_at_ms),
        service=_GATEWAY if topic == GATEWAY_AUDIT.name else entry.service,
        principal=entry.principal or None,
        authentication=entry.authentication or None,
        remote_address=entry.remote_address,
        method=entry.method,
        path=entry.path,
        route=entry.route,
        status=entry.status,
        request_id=entry.request_id,
        request=entry.request or None,
    )
