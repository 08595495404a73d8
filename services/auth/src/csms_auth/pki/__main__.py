"""The built-in certificate authority from the command line: make it, make server certificates, look at it."""

import asyncio
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.clock import utcnow
from csms_runtime.starting import CannotStart, read
from csms_runtime.texts import for_terminal
from sqlalchemy.exc import SQLAlchemyError

from csms_auth.certifying.revoking import revocation
from csms_auth.pki import built_in, files, issuing
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.configured import built_in_authority
from csms_auth.pki.issuing import Revoked
from csms_auth.pki.ports import CertificateType, SigningRequest
from csms_auth.pki.settings import PkiSettings
from csms_auth.store import certificates

SERVER_DAYS = 825

# No pretty tracebacks: they show local variables, and so secrets.
cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@cli.command()
def init() -> None:
    """Make the roots and the authorities below them in CSMS_PKI_DIR. Ends with an error when they are there already."""
    settings = _settings()
    try:
        built_in.create(settings.pki_directory, settings.pki_secret(), settings.organization)
    except (FileExistsError, ValueError) as error:
        raise _failed(error) from error
    typer.echo(f"Made the certificate authority in {settings.pki_directory}")
    show()


@cli.command()
def server(
    names: Annotated[list[str], typer.Argument(help="Host names and addresses; the first is the common name")],
    out: Annotated[Path | None, typer.Option(help="Directory of the files; default: CSMS_PKI_DIR")] = None,
    days: Annotated[int, typer.Option(min=1, help="How long they are valid")] = SERVER_DAYS,
) -> None:
    """Make the gateway's certificates, RSA and ECDSA, replacing those in the directory: a gateway takes them in use."""
    settings, authority = _opened()
    try:
        made = authority.server_certificates(out or settings.pki_directory, names, settings.organization, days=days)
    except (OSError, ValueError, files.WrongPassphraseError) as error:
        raise _failed(error) from error
    pairs = ", ".join(f'{{"certificate": "{path}", "key": "{path.with_suffix(".key")}"}}' for path in made)
    typer.echo(f"CSMS_OCPP_TLS_CERTIFICATES='[{pairs}]'")
    typer.echo(f"CSMS_OCPP_TLS_CLIENT_CAS='[\"{authority.clients}\"]'")


@cli.command()
def station(
    serial: Annotated[str, typer.Option(help="The station's serial number: the common name")],
    out: Annotated[Path | None, typer.Option(help="Directory of the files; default: CSMS_PKI_DIR/stations")] = None,
) -> None:
    """Make a key and a certificate for a station, to try security profile 3 or to put into it before its first start.

    It is not among those the CSMS knows, so it cannot be revoked: until it ends it is good for whatever station has
    this serial number, also for one that was deleted and created again. Give the station another serial number.
    Stations in the field ask for theirs with SignCertificate.
    """
    settings, authority = _opened()
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        name = issuing.subject(serial, settings.organization)
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        request = SigningRequest(csr, CertificateType.CHARGING_STATION, serial, settings.organization)
        chain = asyncio.run(authority.sign(request))
        directory = out or settings.pki_directory / "stations"
        files.make_directory(directory)
        path = directory / f"{quote(serial, safe=' ')}.pem"
        built_in.write_pair(path, key, chain)
    except (OSError, ValueError) as error:
        raise _failed(error) from error
    typer.echo(f"certificate  {path}\nkey          {path.with_suffix('.key')}")


@cli.command()
def show() -> None:
    """Show the authorities."""
    settings, authority = _opened()
    for certificate in authority.authorities():
        typer.echo(_line(certificate))
    typer.echo(f"Stations verify the CSMS with {built_in.root_file(settings.pki_directory)}")


@cli.command()
def reencrypt() -> None:
    """Encrypt the authority's keys anew: with CSMS_PKI_PASSPHRASE, or CSMS_SECRET_KEY when there is none.

    They may be encrypted with CSMS_SECRET_KEY or a key of CSMS_SECRET_KEY_OTHERS until then.
    """
    _settings, authority = _opened()
    try:
        paths = authority.reencrypt()
    except (OSError, files.WrongPassphraseError) as error:
        raise _failed(error) from error
    for path in paths:
        typer.echo(f"encrypted anew  {path}")


@cli.command()
def crl(
    certificate_type: Annotated[
        CertificateType, typer.Option(help="Whose certificates: the stations', or those they show to vehicles")
    ] = CertificateType.CHARGING_STATION,
) -> None:
    """Print the list of revoked certificates, PEM, valid for a week; for whoever verifies them without asking the CSMS.

    What was revoked is read from auth's database: CSMS_DATABASE_URL, or the standalone CSMS's in CSMS_DATA_DIR.
    """
    settings, authority = _opened()
    revoked = asyncio.run(_revoked(settings, certificate_type))
    made = authority.revocation_list(certificate_type, revoked)
    typer.echo(made.public_bytes(Encoding.PEM).decode(), nl=False)


async def _revoked(settings: PkiSettings, certificate_type: CertificateType) -> list[Revoked]:
    database = Database(settings.auth_database_url(), "auth")
    try:
        async with database.reading() as session:
            found = await certificates.revoked(session, certificate_type, valid_at=utcnow())
    except (DatabaseUnavailable, SQLAlchemyError) as error:
        raise _failed(f"auth's database cannot be read: {type(error).__name__}") from error
    finally:
        await database.close()
    return [revocation(certificate) for certificate in found]


def main() -> None:
    """Run the command line."""
    cli()


def _settings() -> PkiSettings:
    try:
        return read(PkiSettings)
    except CannotStart as error:
        raise _failed(error) from error


def _opened() -> tuple[PkiSettings, BuiltInAuthority]:
    settings = _settings()
    if not built_in.exists(settings.pki_directory):
        raise _failed(f"there is no certificate authority in {settings.pki_directory}: csms-pki init")
    try:
        authority = built_in_authority(settings)
    except (OSError, ValueError, files.WrongPassphraseError) as error:
        raise _failed(error) from error
    return settings, authority


def _failed(reason: object) -> typer.Exit:
    typer.echo(str(reason), err=True)
    return typer.Exit(1)


def _line(certificate: x509.Certificate) -> str:
    (common_name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    days = (certificate.not_valid_after_utc - utcnow()).days
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    return f"{for_terminal(str(common_name.value)):26} valid {days} days  SHA-256 {fingerprint}"


if __name__ == "__main__":
    main()
