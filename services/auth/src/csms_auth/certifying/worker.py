"""Runs signing, delivering and renewing beside the consumers."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from csms_bus.flow import Backoff
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.clock import utcnow

from csms_auth.certifying import delivering, renewing
from csms_auth.certifying.signing import Signer
from csms_auth.store import certificate_requests, certificates

POLL_S = 1.0
"""Seconds between two looks. Nobody calls `wake` when something becomes due, or another process wrote it."""
RENEWAL_INTERVAL_S = 600.0

_log = structlog.get_logger(__name__)


class Certifier:
    """Does the work that is due. There is one in each process; they share the work."""

    def __init__(
        self,
        database: Database,
        signer: Signer | None,
        *,
        renew_before: timedelta,
        wake_outbox: Callable[[], None],
        bus_is_durable: bool = True,
    ) -> None:
        """`signer` None: there is no certificate authority, nothing is signed. `renew_before` 0: nothing is renewed.

        `bus_is_durable` False: orders from before this start are lost.
        """
        self._database = database
        self._signer = signer
        self._renew_before = renew_before
        self._wake_outbox = wake_outbox
        self._woken = asyncio.Event()
        self._renewed_at = -RENEWAL_INTERVAL_S
        self._orders_are_known = bus_is_durable

    def wake(self) -> None:
        """Say that something is due. This is cheap. Call it from the event loop's thread."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. While the database is away, it waits and tries again. Raises other errors."""
        backoff = Backoff(0.2, 5.0)
        waiting = asyncio.create_task(self._stopped(stop))
        try:
            while not stop.is_set():
                pause_s = POLL_S
                self._woken.clear()
                try:
                    await self.work()
                    backoff.reset()
                except DatabaseUnavailable as error:
                    _log.warning("certificates wait", error=str(error))
                    pause_s = backoff.next_pause()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), pause_s)
        finally:
            waiting.cancel()

    async def work(self) -> None:
        """Do all that is due now. Raises DatabaseUnavailable."""
        if not self._orders_are_known:
            async with self._database.transaction() as session:
                await certificates.forget_orders(session, utcnow())
                await certificate_requests.forget_claims(session, utcnow())
            self._orders_are_known = True
        while self._signer is not None and await self._signer.sign_due():
            self._wake_outbox()
        while await delivering.order_due(self._database):
            self._wake_outbox()
        if self._renewal_is_due() and await renewing.order_renewals(self._database, self._renew_before):
            self._wake_outbox()

    def _renewal_is_due(self) -> bool:
        if not self._renew_before or self._signer is None:
            return False
        now = time.monotonic()
        if now - self._renewed_at < RENEWAL_INTERVAL_S:
            return False
        self._renewed_at = now
        return True

    async def _stopped(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._woken.set()
