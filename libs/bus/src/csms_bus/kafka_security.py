"""Makes aiokafka's arguments for TLS and SASL from the settings."""

import ssl
from functools import partial
from pathlib import Path
from typing import Any

import typer
from csms_runtime.settings import KafkaAccess
from csms_runtime.tls_files import following


def arguments(access: KafkaAccess) -> dict[str, Any]:
    """Return what `KafkaBus` and `create_topics` take as `security`. It holds the password.

    The brokers' certificates and names are always verified. Each connection uses the files as they are then. Raises
    ValueError for a file that cannot be used now.
    """
    found: dict[str, Any] = {"security_protocol": access.kafka_security_protocol}
    if access.kafka_security_protocol in {"SSL", "SASL_SSL"}:
        files = (access.kafka_ca_file, access.kafka_client_certificate, access.kafka_client_key)
        given = [path for path in files if path is not None]
        found["ssl_context"] = following(partial(_context, access), given, "kafka")
    if access.kafka_sasl_password is not None:
        found["sasl_mechanism"] = access.kafka_sasl_mechanism
        found["sasl_plain_username"] = access.kafka_sasl_username
        found["sasl_plain_password"] = access.kafka_sasl_password.get_secret_value()
    return found


def from_environment() -> dict[str, Any]:
    """Return the arguments by CSMS_KAFKA_*, for command lines. Ends the program when they can't be used."""
    try:
        return arguments(KafkaAccess())
    except ValueError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error


def _context(access: KafkaAccess) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=access.kafka_ca_file)
    except OSError as error:  # SSLError is one
        raise _unusable("CSMS_KAFKA_CA_FILE", access.kafka_ca_file, error) from error
    if access.kafka_client_certificate is not None:
        # OpenSSL would ask for the password of an encrypted key on the terminal.
        try:
            context.load_cert_chain(access.kafka_client_certificate, access.kafka_client_key, password="")
        except OSError as error:
            names = "CSMS_KAFKA_CLIENT_CERTIFICATE and CSMS_KAFKA_CLIENT_KEY"
            raise _unusable(names, access.kafka_client_certificate, error) from error
    return context


def _unusable(names: str, path: Path | None, error: OSError) -> ValueError:
    return ValueError(f"{names}: {path} cannot be used ({error.strerror or type(error).__name__})")
