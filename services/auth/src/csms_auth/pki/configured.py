"""Which certificate authority the settings name."""

import structlog

from csms_auth.pki import built_in
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.ports import CertificateAuthority
from csms_auth.pki.settings import PkiSettings

_log = structlog.get_logger(__name__)


def authority_of(settings: PkiSettings) -> CertificateAuthority | None:
    """Return the certificate authority; None: there is none, stations get no certificates from here.

    Raises OSError, csms_auth.pki.files.WrongPassphraseError when the built-in one is there and cannot be opened.
    """
    directory = settings.pki_directory
    if not built_in.exists(directory):
        _log.info("no certificate authority", directory=str(directory))
        return None
    return BuiltInAuthority(directory, settings.pki_secret(), station_days=settings.pki_certificate_days)
