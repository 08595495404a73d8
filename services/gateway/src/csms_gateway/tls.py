"""TLS towards stations: versions, cipher suites, client certificates, and names for failed handshakes.

Requirements: A00.FR.312-.321, .415-.424 (versions, cipher suites, no compression), A00.FR.402/.403 (path validation).
"""

import ssl
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

from csms_runtime.tls_files import Version, version_of
from pydantic import BaseModel, ConfigDict

from csms_gateway import tls_revocation

CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        # These have no forward secrecy, but the standard obliges a CSMS to offer them (A00.FR.318, .421).
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    )
)
"""The suites of TLS 1.2, best first; those of TLS 1.3 are OpenSSL's."""

ACCEPTED: ContextVar[socket] = ContextVar("accepted")
"""The TCP connection whose handshake runs in this context. The alert of a failed handshake is written to it."""


class CertificateFiles(BaseModel):
    """A certificate chain and its private key, both PEM."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files that a TLS context is made of."""

    certificates: Sequence[CertificateFiles]
    client_cas: Sequence[Path] = ()
    """Authorities of client certificates. Empty: stations are asked for no certificate."""
    client_crls: Sequence[Path] = ()

    def versions(self) -> tuple[Version, ...]:
        """Return a value for each file that changes when the file changes; None when there is no file."""
        return tuple(version_of(path) for path in self._paths())

    def _paths(self) -> list[Path]:
        servers = [path for files in self.certificates for path in (files.certificate, files.key)]
        return [*servers, *self.client_cas, *self.client_crls]


class _Handshake(ssl.SSLObject):
    """An SSLObject that sends the alert when a handshake fails: neither asyncio nor uvloop does."""

    alerts: ssl.MemoryBIO
    connection: socket | None

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            self._send_alert()
            raise
        self.connection = None

    def _send_alert(self) -> None:
        alert = self.alerts.read()
        if alert and self.connection is not None:
            with suppress(OSError):  # the peer is gone, or takes nothing
                self.connection.send(alert)


class _StationContext(ssl.SSLContext):
    """A context whose failed handshakes end with an alert."""

    sslobject_class = _Handshake

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> ssl.SSLObject:  # noqa: ANN401 ssl's
        wrapped = super().wrap_bio(incoming, outgoing, *args, **options)
        if isinstance(wrapped, _Handshake):
            wrapped.alerts = outgoing
            wrapped.connection = ACCEPTED.get(None)
        return wrapped


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """Make the context for stations. Raises OSError (ssl.SSLError is one): a file is missing, broken or does not fit.

    An idle connection needs little memory: OpenSSL gives its buffers back (SSL_MODE_RELEASE_BUFFERS is Python's
    default), and the stations keep the sessions for resumption, in tickets.
    """
    context = _StationContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 1  # a station has one connection at a time
    for pair in files.certificates:
        context.load_cert_chain(pair.certificate, pair.key, password=_no_password)
    if files.client_cas:
        _ask_for_certificates(context, files)
    return context


def _no_password() -> str:
    # Without it OpenSSL would ask for the password on the terminal.
    raise ssl.SSLError("the private key is encrypted; the gateway needs it in the clear")


def _ask_for_certificates(context: ssl.SSLContext, files: TlsFiles) -> None:
    # A certificate is optional: stations of profile 2 have none. auth decides whose it is, and whether one is needed.
    context.verify_mode = ssl.CERT_OPTIONAL
    for path in (*files.client_cas, *files.client_crls):
        context.load_verify_locations(cafile=path)
    if files.client_crls:
        context.verify_flags |= tls_revocation.flags(files.client_cas, files.client_crls)


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """Why a handshake failed."""

    result: str
    """Its name in metrics."""
    reason: str
    """Text for logs and events."""
    security_event: str = ""
    """OCPP's name of the security event. Empty: it has none."""
    worth_telling: bool = True
    """Whether to report it. Not, when the peer went away or was no TLS client, as port scans and health checks."""


_DISTRUSTED = TlsFailure("distrusted", "the station does not trust our certificate", "InvalidCsmsCertificate")
_BAD_VERSION = TlsFailure("bad_version", "the station offered less than TLS 1.2", "InvalidTLSVersion")
_NO_CIPHER = TlsFailure("no_shared_cipher", "no cipher suite in common", "InvalidTLSCipherSuite")
_NOT_TLS = TlsFailure("not_tls", "the station does not speak TLS", worth_telling=False)
_TIMEOUT = TlsFailure("timeout", "the TLS handshake took too long", worth_telling=False)
_ABANDONED = TlsFailure("abandoned", "the station closed the connection", worth_telling=False)

_BY_REASON = {
    "UNSUPPORTED_PROTOCOL": _BAD_VERSION,
    "VERSION_TOO_LOW": _BAD_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _BAD_VERSION,
    "NO_SHARED_CIPHER": _NO_CIPHER,
    "NO_SHARED_SIGNATURE_ALGORITHMS": _NO_CIPHER,
    "HTTP_REQUEST": _NOT_TLS,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "UNKNOWN_PROTOCOL": _NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": _NOT_TLS,
    "BAD_RECORD_TYPE": _NOT_TLS,
    "TLSV1_ALERT_UNKNOWN_CA": _DISTRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _DISTRUSTED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _DISTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _DISTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _DISTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _DISTRUSTED,
}
"""Failures by OpenSSL's names of the reasons."""


REPORTED = ("bad_certificate", "distrusted", "bad_version", "no_shared_cipher", "failed")
"""The results of failures that are worth telling."""


def failure(error: BaseException) -> TlsFailure:
    """Name what ended a handshake."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"client certificate: {error.verify_message}"
        return TlsFailure("bad_certificate", text, "InvalidChargingStationCertificate")
    if isinstance(error, TimeoutError | ConnectionAbortedError):
        return _TIMEOUT
    if isinstance(error, ValueError):
        return TlsFailure("bad_certificate", "client certificate: cannot be read", "InvalidChargingStationCertificate")
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _ABANDONED
    reason: str = getattr(error, "reason", None) or "unknown"
    return _BY_REASON.get(reason) or TlsFailure("failed", reason.lower().replace("_", " "))
