"""The whole CSMS in one process: stations, HTTP API, data in a directory. Settings: environment variables CSMS_*."""

import sys

import typer
from csms_runtime import lifecycle, logging

from csms_standalone.app import serve as serve_all
from csms_standalone.secrets import Secrets, secrets_of
from csms_standalone.settings import StandaloneSettings

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@cli.callback()
def _commands() -> None:
    """Keep `serve` a command of its own, as in the services."""


@cli.command()
def serve() -> None:
    """Run gateway, auth, transactions and device-mgmt until SIGTERM or SIGINT.

    The first start makes an admin key for the HTTP API and prints it once; CSMS_ADMIN_API_KEY sets it instead.
    """
    environment = StandaloneSettings()
    logging.configure(environment.log_level, environment.log_format)
    secrets = secrets_of(environment.data_dir, admin_key=environment.admin_api_key is None)
    settings = environment.with_secrets(secrets)

    def welcome(ocpp_port: int, http_port: int) -> None:
        sys.stdout.write(_welcome(settings, secrets, ocpp_port, http_port))
        sys.stdout.flush()

    lifecycle.run(lambda stop: serve_all(settings, stop, welcome))


def _welcome(settings: StandaloneSettings, secrets: Secrets, ocpp_port: int, http_port: int) -> str:
    if secrets.new_admin_key is not None:
        key = f"{secrets.new_admin_key}   (shown only this once)"
    else:
        key = f"as printed at the first start; delete {settings.data_dir}/admin-key.sha256 to get a new one"
        key = "from CSMS_ADMIN_API_KEY" if settings.admin_api_key is not None else key
    return (
        "\nThe CSMS is ready.\n"
        f"  Stations   ws://{settings.ocpp_host}:{ocpp_port}/ocpp/{{station_id}}   "
        f"(unknown stations: {settings.unknown_stations.value})\n"
        f"  HTTP API   http://{settings.http_host}:{http_port}/docs\n"
        f"  Admin key  {key}\n"
        f"  Data       {settings.data_dir.resolve()}\n\n"
    )


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
