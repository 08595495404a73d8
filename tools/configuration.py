"""Writes docs/configuration.md from the settings classes; `--check FILE` says whether the file is up to date.

`--names` writes the chart's settings.json.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from csms_auth.settings import AuthSettings
from csms_device_mgmt.settings import DeviceSettings
from csms_gateway.settings import GatewaySettings
from csms_history.settings import HistorySettings
from csms_runtime.secret_files import is_secret, names_secret_files
from csms_runtime.settings import BaseSettings, KafkaAccess, describe
from csms_runtime.tracing.export import VARIABLES
from csms_standalone.settings import StandaloneSettings
from csms_transactions.settings import TransactionSettings

INTRODUCTION = """# Configuration

Made from the settings classes by `make docs`. Every service reads its settings from the environment; an empty variable
counts as absent. A secret may stand in a file instead: `CSMS_SECRET_KEY_FILE=/run/secrets/key` in place of
`CSMS_SECRET_KEY`. A newline at the file's end is not part of it; to set both is an error.
"""
SECRETS = """
## Who needs which secret

Give each process those of its column and no others. **yes**: it does not start without; (if): if you use it;
(files): the setting names files with private keys, which the process must be able to read. The services differ in the
values of `CSMS_DATABASE_URL` and `CSMS_KAFKA_SASL_PASSWORD`: each has users of its own, and so have the jobs
(docs/stores.md).
"""
TRACES = """
## OpenTelemetry

These variables are OpenTelemetry's own, for every service and standalone; traces are off unless an exporter is set
([traces.md](traces.md)). Its SDK knows more of them. `OTEL_EXPORTER_OTLP_HEADERS` may hold a secret.

| variable | default | what |
|---|---|---|
"""
CLASSES = (GatewaySettings, AuthSettings, TransactionSettings, DeviceSettings, HistorySettings, StandaloneSettings)
SERVICES: Mapping[str, type[BaseSettings]] = {
    "gateway": GatewaySettings,
    "auth": AuthSettings,
    "transactions": TransactionSettings,
    "device-mgmt": DeviceSettings,
    "history": HistorySettings,
}
NEEDED = frozenset({"secret_key", "database_url"})
"""Secrets without which no service starts that has the setting."""


def secrets_of(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the settings of a class that hold secrets or name files that do, with what the table says of them."""
    found = {}
    for name, field in settings.model_fields.items():
        if is_secret(field):
            found[name] = "**yes**" if name in NEEDED else "(if)"
        elif names_secret_files(field):
            found[name] = "(files)"
    return found


def secrets_table() -> str:
    """Return the table of who needs which secret."""
    services = {name: secrets_of(settings) for name, settings in SERVICES.items()}
    names = sorted({name for found in services.values() for name in found})
    jobs = {"`migrate`": {"database_url": "**yes**"}, "`csms_bus.admin`": secrets_of(KafkaAccess)}
    columns = {**services, **jobs}
    head = [f"| secret | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    services["gateway"]["admin_api_key"] = "no: its digest, in `CSMS_API_KEYS`"
    rows = (f"| `CSMS_{n.upper()}` | {' | '.join(found.get(n, '') for found in columns.values())} |" for n in names)
    return "\n".join([*head, *rows]) + "\n"


def traces_table() -> str:
    """Return the rows of OpenTelemetry's variables."""
    return "".join(f"| `{name}` | {default} | {what} |\n" for name, (default, what) in sorted(VARIABLES.items()))


def page() -> str:
    """Return the page: every variable once, whoever reads it, and who needs which secret."""
    return f"{INTRODUCTION}\n{describe(CLASSES)}{SECRETS}\n{secrets_table()}{TRACES}{traces_table()}"


def names() -> str:
    """Return the variables of each service as JSON; the chart's `settings` may name these."""
    return (
        json.dumps({service: sorted(_variables(settings)) for service, settings in SERVICES.items()}, indent=1) + "\n"
    )


def _variables(settings: type[BaseSettings]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        yield f"CSMS_{name}".upper()
        if is_secret(field):
            yield f"CSMS_{name}_FILE".upper()


def main(arguments: list[str]) -> int:
    """Print the page, or the names after --names, or compare the page with the file after --check."""
    if arguments == ["--names"]:
        print(names(), end="")
        return 0
    if arguments[:1] == ["--check"]:
        if Path(arguments[1]).read_text() != page():
            print(f"{arguments[1]} is out of date: run 'make docs'", file=sys.stderr)
            return 1
        return 0
    if arguments:
        print(f"usage: {Path(sys.argv[0]).name} [--names | --check FILE]", file=sys.stderr)
        return 2
    print(page(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
