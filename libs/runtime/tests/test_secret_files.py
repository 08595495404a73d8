"""Secrets may stand in files that CSMS_*_FILE names."""

import json
from pathlib import Path
from typing import Annotated

import pytest
from csms_runtime.secret_files import KEY_FILES, is_secret, names_secret_files
from csms_runtime.settings import BaseSettings, DatabaseAccess, RuntimeSettings
from csms_runtime.starting import CannotStart, read
from pydantic import Field

SECRET = "0123456789-top-secret"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*RuntimeSettings.model_fields, *DatabaseAccess.model_fields]:
        monkeypatch.delenv(f"CSMS_{name.upper()}", raising=False)
        monkeypatch.delenv(f"CSMS_{name.upper()}_FILE", raising=False)


def named(monkeypatch: pytest.MonkeyPatch, path: Path, content: bytes, variable: str = "CSMS_SECRET_KEY") -> Path:
    path.write_bytes(content)
    monkeypatch.setenv(f"{variable}_FILE", str(path))
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["none", "lf", "crlf"])
def test_the_newline_at_the_end_is_not_part_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str) -> None:
    named(monkeypatch, tmp_path / "key", f"{SECRET}{end}".encode())
    settings = RuntimeSettings()
    assert settings.require_secret_key() == SECRET.encode()
    assert SECRET not in repr(settings)


def test_what_else_is_white_belongs_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(monkeypatch, tmp_path / "key", f" {SECRET} \n\n".encode())
    assert RuntimeSettings().require_secret_key() == f" {SECRET} \n".encode()


def test_links_are_followed_as_kubernetes_mounts_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "url").write_text("postgresql://u:hidden@h/d")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "url").symlink_to("..data/url")
    monkeypatch.setenv("CSMS_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert DatabaseAccess().require_database_url() == "postgresql://u:hidden@h/d"


def test_api_keys_are_json_there_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = [{"name": "billing", "sha256": "ab" * 32, "scopes": ["read"]}]
    named(monkeypatch, tmp_path / "keys", json.dumps(keys).encode() + b"\n", "CSMS_API_KEYS")
    assert [key.name for key in RuntimeSettings().api_keys] == ["billing"]


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(monkeypatch, tmp_path / "key", SECRET.encode())
    monkeypatch.setenv("CSMS_SECRET_KEY", "")
    assert RuntimeSettings().require_secret_key() == SECRET.encode()
    monkeypatch.setenv("CSMS_SECRET_KEY_FILE", "")
    assert RuntimeSettings().secret_key is None


def test_both_are_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(monkeypatch, tmp_path / "key", SECRET.encode())
    monkeypatch.setenv("CSMS_SECRET_KEY", SECRET)
    with pytest.raises(CannotStart, match="CSMS_SECRET_KEY and CSMS_SECRET_KEY_FILE are both set") as caught:
        read(RuntimeSettings)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "content", "said"),
    [
        ("CSMS_SECRET_KEY", b"", "is empty"),
        ("CSMS_SECRET_KEY", b"\n", "is empty"),
        ("CSMS_SECRET_KEY", b"\xff\xfe" * 10, "is not text in UTF-8"),
        ("CSMS_API_KEYS", SECRET.encode(), "does not hold JSON"),
    ],
    ids=["empty", "newline", "binary", "no-json"],
)
def test_a_file_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, content: bytes, said: str
) -> None:
    path = named(monkeypatch, tmp_path / "file", content, variable)
    with pytest.raises(CannotStart) as caught:
        read(RuntimeSettings)
    assert str(caught.value) == f"{variable}_FILE names {path}, which {said}"


def test_a_file_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CSMS_SECRET_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(CannotStart, match=f"^CSMS_SECRET_KEY_FILE names {tmp_path}/none: No such file"):
        read(RuntimeSettings)
    monkeypatch.setenv("CSMS_SECRET_KEY_FILE", str(tmp_path))
    with pytest.raises(CannotStart, match=f"^CSMS_SECRET_KEY_FILE names {tmp_path}: Is a directory"):
        read(RuntimeSettings)


def test_a_value_that_is_refused_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(monkeypatch, tmp_path / "key", b"too short")
    with pytest.raises(CannotStart, match="CSMS_SECRET_KEY: a secret has at least 16 characters") as caught:
        read(RuntimeSettings)
    assert "too short" not in str(caught.value)


def test_only_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(monkeypatch, tmp_path / "slot", b"3", "CSMS_SLOT")
    assert RuntimeSettings().slot == 0


def test_which_settings_are_secret() -> None:
    class Mine(BaseSettings):
        keys: Annotated[Path | None, KEY_FILES] = Field(None, description="Names files")

    fields = RuntimeSettings.model_fields
    assert {name for name, field in fields.items() if is_secret(field)} == {
        "admin_api_key",
        "api_keys",
        "kafka_sasl_password",
        "secret_key",
        "secret_key_others",
    }
    assert {name for name, field in fields.items() if names_secret_files(field)} == {"kafka_client_key"}
    assert names_secret_files(Mine.model_fields["keys"])
