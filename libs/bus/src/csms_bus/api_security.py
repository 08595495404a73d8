"""The parts that guard a service's HTTP API and come over the bus."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Self

import structlog
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, Tokens
from csms_runtime.http.key_files import KeyFiles
from csms_runtime.settings import RuntimeSettings

from csms_bus.api_keys import ApiKeyFeed
from csms_bus.audit import AuditLog
from csms_bus.ports import Bus

_COMPONENT = "api-keys"

_log = structlog.get_logger(__name__)


class ApiSecurity:
    """The keys and tokens that a service's API accepts, and the log of what is done with them.

    A context manager. Start the bus before you enter it, and enter it before the API listens. The process is not ready
    before the stored keys are known.
    """

    def __init__(self, bus: Bus, settings: RuntimeSettings, health: Health, service: str) -> None:
        """`service` names this process in the audit log."""
        self.keys = ApiKeys.from_settings(settings)
        """For `csms_runtime.http.create_app`."""
        self.tokens = Tokens.from_settings(settings)
        """For `csms_runtime.http.create_app`. None: no issuer is configured."""
        self.audit = AuditLog(bus, service)
        """The audit log. The app takes its `for_app`."""
        self._feed = ApiKeyFeed(bus, self.keys)
        self._files = KeyFiles(self.keys)
        self._health = health
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._health.set(_COMPONENT, ok=False, detail="reading the API keys")
        self._start(self._feed.run())
        self._start(self._tell_ready())
        self._start(self.audit.run())
        self._start(self._files.follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.audit.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.tokens is not None:
            await self.tokens.close()

    async def ready(self) -> None:
        """Wait until the stored keys are known."""
        await self._feed.ready()

    async def _tell_ready(self) -> None:
        await self._feed.ready()
        self._health.set(_COMPONENT, ok=True)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # Without updates, revoked keys would still let people in: such a process must be replaced.
        if not task.cancelled() and task.exception() is not None:
            _log.error("the API is not guarded any more", exc_info=task.exception())
            self._health.set(_COMPONENT, ok=False, detail="failed")
