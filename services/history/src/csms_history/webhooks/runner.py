"""Sends the events of one webhook: makes deliveries of them, and sends those that are due, some at a time."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime import metrics
from csms_runtime.clock import utcnow
from csms_runtime.texts import storable
from csms_runtime.waiting import wait_for

from csms_history.event_log.following import Following
from csms_history.webhooks import delivery_rows, signing, webhook_rows
from csms_history.webhooks.delivery_rows import Delivery, DeliveryState
from csms_history.webhooks.sending import DEADLINE_S, Sender, Sent
from csms_history.webhooks.webhook_rows import Webhook

_log = structlog.get_logger(__name__)

AT_A_TIME = 8
"""Requests to one target at a time; one, while it fails."""
MOST_PENDING = 50_000
"""Deliveries that wait; further events, of all stations, wait in the log."""
CROWDED = 25_000
"""Deliveries that wait, from which on no station may have more than `MOST_OF_ONE` of them."""
MOST_OF_ONE = 1000
"""Further events of the station are dead at once, and can be replayed: those of others go on."""
_FAILING = 3
"""Attempts that failed one after the other, from which on the target is tried by one request at a time."""
_BYTES_AT_ONCE = 4 * 1024 * 1024
_LONGEST_PAUSE_S = 5.0
"""How long nobody looks for what to do; who knows of something wakes it."""
_MARGIN = timedelta(seconds=DEADLINE_S + 2)
"""An attempt begins only so long before the lease ends: nobody else sends the same meanwhile."""
_RETRY_LONGEST = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all runners of a process share."""

    database: Database
    following: Following
    keys_of: Callable[[Webhook, datetime], Sequence[bytes]]
    """Opens a webhook's secrets that are valid."""
    retry_for: timedelta
    """How long a delivery is tried."""
    owner: str


