"""Keeps the TLS context of new connections, and makes a new one when its files change."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress

import structlog
from cryptography import x509
from csms_runtime import metrics

from csms_gateway.tls import CertificateFiles, TlsFiles, make_context

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
        self.context, expiries = _load(files)
        _show(expiries)
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
            context, expiries = await asyncio.to_thread(_load, self._files)
        except (OSError, ValueError) as error:
            # A change that is still being written is found by a later look.
            _log.error("TLS files cannot be used; the former ones stay", error=str(error))
            metrics.GATEWAY_TLS_RELOADS.labels("failed").inc()
            metrics.TLS_FILES_USABLE.labels(_WHOSE).set(0)
            return
        self.context = context
        _show(expiries)
        metrics.GATEWAY_TLS_RELOADS.labels("done").inc()
        metrics.TLS_FILES_USABLE.labels(_WHOSE).set(1)
        _log.info("TLS files read again")


def _load(files: TlsFiles) -> tuple[ssl.SSLContext, dict[str, float]]:
    """Return the context, and the Unix time at which each certificate ends, by file. Raises OSError.

    Everything is read before anything is used: a file may be replaced while it is read, and OpenSSL takes files that we
    do not.
    """
    context = make_context(files)
    return context, {str(pair.certificate): _expires_at(pair) for pair in files.certificates}


def _expires_at(pair: CertificateFiles) -> float:
    try:
        leaf = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    except ValueError as error:
        raise OSError(f"{pair.certificate} does not begin with a certificate in PEM (BEGIN CERTIFICATE)") from error
    return leaf.not_valid_after_utc.timestamp()


def _show(expiries: Mapping[str, float]) -> None:
    for path, expires_at in expiries.items():
        metrics.GATEWAY_TLS_CERTIFICATE_EXPIRY.labels(path).set(expires_at)
