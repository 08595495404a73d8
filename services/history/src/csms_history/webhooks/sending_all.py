"""Runs the webhooks that this process has: leases them, so that one process sends for each, and lets them go."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import structlog
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id
from csms_runtime.sealing import CannotOpen, Sealer
from csms_runtime.waiting import wait_for

from csms_history.event_log.following import Following
from csms_history.webhooks import signing, webhook_rows
from csms_history.webhooks.runner import Runner, Tools
from csms_history.webhooks.sending import Sender
from csms_history.webhooks.webhook_rows import Webhook

_log = structlog.get_logger(__name__)

_EVERY_S = 1.0
"""How often the webhooks are looked at."""
PURPOSE = "webhook"
"""What their secrets are sealed for."""


class Webhooks:
    """Sends events to webhooks. Every process of the service has one; a lease says who sends for which."""

    def __init__(
        self,
        database: Database,
        following: Following,
        sealer: Sealer,
        new_sender: Callable[[], Sender],
        *,
        retry_for: timedelta,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._new_sender = new_sender
        self._tools = Tools(database, following, self.keys_of, retry_for, new_id())
        self._runners: dict[str, tuple[Runner, asyncio.Task[None]]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        """Those that finish their attempts: a webhook that is there again waits for its own."""
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that webhooks were changed, or that something is to be sent again."""
        self._woken.set()

    def keys_of(self, webhook: Webhook, now: datetime) -> Sequence[bytes]:
        """Return what a webhook signs with now: its secret, and the one before while that is valid."""
        sealed = [webhook.secret]
        if webhook.previous_secret is not None and webhook.previous_until is not None and now < webhook.previous_until:
            sealed.append(webhook.previous_secret)
        keys = []
        for each in sealed:
            with suppress(CannotOpen):
                keys.append(signing.key_of(self._sealer.open(each, PURPOSE, webhook.webhook_id).decode()))
        return keys

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set; then finish the attempts under way."""
        await self._tools.following.begun()
        while not stop.is_set():
            is_woken = self._woken.is_set()
            self._woken.clear()
            try:
                await self._look()
                for runner, _ in self._runners.values() if is_woken else ():
                    runner.wake()
            except DatabaseUnavailable as error:
                _log.warning("webhooks are not looked at for now", error=str(error))
            await wait_for(stop, self._woken, timeout_s=_EVERY_S)
        self._end(list(self._runners))
        if self._ending:
            await asyncio.wait(list(self._ending.values()))
        with suppress(DatabaseUnavailable):
            async with self._database.transaction() as session:
                await webhook_rows.release(session, self._tools.owner)

    async def _look(self) -> None:
        now, owner = utcnow(), self._tools.owner
        async with self._database.reading() as session:
            owned, due = await webhook_rows.mine(session, owner, now)
        if due:
            async with self._database.transaction() as session:
                await webhook_rows.lease(session, owner, now)
            async with self._database.reading() as session:
                owned, _ = await webhook_rows.mine(session, owner, now)
        there = {webhook.webhook_id for webhook in owned}
        self._end([webhook_id for webhook_id in self._runners if webhook_id not in there])
        for webhook in owned:
            if webhook.webhook_id in self._ending:
                continue
            if webhook.webhook_id not in self._runners:
                await self._renew(webhook)
            self._take(webhook)

    async def _renew(self, webhook: Webhook) -> None:
        """Seal the secret under the current CSMS_SECRET_KEY: the former ones go some day."""
        try:
            secret = self._sealer.open(webhook.secret, PURPOSE, webhook.webhook_id)
        except CannotOpen:
            _log.exception("webhook secret cannot be opened", webhook_id=webhook.webhook_id)
            return
        sealed = self._sealer.seal(secret, PURPOSE, webhook.webhook_id)
        async with self._database.transaction() as session:
            await webhook_rows.renew_secret(session, webhook, sealed)

    def _take(self, webhook: Webhook) -> None:
        if webhook.webhook_id in self._runners:
            runner, task = self._runners[webhook.webhook_id]
            if not task.done():
                runner.take(webhook)
                return
            _log.error("webhook stopped, and goes on", webhook_id=webhook.webhook_id, error=repr(task.exception()))
        runner = Runner(self._tools, webhook, self._new_sender())
        task = asyncio.create_task(runner.run(), name=f"webhook-{webhook.webhook_id}")
        self._runners[webhook.webhook_id] = runner, task

    def _end(self, webhook_ids: Sequence[str]) -> None:
        for webhook_id in webhook_ids:
            runner, task = self._runners.pop(webhook_id)
            runner.end()
            self._ending[webhook_id] = task
            task.add_done_callback(partial(self._ended, webhook_id))

    def _ended(self, webhook_id: str, task: asyncio.Task[None]) -> None:
        del self._ending[webhook_id]
        self._woken.set()
        if not task.cancelled() and (error := task.exception()):
            _log.error("webhook stopped as it ended", webhook_id=webhook_id, error=repr(error))
