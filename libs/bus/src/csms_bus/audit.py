"""Publishes the audit log of a service: what was asked for over its HTTP API."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog
from csms.v1.auth_pb2 import AuditEntry
from csms_ocpp.redaction import redact
from csms_runtime import metrics
from csms_runtime.http import Audit, AuditedRequest

from csms_bus.flow import Backoff
from csms_bus.ports import Bus, BusUnavailable, Outgoing, RecordTooLarge
from csms_bus.records import new_record
from csms_bus.topics import AUDIT, GATEWAY_AUDIT

_BATCH = 100
_MAX_BYTES = 32 * 1024 * 1024
"""An entry has 64 KiB of a body at most, and some hundred bytes mostly."""
_DRAIN_S = 5.0

_log = structlog.get_logger(__name__)


class AuditLog:
    """Keeps up to `capacity` entries of `max_bytes` together while the bus is away. More are lost, counted and logged.

    Of requests without a known caller, `strangers` entries a minute are taken, and half of the room at most: somebody
    who sends many must not push out other entries, nor fill the database. `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        bus: Bus,
        service: str,
        *,
        capacity: int = 10_000,
        max_bytes: int = _MAX_BYTES,
        strangers: int = 600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._strangers = strangers
        self._clock = clock
        self._minute = 0
        self._refused = 0
        self._service = service
        self._topic = (GATEWAY_AUDIT if service in GATEWAY_AUDIT.producers else AUDIT).name
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._bytes = 0
        self._waiting: deque[Outgoing] = deque()
        self._noted = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._losing = False

    @property
    def for_app(self) -> Audit:
        """The function that `csms_runtime.http.create_app` takes."""
        return Audit(self.note, _redacted)

    def note(self, request: AuditedRequest) -> None:
        """Take an entry. It is published soon."""
        if not request.principal and self._is_flood():
            metrics.AUDIT_LOST.labels("flood").inc()
            return
        record = new_record("", audit_entry=_entry(self._service, request))
        size = record.ByteSize()
        if not self._has_room(size, 1.0 if request.principal else 0.5):
            self._lose()
            return
        self._bytes += size
        self._waiting.append(Outgoing(self._topic, record, key=self._service))
        self._empty.clear()
        self._noted.set()

    async def run(self) -> None:
        """Publish until cancelled. Outlives broker outages. Call it once."""
        backoff = Backoff(0.1, 5.0)
        while True:
            await self._noted.wait()
            try:
                await self._publish()
                backoff.reset()
            except BusUnavailable as error:
                _log.warning("the audit log waits", entries=len(self._waiting), error=str(error))
                await asyncio.sleep(backoff.next_pause())

    async def drain(self) -> None:
        """Wait until everything is published, some seconds at most. `run` must be running."""
        try:
            await asyncio.wait_for(self._empty.wait(), _DRAIN_S)
        except TimeoutError:
            metrics.AUDIT_LOST.labels("stopped").inc(len(self._waiting))
            _log.error("entries of the audit log are lost: the bus is away", entries=len(self._waiting))

    async def _publish(self) -> None:
        while self._waiting:
            batch = [self._waiting[position] for position in range(min(_BATCH, len(self._waiting)))]
            try:
                await self._bus.publish(batch)
            except RecordTooLarge as error:  # another try would not help; bodies are far smaller
                _log.error("entries of the audit log are lost", entries=len(batch), error=str(error))
                metrics.AUDIT_LOST.labels("too_large").inc(len(batch))
            for _ in batch:
                self._bytes -= self._waiting.popleft().record.ByteSize()
            self._losing = False
        self._noted.clear()
        self._empty.set()

    def _has_room(self, size: int, share: float) -> bool:
        """Whether an entry fits into this share of the room. One alone always does."""
        if not self._waiting:
            return True
        return len(self._waiting) < self._capacity * share and self._bytes + size <= self._max_bytes * share

    def _is_flood(self) -> bool:
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._refused = minute, 0
        self._refused += 1
        if self._refused == self._strangers + 1:
            _log.warning("requests without a valid key are left out of the audit log for a minute")
        return self._refused > self._strangers

    def _lose(self) -> None:
        metrics.AUDIT_LOST.labels("full").inc()
        if not self._losing:
            self._losing = True
            _log.error("the audit log is full, entries are lost", entries=len(self._waiting))


def _redacted(body: object) -> object:
    # The rules for OCPP's fields serve here too: our own bodies have such fields, or fields of the same names.
    return redact(None, "", body)


def _entry(service: str, request: AuditedRequest) -> AuditEntry:
    return AuditEntry(
        occurred_at_ms=request.occurred_at_ms,
        service=service,
        principal=request.principal,
        authentication=request.authentication,
        remote_address=request.remote_address,
        method=request.method,
        path=request.path,
        route=request.route,
        status=request.status,
        request_id=request.request_id,
        request=request.body,
    )
