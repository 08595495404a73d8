"""Settings from the environment: `CSMS_*` variables, one field each.

A service subclasses `RuntimeSettings`, and `DatabaseAccess` if it has a database. Every field has a description;
`describe` makes docs/configuration.md of them.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import pydantic_settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import PydanticBaseSettingsSource

from csms_runtime.secret_files import KEY_FILES, SECRET, SecretFiles, is_secret
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.starting import CannotStart

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0: any free one."""


DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Beyond it one message would fill what the processes have for all."""
MIN_SECRET_LENGTH = 16
"""Fewest characters of `CSMS_SECRET_KEY`."""


MIN_KEY_LENGTH = 20
"""Fewest characters of `CSMS_ADMIN_API_KEY`: keys are kept as plain digests, which only randomness protects."""


class NotSetError(CannotStart, ValueError):
    """A setting that this process needs is not set."""


class UnknownStations(StrEnum):
    """What happens to a station that nobody created."""

    REJECT = "reject"
    PENDING = "pending"
    ACCEPT = "accept"


class ApiKeySetting(BaseModel):
    """An API key as an operator configures it: its digest, never the key."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1, description="Who uses the key; appears in logs")
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$", description="SHA-256 of the key, in hexadecimal")
    scopes: list[Literal["read", "operate", "admin"]] = Field(min_length=1)


class BaseSettings(pydantic_settings.BaseSettings):
    """Base of all settings: prefix `CSMS_`, empty variables count as absent, values never appear in error messages.

    A secret may stand in a file instead (`csms_runtime.secret_files`).
    """

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix="CSMS_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[pydantic_settings.BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """See pydantic_settings.BaseSettings."""
        return init_settings, SecretFiles(settings_cls), env_settings


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < MIN_SECRET_LENGTH:
        raise ValueError(f"a secret has at least {MIN_SECRET_LENGTH} characters")
    return secret


def _each_long_enough(secrets: SecretStr) -> SecretStr:
    for secret in _lines(secrets):
        _long_enough(SecretStr(secret))
    return secrets


def _lines(secrets: SecretStr) -> list[str]:
    return [line for line in secrets.get_secret_value().splitlines() if line]


def _long_key(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < MIN_KEY_LENGTH:
        raise ValueError(f"an API key has at least {MIN_KEY_LENGTH} characters")
    return key


def is_protected_url(url: str) -> bool:
    """Whether what is fetched from there cannot be forged on the way: https, or http on this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"})
    )


def _protected(url: str) -> str:
    if not is_protected_url(url):
        raise ValueError("an https:// address is needed; http:// only for this machine")
    return url