class Runner:
    """Sends for one webhook until `stop` is set or its lease is gone; `take` gives it the row as it is now."""

    def __init__(self, tools: Tools, webhook: Webhook, sender: Sender) -> None:
        self._tools = tools
        self._webhook = webhook
        self._sender = sender
        self._failed = 0
        self._busy: dict[str, asyncio.Task[None]] = {}
        """Attempts under way, by order key."""
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()

    def take(self, webhook: Webhook) -> None:
        """Take the webhook as it is stored now."""
        newest = replace(webhook, position=max(webhook.position, self._webhook.position))
        if newest != self._webhook:
            self._webhook = newest
            self._woken.set()

    def wake(self) -> None:
        """Look for what is to be sent now."""
        self._woken.set()

    def end(self) -> None:
        """Begin no more attempts."""
        self._stop.set()

    async def run(self) -> None:
        """Send. Outlives outages of the database."""
        try:
            while not self._stop.is_set():
                pause_s = _LONGEST_PAUSE_S
                self._woken.clear()
                try:
                    if self._is_mine:
                        made = await self._make_deliveries()
                        pause_s = 0.0 if made else await self._send_due()
                except DatabaseUnavailable as error:
                    _log.warning("webhook waits", webhook_id=self._webhook.webhook_id, error=str(error))
                await self._wait(pause_s)
        finally:
            if self._busy:
                await asyncio.wait(self._busy.values())
            await self._sender.close()

    @property
    def _is_mine(self) -> bool:
        return utcnow() + _MARGIN < self._webhook.leased_until

    async def _wait(self, pause_s: float) -> None:
        if pause_s <= 0:
            await asyncio.sleep(0)
            return
        following = asyncio.ensure_future(
            self._tools.following.wait_beyond(max(self._webhook.position, self._tools.following.newest), pause_s)
        )
        waiting = asyncio.ensure_future(wait_for(self._woken, self._stop, timeout_s=pause_s))
        try:
            await asyncio.wait({following, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            following.cancel()
            waiting.cancel()

    async def _make_deliveries(self) -> bool:
        """Make deliveries of the next events; whether there may be more. Raises DatabaseUnavailable."""
        webhook, tools = self._webhook, self._tools
        if tools.following.newest <= webhook.position:
            return False
        events = await tools.following.after(webhook.position)
        wanted = [each for each in events if webhook.wanted.takes(each.type, each.station_key, each.site_id)]
        position = events[-1].id if events else tools.following.newest
        async with tools.database.transaction() as session:
            waiting = await delivery_rows.pending(session, webhook.webhook_id, MOST_PENDING) if wanted else 0
            if waiting >= MOST_PENDING:
                return False
            keys = {delivery_rows.order_key(each) for each in wanted} if waiting >= CROWDED else set()
            crowded = await delivery_rows.with_many(session, webhook.webhook_id, keys, MOST_OF_ONE)
            if not await webhook_rows.advance(session, webhook, position, tools.owner):
                return False
            dead = await delivery_rows.add(session, webhook.webhook_id, wanted, utcnow(), crowded=crowded)
        self._webhook = replace(webhook, position=position)
        if dead:
            metrics.HISTORY_WEBHOOK_DEAD.inc(dead)
            _log.warning("webhook deliveries given up, too many wait", webhook_id=webhook.webhook_id, deliveries=dead)
        return True

    async def _send_due(self) -> float:
        """Begin attempts; return how long nothing else is to be done, in seconds. Raises DatabaseUnavailable."""
        room = (1 if self._failed >= _FAILING else AT_A_TIME) - len(self._busy)
        if room <= 0:
            return _LONGEST_PAUSE_S  # an attempt that ends wakes
        now = utcnow()
        async with self._tools.database.reading() as session:
            found, next_at = await delivery_rows.due(
                session, self._webhook.webhook_id, now, busy=list(self._busy), limit=room, most_bytes=_BYTES_AT_ONCE
            )
        for delivery in found:
            self._busy[delivery.order_key] = asyncio.create_task(self._attempt(delivery), name="webhook-attempt")
        if next_at is None:
            return _LONGEST_PAUSE_S
        return min(_LONGEST_PAUSE_S, max(0.05, (next_at - now).total_seconds()))

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            await self._sent(delivery)
        except DatabaseUnavailable as error:  # it is sent again: at least once
            _log.warning("outcome of a webhook not stored", webhook_id=self._webhook.webhook_id, error=str(error))
            await wait_for(self._stop, timeout_s=_LONGEST_PAUSE_S)
        except Exception:  # noqa: BLE001 a mistake of ours with one delivery: told, and not tried again without a pause
            _log.exception("webhook attempt failed", webhook_id=self._webhook.webhook_id, delivery=delivery.id)
            await wait_for(self._stop, timeout_s=_LONGEST_PAUSE_S)
        finally:
            del self._busy[delivery.order_key]
            self._woken.set()

    async def _sent(self, delivery: Delivery) -> None:
        webhook, started = self._webhook, time.monotonic()
        begun_at = utcnow()
        sent = await self._signed_and_sent(webhook, delivery, begun_at)
        now, took_ms = utcnow(), int((time.monotonic() - started) * 1000)
        self._failed = 0 if sent.ok else self._failed + 1
        metrics.HISTORY_WEBHOOK_ATTEMPTS.labels("ok" if sent.ok else "failed").inc()
        outcome = _outcome(delivery, sent, now, self._tools.retry_for)
        told = {
            "last_attempt_at": begun_at,
            "last_status": sent.status,
            "last_error": storable(sent.error),
            "took_ms": took_ms,
        }
        async with self._tools.database.transaction() as session:
            await delivery_rows.note(session, delivery, {**told, **outcome})
            await webhook_rows.note_outcome(session, webhook.webhook_id, now, ok=sent.ok)
        if outcome.get("state") is DeliveryState.DEAD:
            metrics.HISTORY_WEBHOOK_DEAD.inc()
            _log.warning("webhook delivery given up", webhook_id=webhook.webhook_id, delivery=delivery.id)

    async def _signed_and_sent(self, webhook: Webhook, delivery: Delivery, now: datetime) -> Sent:
        keys = self._tools.keys_of(webhook, now)
        if not keys:
            return Sent(ok=False, status=None, error="its secret was sealed under another CSMS_SECRET_KEY: rotate it")
        signed = signing.headers(delivery.message_id, int(now.timestamp()), delivery.body, keys)
        headers = {**signed, "Content-Type": "application/cloudevents+json"}
        return await self._sender.send(webhook.url, delivery.body, headers)


def _outcome(delivery: Delivery, sent: Sent, now: datetime, retry_for: timedelta) -> dict[str, object]:
    if sent.ok:
        return {"state": DeliveryState.DELIVERED, "finished_at": now}
    pause = delivery_rows.retry_pause(delivery.attempts, _RETRY_LONGEST, random.random())  # noqa: S311 jitter
    if sent.retry_after_s is not None:
        pause = max(pause, min(_RETRY_LONGEST, timedelta(seconds=sent.retry_after_s)))
    if now + pause > delivery.begun_at + retry_for:
        return {"state": DeliveryState.DEAD, "finished_at": now}
    return {"next_attempt_at": now + pause}
