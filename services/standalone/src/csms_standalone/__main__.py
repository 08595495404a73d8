"""The whole CSMS in one process: stations, HTTP API, data in a directory. Settings: environment variables CSMS_*."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from csms_auth.pki.files import WrongPassphraseError
from csms_runtime import lifecycle, logging
from csms_runtime.command_line import demand_files
from csms_runtime.starting import CannotStart, read

from csms_standalone.app import Ports
from csms_standalone.app import serve as serve_all
from csms_standalone.backup import Backup, BackupError
from csms_standalone.backup import backup as back_up
from csms_standalone.certificates import made_here, with_certificates
from csms_standalone.data_dir import OWNER_ALONE, taken
from csms_standalone.secrets import Secrets, secrets_of
from csms_standalone.settings import StandaloneSettings

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@cli.callback()
def _commands() -> None:
    """Keep `serve` a command of its own, as in the services."""


@cli.command()
def serve() -> None:
    """Run gateway, auth, transactions, device-mgmt and history until SIGTERM or SIGINT.

    The first start makes an admin key for the HTTP API and prints it once; CSMS_ADMIN_API_KEY sets it instead.
    """
    try:
        environment = read(StandaloneSettings)
        logging.configure(environment.log_level, environment.log_format)
        demand_files(environment)
        with taken(environment.data_dir):
            _serve(environment)
    except CannotStart as error:
        sys.exit(f"The CSMS cannot start: {error}")


@cli.command()
def backup(directory: Annotated[Path, typer.Argument(help="Where the copy goes: it must not exist yet.")]) -> None:
    """Copy databases, keys and certificates while the CSMS runs. CSMS_DATA_DIR says of which one.

    All databases are copied as they were at one moment. To start from the copy: CSMS_DATA_DIR=DIRECTORY csms serve.
    """
    os.umask(OWNER_ALONE)
    try:
        environment = read(StandaloneSettings)
        made = _back_up(environment, directory)
    except (CannotStart, BackupError, OSError) as error:
        sys.exit(f"There is no backup: {error}")
    sys.stdout.write(backup_text(environment, made))


def _back_up(environment: StandaloneSettings, directory: Path) -> Backup:
    if environment.database_url is not None:
        raise BackupError("the databases are in PostgreSQL (CSMS_DATABASE_URL): see docs/runbooks/restore.md")
    return back_up(environment.data_dir, directory)


def backup_text(environment: StandaloneSettings, made: Backup) -> str:
    """Return what is printed about a backup."""
    lines = [
        f"Backup of {environment.data_dir.resolve()} as it was at {made.at:%Y-%m-%dT%H:%M:%SZ}",
        f"{made.directory.resolve()}   {made.size / 1e6:.1f} MB",
        "It holds the secret key, and keys of certificates: keep it as safe as the data themselves.",
    ]
    if environment.secret_key is not None:
        lines.append(
            "CSMS_SECRET_KEY comes from the environment: it is not in the backup, and without it this is useless."
        )
    pki = environment.pki_directory.resolve()
    if pki.exists() and not pki.is_relative_to(environment.data_dir.resolve()):
        lines.append(f"The certificate authority in {pki} (CSMS_PKI_DIR) is not in it.")
    return "\n".join(lines) + "\n"


def _serve(environment: StandaloneSettings) -> None:
    secrets = secrets_of(environment.data_dir, admin_key=environment.admin_api_key is None)
    try:
        settings = with_certificates(environment.with_secrets(secrets))
    except (WrongPassphraseError, ValueError, OSError) as error:
        raise CannotStart(f"the certificates for CSMS_OCPP_TLS_PORT cannot be had: {error}") from error

    def welcome(ports: Ports) -> None:
        sys.stdout.write(welcome_text(settings, secrets, ports))
        sys.stdout.flush()

    lifecycle.run(lambda stop: serve_all(settings, stop, welcome))


def welcome_text(settings: StandaloneSettings, secrets: Secrets, ports: Ports) -> str:
    """Return what is printed when stations may connect."""
    if secrets.new_admin_key is not None:
        key = f"{secrets.new_admin_key}   (shown only this once)"
    else:
        key = f"as printed at the first start; delete {settings.data_dir}/admin-key.sha256 to get a new one"
        key = "from CSMS_ADMIN_API_KEY" if settings.admin_api_key is not None else key
    lines = [
        *_stations(settings, ports),
        f"HTTP API   http://{settings.http_host}:{ports.http}/docs",
        f"Admin key  {key}",
        f"Data       {settings.data_dir.resolve()}",
    ]
    return "\nThe CSMS is ready.\n" + "".join(f"  {line}\n" for line in lines) + "\n"


def _stations(settings: StandaloneSettings, ports: Ports) -> list[str]:
    unknown = f"(unknown stations: {settings.unknown_stations.value})"
    lines = []
    if ports.ocpp is not None:
        lines.append(f"Stations   ws://{settings.ocpp_host}:{ports.ocpp}/ocpp/{{station_id}}   {unknown}")
    if ports.ocpp_tls is None:
        return lines
    own = made_here(settings)
    host = settings.ocpp_tls_names[0] if own else settings.ocpp_host
    lines.append(f"Stations   wss://{host}:{ports.ocpp_tls}/ocpp/{{station_id}}   {unknown}")
    if own is not None:
        lines += [
            f"           They verify the CSMS with {own}",
            "           A certificate for security profile 3: csms-pki station --serial SERIAL_NUMBER",
        ]
    return lines


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