class KafkaAccess(BaseSettings):
    """How clients reach Kafka: the same for all services and for the command lines that speak to it.

    What contradicts itself is refused, so that a forgotten variable never means an unprotected connection.
    `csms_bus.kafka_security` makes the client's arguments of it.
    """

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Kafka's security.protocol; SSL: TLS that verifies the brokers' names, SASL: password"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the password is proved to Kafka, with the SASL protocols"
    )
    kafka_sasl_username: str | None = Field(None, description="User name for Kafka, with the SASL protocols")
    kafka_sasl_password: SecretStr | None = Field(None, description="Password for Kafka, with the SASL protocols")
    kafka_ca_file: Path | None = Field(
        None, description="PEM file of the CAs of Kafka's certificates; absent: the system's, with the SSL protocols"
    )
    kafka_client_certificate: Path | None = Field(
        None, description="PEM file of a client certificate (and its chain) that Kafka asks for"
    )
    kafka_client_key: Annotated[Path | None, KEY_FILES] = Field(
        None, description="PEM file of the client certificate's key, not encrypted; absent: it is in the same file"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        sasl, tls = "SASL" in self.kafka_security_protocol, "SSL" in self.kafka_security_protocol
        if sasl and (self.kafka_sasl_username is None or self.kafka_sasl_password is None):
            raise ValueError("SASL needs CSMS_KAFKA_SASL_USERNAME and CSMS_KAFKA_SASL_PASSWORD")
        if not sasl and (self.kafka_sasl_username, self.kafka_sasl_password) != (None, None):
            raise ValueError("CSMS_KAFKA_SASL_* is given, but CSMS_KAFKA_SECURITY_PROTOCOL is not a SASL one")
        if not tls and (self.kafka_ca_file, self.kafka_client_certificate, self.kafka_client_key) != (None, None, None):
            raise ValueError("certificates for Kafka are given, but CSMS_KAFKA_SECURITY_PROTOCOL is not an SSL one")
        if self.kafka_client_key is not None and self.kafka_client_certificate is None:
            raise ValueError("CSMS_KAFKA_CLIENT_KEY is given without CSMS_KAFKA_CLIENT_CERTIFICATE")
        return self


class DatabaseAccess(BaseSettings):
    """How a service reaches its database, for services that have one."""

    database_url: SecretStr | None = Field(
        None,
        description="postgresql://user:password@host:port/database, with libpq's sslmode, sslrootcert, sslcert, sslkey "
        "after a `?`; standalone uses SQLite files in CSMS_DATA_DIR",
    )
    database_pool_size: int = Field(
        10, ge=3, le=200, description="Most connections to PostgreSQL per process; the outbox alone needs up to 2"
    )

    def require_database_url(self) -> str:
        """Return the database's URL, password included. Raises NotSetError when CSMS_DATABASE_URL is not set."""
        if self.database_url is None:
            raise NotSetError("CSMS_DATABASE_URL is not set, nor CSMS_DATABASE_URL_FILE")
        return self.database_url.get_secret_value()


class ApiKeyAccess(BaseSettings):
    """The keys of the HTTP API that an operator configures. Those made over the API are kept by auth."""

    admin_api_key: Annotated[SecretStr, AfterValidator(_long_key)] | None = Field(
        None,
        description="An API key with scope admin, at least 20 characters; standalone makes one at its first start when "
        "there is none",
    )
    api_keys: Annotated[list[ApiKeySetting], SECRET] = Field(
        [], description='API keys as a JSON list of {"name", "sha256", "scopes"}; scopes: read, operate, admin'
    )


class RuntimeSettings(KafkaAccess, ApiKeyAccess):
    """What every service has."""

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged")
    log_format: Literal["console", "json"] = Field("console", description="Log lines for people or for machines")
    http_host: str = Field("127.0.0.1", description="Address the HTTP API listens on")
    trusted_proxies: list[IPvAnyNetwork] = Field(
        [],
        description="Networks of the proxies before gateway and HTTP API, a JSON list. Theirs alone are "
        "X-Forwarded-For, X-Forwarded-Proto and the client certificate's headers believed, all of which they must "
        "set or remove; by a gateway only with CSMS_PROXY_SECRET, unless they are on this machine",
    )
    http_port: Port = Field(8080, description="Port of the HTTP API; 0: any free one")
    management_host: str = Field("127.0.0.1", description="Address the management port listens on")
    management_port: Port = Field(
        8081,
        description="Port of /healthz, /readyz and /metrics when a service runs as its own process; standalone has "
        "them on the port of the HTTP API",
    )
    slot: int = Field(
        0, ge=0, description="Number of this replica within its service, from 0: which inbox partition it reads"
    )
    data_dir: Path = Field(Path("data"), description="Directory of the standalone mode's files")
    oidc_issuer: Annotated[str, AfterValidator(_protected)] | None = Field(
        None,
        description="OpenID Connect issuer whose JWTs the HTTP API takes besides API keys: its URL as in the claim "
        "iss; absent: none",
    )
    oidc_ca_file: Path | None = Field(
        None, description="PEM file of the CAs of the issuer's certificate; absent: the system's"
    )
    oidc_audience: str | None = Field(
        None, min_length=1, description="What the claim aud of a JWT must hold; required with CSMS_OIDC_ISSUER"
    )
    oidc_scopes_claim: str = Field(
        "scope",
        min_length=1,
        description="Claim with the scopes read, operate, admin: a list, or words separated by spaces; "
        "a path with dots leads into objects",
    )
    oidc_scope_prefix: str = Field("", description='What stands before the scopes in that claim, like "csms:"')
    max_message_bytes: int = Field(
        DEFAULT_MAX_MESSAGE_BYTES,
        ge=1024,
        le=MAX_MAX_MESSAGE_BYTES,
        description="Largest OCPP message that is carried, in bytes, the same for all services: a station gets an "
        "error for a larger one, and for one of too many values (docs/operations.md). What the topics must take "
        "follows from it: run `python -m csms_bus.admin` before raising it",
    )
    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Kafka brokers, host:port separated by commas; not used in standalone mode"
    )
    kafka_metadata_max_age_s: float = Field(
        30.0,
        ge=1,
        le=300,
        description="How often partitions that were added to Kafka's topics are looked for, in seconds; consumer "
        "groups look every 5 seconds at the least",
    )
    secret_key: Annotated[SecretStr, AfterValidator(_long_enough)] | None = Field(
        None,
        description="Key of the station passwords' digests and of what is sealed between services: every service needs "
        "it, all the same one, at least 16 characters; standalone makes one at its first start",
    )
    secret_key_others: Annotated[SecretStr, AfterValidator(_each_long_enough)] | None = Field(
        None,
        description="Other keys, one a line: what was made with them is still taken. The next key, "
        "before it becomes CSMS_SECRET_KEY, and the former one, after (docs/runbooks/rotate-secret-key.md)",
    )
    unknown_stations: UnknownStations = Field(
        UnknownStations.REJECT, description="What happens to a station nobody created: reject, pending or accept"
    )
    service_timeout_s: float = Field(
        10.0, gt=0, le=300, description="How long a process waits for another service's answer, in seconds"
    )
    shutdown_timeout_s: float = Field(
        25.0, gt=0, le=3600, description="How long work in hand may take to finish after SIGTERM, in seconds"
    )

    @model_validator(mode="after")
    def _audience_named(self) -> Self:
        if self.oidc_issuer is not None and self.oidc_audience is None:
            raise ValueError("CSMS_OIDC_ISSUER needs CSMS_OIDC_AUDIENCE: else tokens for other programs would be taken")
        return self

    def require_secret_key(self) -> bytes:
        """Return the secret key's bytes. Raises NotSetError when CSMS_SECRET_KEY is not set."""
        if self.secret_key is None:
            raise NotSetError("CSMS_SECRET_KEY is not set, nor CSMS_SECRET_KEY_FILE")
        return self.secret_key.get_secret_value().encode()

    def secret_keys(self) -> SecretKeys:
        """Return the secret key and the others. Raises NotSetError when CSMS_SECRET_KEY is not set."""
        current = self.require_secret_key()
        return SecretKeys(current, tuple(key for key in self.other_secret_keys() if key != current))

    def other_secret_keys(self) -> list[bytes]:
        """Return what CSMS_SECRET_KEY_OTHERS says, each key once."""
        given = _lines(self.secret_key_others) if self.secret_key_others else []
        return list(dict.fromkeys(key.encode() for key in given))


def describe(settings: Iterable[type[BaseSettings]]) -> str:
    """Return a Markdown table of the variables of these classes, each once, sorted by name."""
    rows: dict[str, str] = {}
    for cls in settings:
        prefix = str(cls.model_config.get("env_prefix", ""))
        for name, field in cls.model_fields.items():
            variable = f"{prefix}{name}".upper()
            names = f"`{variable}`, `{variable}_FILE`" if is_secret(field) else f"`{variable}`"
            rows.setdefault(variable, f"| {names} | {_default(field)} | {_cell(field.description or '')} |")
    return "\n".join(["| variable | default | what |", "|---|---|---|", *(rows[name] for name in sorted(rows))]) + "\n"


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=False)
    if value is PydanticUndefined or value is None:
        return "*required*" if field.is_required() else ""
    text = json.dumps(value) if isinstance(value, list) else str(value)  # as the environment would give it
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
