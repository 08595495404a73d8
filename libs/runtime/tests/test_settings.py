import hashlib
import json

import pytest
from csms_runtime.settings import (
    BaseSettings,
    DatabaseAccess,
    NotSetError,
    RuntimeSettings,
    UnknownStations,
    describe,
)
from pydantic import Field, SecretStr, ValidationError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*RuntimeSettings.model_fields, *DatabaseAccess.model_fields]:
        monkeypatch.delenv(f"CSMS_{name.upper()}", raising=False)


def test_defaults_are_safe() -> None:
    settings = RuntimeSettings()
    assert settings.http_host == "127.0.0.1"
    assert settings.unknown_stations is UnknownStations.REJECT
    assert settings.admin_api_key is None


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_SLOT", "3")
    monkeypatch.setenv("CSMS_LOG_LEVEL", "")
    monkeypatch.setenv("CSMS_UNKNOWN_STATIONS", "accept")
    keys = [{"name": "billing", "sha256": hashlib.sha256(b"k").hexdigest(), "scopes": ["read"]}]
    monkeypatch.setenv("CSMS_API_KEYS", json.dumps(keys))
    settings = RuntimeSettings()
    assert (settings.slot, settings.log_level) == (3, "info")
    assert settings.unknown_stations == "accept"
    assert settings.api_keys[0].name == "billing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CSMS_SECRET_KEY", "topsecret"),
        ("CSMS_HTTP_PORT", "99999"),
        ("CSMS_API_KEYS", '[{"name": "x", "sha256": "topsecret", "scopes": ["read"]}]'),
        ("CSMS_API_KEYS", '[{"name": "x", "key": "topsecret", "scopes": ["read"]}]'),
    ],
)
def test_wrong_values_are_refused_without_being_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        RuntimeSettings()
    assert "topsecret" not in str(caught.value)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_SECRET_KEY", "0123456789abcdef")
    monkeypatch.setenv("CSMS_DATABASE_URL", "postgresql://u:hidden@h/d")
    settings, database = RuntimeSettings(), DatabaseAccess()
    assert "0123456789abcdef" not in repr(settings)
    assert "hidden" not in repr(database)
    assert settings.require_secret_key() == b"0123456789abcdef"
    assert database.require_database_url() == "postgresql://u:hidden@h/d"


SASL = {
    "CSMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "CSMS_KAFKA_SASL_USERNAME": "csms",
    "CSMS_KAFKA_SASL_PASSWORD": "topsecret",
}


def test_access_to_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SASL | {"CSMS_KAFKA_CA_FILE": "/ca.pem", "CSMS_KAFKA_SASL_MECHANISM": "PLAIN"}).items():
        monkeypatch.setenv(name, value)
    settings = RuntimeSettings()
    assert settings.kafka_security_protocol == "SASL_SSL"
    assert settings.kafka_sasl_mechanism == "PLAIN"
    assert settings.kafka_sasl_password is not None
    assert settings.kafka_sasl_password.get_secret_value() == "topsecret"
    assert "topsecret" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CSMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "CSMS_KAFKA_SASL_USERNAME": "csms"}, "CSMS_KAFKA_SASL_PASSWORD"),
        (SASL | {"CSMS_KAFKA_SECURITY_PROTOCOL": "SSL"}, "not a SASL one"),
        (SASL | {"CSMS_KAFKA_SECURITY_PROTOCOL": ""}, "not a SASL one"),
        ({"CSMS_KAFKA_CA_FILE": "/ca.pem"}, "not an SSL one"),
        (SASL | {"CSMS_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "CSMS_KAFKA_CA_FILE": "/ca.pem"}, "not an SSL one"),
        ({"CSMS_KAFKA_SECURITY_PROTOCOL": "SSL", "CSMS_KAFKA_CLIENT_KEY": "/k.pem"}, "CSMS_KAFKA_CLIENT_CERTIFICATE"),
        (SASL | {"CSMS_KAFKA_SASL_MECHANISM": "GSSAPI"}, "SCRAM-SHA-256"),
    ],
)
def test_access_to_kafka_that_contradicts_itself_is_refused(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=said) as caught:
        RuntimeSettings()
    assert "topsecret" not in str(caught.value)


def test_what_is_required_says_its_name() -> None:
    with pytest.raises(NotSetError, match="CSMS_SECRET_KEY"):
        RuntimeSettings().require_secret_key()
    with pytest.raises(NotSetError, match="CSMS_DATABASE_URL"):
        DatabaseAccess().require_database_url()


def test_every_field_has_a_description() -> None:
    assert [name for name, field in RuntimeSettings.model_fields.items() if not field.description] == []


def test_describe() -> None:
    class Mine(BaseSettings):
        zeta: int = Field(description="Either a | b")
        alpha: str = Field("x", description="First")
        beta: list[UnknownStations] = Field([UnknownStations.REJECT], description="Second")
        gamma: SecretStr | None = Field(None, description="Third")

    class Same(Mine):
        pass

    assert describe([Mine, Same]) == (
        "| variable | default | what |\n|---|---|---|\n"
        "| `CSMS_ALPHA` | `x` | First |\n"
        '| `CSMS_BETA` | `["reject"]` | Second |\n'
        "| `CSMS_GAMMA`, `CSMS_GAMMA_FILE` |  | Third |\n"
        "| `CSMS_ZETA` | *required* | Either a \\| b |\n"
    )


def test_a_short_admin_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_ADMIN_API_KEY", "only-19-characters!")
    with pytest.raises(ValidationError, match="at least 20 characters") as error:
        RuntimeSettings()
    assert "only-19" not in str(error.value)
    monkeypatch.setenv("CSMS_ADMIN_API_KEY", "these-are-20-letters")
    assert RuntimeSettings().admin_api_key is not None
