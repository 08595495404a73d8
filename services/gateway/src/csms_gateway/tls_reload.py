"""Keeps the TLS context of new connections, and makes a new one when its files change."""

import asyncio
import ssl
from contextlib import suppress

import structlog
from csms_runtime import metrics

from csms_gateway.tls import TlsFiles, make_context
from csms_gateway.tls_dates import Dates, dates, show

_log = structlog.get_logger(__name__)

_WHOSE = "stations"
"""Who meets these files, in the metric that all TLS files have."""


class CurrentContext:
    """Holds the context that new connections get. Connections that are open keep theirs.

    The whole context is replaced, and with it the key of its session tickets. A session that is resumed is not
    validated again, so no session may outlive a change of the authorities or of the revocation lists.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read the files. Raises OSError (ssl.SSLError is one)."""
        self._files = files
        self._asked = asyncio.Event()
        self._read = files.versions()
        self.context, found = _load(files)
        show(found)
        metrics.TLS_FILES_USABLE.labels(_WHOSE).set(1)

    def ask(self) -> None:
        """Have the files read again soon, whether or not they changed."""
        self._asked.set()

    async def watch(self, period_s: float) -> None:
        """Look at the files every `period_s` seconds, until cancelled. Read them again when one has changed."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(period_s):
                    await self._asked.wait()
            versions = await asyncio.to_thread(self._files.versions)
            if self._asked.is_set() or versions != self._read:
                self._asked.clear()
                self._read = versions
                await self._read_again()

    async def _read_again(self) -> None:
        try:
            context, found = await asyncio.to_thread(_load, self._files)
        except (OSError, ValueError) as error:
            # A change that is still being written is found by a later look.
            _log.error("TLS files cannot be used; the former ones stay", error=str(error))
            metrics.TLS_FILES_READ.labels(_WHOSE, "failed").inc()
            metrics.TLS_FILES_USABLE.labels(_WHOSE).set(0)
            return
        self.context = context
        show(found)
        metrics.TLS_FILES_READ.labels(_WHOSE, "done").inc()
        metrics.TLS_FILES_USABLE.labels(_WHOSE).set(1)
        _log.info("TLS files read again")


def _load(files: TlsFiles) -> tuple[ssl.SSLContext, Dates]:
    """Return the context, and until when the files are good. Raises OSError.

    Everything is read before anything is used: a file may be replaced while it is read, and OpenSSL takes files that we
    do not.
    """
    return make_context(files), dates(files)
