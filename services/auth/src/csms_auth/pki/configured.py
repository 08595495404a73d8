"""Makes the certificate authority that the settings name."""

import ssl
from functools import partial

import structlog
from csms_runtime import metrics
from csms_runtime.tls_files import following

from csms_auth.pki import built_in
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.est import EstAccess, EstAuthority
from csms_auth.pki.ports import CertificateAuthority, CertificateType
from csms_auth.pki.settings import PkiSettings

_log = structlog.get_logger(__name__)


def authority_of(settings: PkiSettings) -> CertificateAuthority | None:
    """Return the certificate authority; None: there is none, stations get no certificates from here.

    Raises OSError or ssl.SSLError for files that cannot be read, csms_auth.pki.files.WrongPassphraseError when the
    built-in one is there and cannot be opened.
    """
    if settings.pki_est_url is not None:
        return EstAuthority(_est_access(settings, settings.pki_est_url))
    directory = settings.pki_directory
    if not built_in.exists(directory):
        _log.info("no certificate authority", directory=str(directory))
        return None
    return built_in_authority(settings)


def built_in_authority(settings: PkiSettings) -> BuiltInAuthority:
    """Open the built-in authority. Raises OSError, csms_auth.pki.files.WrongPassphraseError, ValueError."""
    return BuiltInAuthority(
        settings.pki_directory.absolute(),
        settings.pki_secret(),
        others=settings.pki_other_secrets(),
        station_days=settings.pki_certificate_days,
    )


def show_ends(authority: CertificateAuthority | None) -> None:
    """Tell in the metrics when the certificates of a built-in authority end."""
    if isinstance(authority, BuiltInAuthority):
        for certificate in authority.authorities():
            ends_at = certificate.not_valid_after_utc.timestamp()
            metrics.AUTH_AUTHORITY_EXPIRY.labels(certificate.subject.rfc4514_string()).set(ends_at)


def _est_access(settings: PkiSettings, url: str) -> EstAccess:
    urls = {CertificateType.CHARGING_STATION: url}
    if settings.pki_est_v2g_url is not None:
        urls[CertificateType.V2G] = settings.pki_est_v2g_url
    files = (settings.pki_est_cas, settings.pki_est_certificate, settings.pki_est_key)
    context = following(partial(_est_context, settings), [path for path in files if path is not None], "est")
    password = settings.pki_est_password.get_secret_value() if settings.pki_est_password else ""
    credentials = None if settings.pki_est_username is None else (settings.pki_est_username, password)
    return EstAccess(urls, context, credentials)


def _est_context(settings: PkiSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.pki_est_cas)
    if settings.pki_est_certificate is not None:
        # OpenSSL would ask for the password of an encrypted key on the terminal.
        context.load_cert_chain(settings.pki_est_certificate, settings.pki_est_key, password="")
    return context
