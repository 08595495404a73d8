"""The settings of the certificate authority, which come from the environment."""

import hashlib
import hmac
from pathlib import Path
from typing import Annotated

from csms_runtime.secret_files import KEY_FILES
from csms_runtime.settings import DatabaseAccess, RuntimeSettings
from pydantic import Field, SecretStr, StringConstraints

_PURPOSE = b"csms: passphrase of the keys of the built-in certificate authority"
_SECRET_KEY_FILE = "secret-key"  # noqa: S105 the name of a file

_HTTPS = r"^https://[^/]+"


class PkiSettings(RuntimeSettings, DatabaseAccess):
    """Settings of the certificate authority, read by auth and by csms-pki."""

    organization: str = Field(
        "CSMS",
        min_length=1,
        max_length=64,
        description="The charging station operator's name: the O of certificates made here, and what the O of a "
        "station's certificate must contain (A00.FR.404) when the station has no organization of its own",
    )
    pki_dir: Annotated[Path | None, KEY_FILES] = Field(
        None, description="Directory of the built-in certificate authority (csms-pki init); absent: CSMS_DATA_DIR/pki"
    )
    pki_passphrase: SecretStr | None = Field(
        None,
        min_length=8,
        description="Encrypts the keys of the built-in certificate authority; absent: derived from CSMS_SECRET_KEY",
    )
    pki_certificate_days: int = Field(
        365, ge=1, le=3650, description="How long certificates that the built-in authority signs for stations are valid"
    )

    pki_renew_days: int = Field(
        30,
        ge=0,
        description="How many days before a station's certificate ends the station is asked to renew it; 0: never",
    )

    pki_est_url: Annotated[str, StringConstraints(pattern=_HTTPS)] | None = Field(
        None,
        description="EST server (RFC 7030) that signs for stations instead of the built-in authority: "
        "https://host/.well-known/est, with a label where it has several authorities",
    )
    pki_est_v2g_url: Annotated[str, StringConstraints(pattern=_HTTPS)] | None = Field(
        None, description="EST server that signs V2G certificates; absent: with CSMS_PKI_EST_URL, none are signed"
    )
    pki_est_cas: Path | None = Field(
        None,
        description="PEM file of the authorities that the EST server's own certificate is verified with; "
        "absent: the system's",
    )
    pki_est_username: str | None = Field(None, description="User name at the EST server; absent: none is sent")
    pki_est_password: SecretStr | None = Field(None, description="Password at the EST server")
    pki_est_certificate: Path | None = Field(
        None, description="PEM file of the certificate, with its chain, that is shown to the EST server; absent: none"
    )
    pki_est_key: Annotated[Path | None, KEY_FILES] = Field(
        None, description="PEM file of its key; absent: it is in the same file"
    )

    @property
    def pki_directory(self) -> Path:
        """Where the built-in certificate authority is, if there is one."""
        return self.pki_dir or self.data_dir / "pki"

    def pki_secret(self) -> bytes:
        """Return the passphrase of the authority's keys.

        Raises ValueError when neither CSMS_PKI_PASSPHRASE nor CSMS_SECRET_KEY is set, and no standalone CSMS has made
        a secret key in CSMS_DATA_DIR.
        """
        if self.pki_passphrase is not None:
            return self.pki_passphrase.get_secret_value().encode()
        return _derived(self._secret_key())

    def pki_other_secrets(self) -> tuple[bytes, ...]:
        """Return the passphrases that the keys may still be encrypted with, from before a secret was changed.

        `csms-pki reencrypt` puts the present one in their place.
        """
        keys = self.other_secret_keys()
        if self.pki_passphrase is not None and self._has_secret_key:
            keys.insert(0, self._secret_key())
        return tuple(map(_derived, keys))

    def auth_database_url(self) -> str:
        """Return the URL of auth's database: the configured one, or else the standalone mode's file."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.resolve() / 'auth.db'}"

    def _secret_key(self) -> bytes:
        if self.secret_key is None and self._made.is_file():
            return self._made.read_text().strip().encode()
        return self.require_secret_key()

    @property
    def _has_secret_key(self) -> bool:
        return self.secret_key is not None or self._made.is_file()

    @property
    def _made(self) -> Path:
        """The key that a standalone CSMS makes."""
        return self.data_dir / _SECRET_KEY_FILE


def _derived(secret_key: bytes) -> bytes:
    return hmac.digest(secret_key, _PURPOSE, hashlib.sha256).hex().encode()
