"""The certificates that a start with CSMS_OCPP_TLS_PORT makes where none are configured, below CSMS_DATA_DIR/pki."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog
from csms_auth.pki import built_in, files
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.configured import built_in_authority
from csms_gateway.tls import CertificateFiles
from csms_runtime.clock import utcnow

from csms_standalone.settings import StandaloneSettings

SERVER_DAYS = 825
RENEW_BEFORE = timedelta(days=30)
LOOK_EVERY_S = 86_400.0

_log = structlog.get_logger(__name__)


def with_certificates(settings: StandaloneSettings) -> StandaloneSettings:
    """Return the settings with server certificates of a built-in authority, which is made if there is none.

    Its stations are let in, unless the settings name other authorities. Server certificates are made anew when they
    end soon (see also `keep_valid`) or the names changed. Their first name is where stations are told to connect with
    TLS. What the settings name already is left alone. `settings` must have a secret key.

    Raises OSError, ValueError for bad names, csms_auth.pki.files.WrongPassphraseError.
    """
    if settings.ocpp_tls_port is None or settings.ocpp_tls_certificates:
        return settings
    directory = settings.pki_directory.resolve()
    if not built_in.exists(directory):
        built_in.create(directory, settings.pki_secret(), settings.organization)
    authority = built_in_authority(settings)
    _renew(settings, authority)
    paths = built_in.server_files(directory)
    certificates = [CertificateFiles(certificate=path, key=path.with_suffix(".key")) for path in paths]
    if settings.pki_est_url is not None and not settings.ocpp_tls_client_cas:
        _log.warning(
            "stations are not let in with the certificates they get: CSMS_PKI_EST_URL names the authority that signs "
            "them, and without CSMS_OCPP_TLS_CLIENT_CAS only the built-in one is trusted"
        )
    client_cas = settings.ocpp_tls_client_cas or [authority.clients]
    update: dict[str, object] = {"ocpp_tls_certificates": certificates, "ocpp_tls_client_cas": client_cas}
    if settings.ocpp_tls_port:
        address = f"wss://{settings.ocpp_tls_names[0]}:{settings.ocpp_tls_port}/ocpp"
        update["public_ocpp_url_tls"] = settings.public_ocpp_url_tls or address
    return settings.model_copy(update=update)


async def keep_valid(settings: StandaloneSettings, stop: asyncio.Event) -> None:
    """Make server certificates that `with_certificates` made anew before they end; looks once a day, until `stop`.

    The gateway takes new files in use by itself. A failure is logged and tried again the next day.
    """
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await stop.wait()
                return
        try:
            await asyncio.to_thread(_look, settings)
        except (OSError, ValueError, files.WrongPassphraseError) as error:
            _log.error("server certificates cannot be made anew", error=str(error))


def _look(settings: StandaloneSettings) -> None:
    directory = settings.pki_directory.resolve()
    if _renew(settings, built_in_authority(settings)):
        _log.info("server certificates made anew", directory=str(directory))


def _renew(settings: StandaloneSettings, authority: BuiltInAuthority) -> bool:
    """Make server certificates unless there are good ones; returns whether it did."""
    directory = settings.pki_directory.resolve()
    if all(_is_good(path, settings.ocpp_tls_names, authority) for path in built_in.server_files(directory)):
        return False
    authority.server_certificates(directory, settings.ocpp_tls_names, settings.organization, days=SERVER_DAYS)
    return True


def made_here(settings: StandaloneSettings) -> Path | None:
    """Return the root that stations verify the certificates with that `with_certificates` made; None: it made none."""
    made = built_in.server_files(settings.pki_directory.resolve())
    configured = tuple(each.certificate for each in settings.ocpp_tls_certificates)
    return built_in.root_file(settings.pki_directory.resolve()) if configured == made else None


def _is_good(path: Path, names: Sequence[str], authority: BuiltInAuthority) -> bool:
    try:
        (certificate,) = files.read_certificates(path)
        return (
            files.belongs(path.with_suffix(".key"), certificate)
            and authority.is_root_of(certificate)
            and built_in.names_of(certificate) == list(names)
            and certificate.not_valid_after_utc > utcnow() + RENEW_BEFORE
        )
    except (OSError, ValueError):
        return False
