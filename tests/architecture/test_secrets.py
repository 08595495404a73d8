"""Each service knows the secrets that it needs and no others: what a process cannot read, nobody takes from it."""

import os
import subprocess
import sys

import pytest
from csms_auth.settings import AuthSettings
from csms_device_mgmt.settings import DeviceSettings
from csms_gateway.settings import GatewaySettings
from csms_history.settings import HistorySettings
from csms_runtime.secret_files import is_secret, names_secret_files
from csms_runtime.settings import BaseSettings
from csms_transactions.settings import TransactionSettings

EVERY = {"secret_key", "secret_key_others", "admin_api_key", "api_keys", "kafka_sasl_password", "kafka_client_key"}
"""What opens sealed records, guards the service's HTTP API, and lets it into Kafka."""
STORES = EVERY | {"database_url"}


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        (GatewaySettings, EVERY | {"ocpp_tls_certificates", "proxy_secret"}),
        (
            AuthSettings,
            STORES | {"pki_passphrase", "pki_dir", "pki_est_password", "pki_est_key"},
        ),
        (TransactionSettings, STORES),
        (DeviceSettings, STORES),
        (HistorySettings, STORES),
    ],
    ids=["gateway", "auth", "transactions", "device-mgmt", "history"],
)
def test_a_service_has_the_secrets_that_it_needs(settings: type[BaseSettings], needed: set[str]) -> None:
    fields = settings.model_fields.items()
    assert {name for name, field in fields if is_secret(field) or names_secret_files(field)} == needed


@pytest.mark.parametrize("service", ["csms_auth", "csms_transactions", "csms_device_mgmt", "csms_history"])
def test_who_migrates_needs_the_database_and_nothing_else(service: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CSMS_")}
    environment["CSMS_DATABASE_URL"] = "postgresql://nobody:secret@127.0.0.1:1/none"
    done = subprocess.run(  # noqa: S603 ours
        [sys.executable, "-m", service, "migrate"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("It cannot be migrated: the database postgresql://nobody:***@127.0.0.1:1/none")
    assert "secret" not in done.stdout + done.stderr
