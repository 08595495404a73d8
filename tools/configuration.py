"""Writes docs/configuration.md from the settings classes; `--check FILE` says whether the file is up to date."""

import sys
from pathlib import Path

from csms_auth.settings import AuthSettings
from csms_device_mgmt.settings import DeviceSettings
from csms_gateway.settings import GatewaySettings
from csms_runtime.settings import describe
from csms_standalone.settings import StandaloneSettings
from csms_transactions.settings import TransactionSettings

INTRODUCTION = """# Configuration

Made from the settings classes by `make docs`. Every service reads its settings from the environment; an empty variable
counts as absent.
"""
CLASSES = (GatewaySettings, AuthSettings, TransactionSettings, DeviceSettings, StandaloneSettings)


def page() -> str:
    """Return the page: every variable once, whoever reads it."""
    return f"{INTRODUCTION}\n{describe(CLASSES)}"


def main(arguments: list[str]) -> int:
    """Print the page, or compare it with the file after --check."""
    if arguments[:1] == ["--check"]:
        if Path(arguments[1]).read_text() != page():
            print(f"{arguments[1]} is out of date: run 'make docs'", file=sys.stderr)
            return 1
        return 0
    if arguments:
        print(f"usage: {Path(sys.argv[0]).name} [--check FILE]", file=sys.stderr)
        return 2
    print(page(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
