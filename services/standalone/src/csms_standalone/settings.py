"""The settings of the standalone mode: those of all services, read once."""

from pathlib import Path

from csms_auth.settings import AuthSettings
from csms_device_mgmt.log_uploads.receiver import PREFIX as UPLOADS
from csms_device_mgmt.settings import DeviceSettings
from csms_gateway.settings import GatewaySettings
from csms_history.settings import HistorySettings
from csms_runtime.settings import ApiKeySetting
from csms_transactions.settings import TransactionSettings
from pydantic import Field, SecretStr

from csms_standalone.secrets import Secrets

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 nothing is bound here


class StandaloneSettings(GatewaySettings, AuthSettings, TransactionSettings, DeviceSettings, HistorySettings):
    """Every service's settings; where several have the same, it is one setting."""

    ocpp_tls_names: list[str] = Field(
        ["localhost", "127.0.0.1"],
        min_length=1,
        description="Standalone, when CSMS_OCPP_TLS_PORT is set and no CSMS_OCPP_TLS_CERTIFICATES are: host names and "
        "addresses for which it makes itself certificates, a JSON list; the first is the common name",
    )

    def with_secrets(self, secrets: Secrets) -> "StandaloneSettings":
        """Return these settings with what the data directory holds where the environment says nothing."""
        keys = list(self.api_keys)
        if secrets.admin_key_sha256:
            keys.append(ApiKeySetting(name="admin", sha256=secrets.admin_key_sha256, scopes=["admin"]))
        secret_key = self.secret_key or SecretStr(secrets.secret_key)
        changed = {"api_keys": keys, "secret_key": secret_key, "slot": 0, "log_upload_url": self._log_upload_url}
        return self.model_copy(update=changed)

    @property
    def _log_upload_url(self) -> str | None:
        """Where stations upload their logs: the address of the API, where it is one."""
        if self.log_upload_url is not None or self.http_port == 0 or self.http_host in _EVERY_ADDRESS:
            return self.log_upload_url
        host = f"[{self.http_host}]" if ":" in self.http_host else self.http_host
        return f"http://{host}:{self.http_port}{UPLOADS.rstrip('/')}"

    def database(self, schema: str) -> str:
        """Return the URL of a service's database: PostgreSQL if configured, else a file in the data directory."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{Path(self.data_dir).resolve() / schema}.db"
