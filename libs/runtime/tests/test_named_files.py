"""Files that settings name are looked at before anything is begun."""

from pathlib import Path

import pytest
from csms_runtime import logging, named_files
from csms_runtime.command_line import service_cli
from csms_runtime.settings import DatabaseAccess, RuntimeSettings
from pydantic import BaseModel, Field, SecretStr
from typer.testing import CliRunner


class Pair(BaseModel):
    certificate: Path
    key: Path


class Settings(RuntimeSettings, DatabaseAccess):
    pairs: list[Pair] = Field([])
    files: list[Path] = Field([])
    pki_dir: Path | None = None


@pytest.fixture
def there(tmp_path: Path) -> Path:
    path = tmp_path / "there.pem"
    path.write_text("x")
    return path


def test_what_is_there_is_no_fault(there: Path, tmp_path: Path) -> None:
    settings = Settings(
        files=[there],
        pairs=[Pair(certificate=there, key=there)],
        data_dir=tmp_path / "made later",
        pki_dir=tmp_path / "made later",
        database_url=SecretStr(f"postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=system&sslcert={there}"),
    )
    assert named_files.fault(settings) == ""


def test_the_first_one_that_is_not_there_is_named_by_its_setting(there: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    why = f"names {missing}: No such file or directory"
    assert named_files.fault(Settings(files=[there, missing])) == f"CSMS_FILES {why}"
    assert named_files.fault(Settings(pairs=[Pair(certificate=there, key=missing)])) == f"CSMS_PAIRS {why}"
    assert named_files.fault(Settings(files=[tmp_path])) == f"CSMS_FILES names {tmp_path}: Is a directory"


def test_a_file_of_the_database_is_named_and_its_password_is_not(tmp_path: Path) -> None:
    url = SecretStr(f"postgresql://user:secret@host/db?sslrootcert={tmp_path}/ca.pem")
    told = named_files.fault(Settings(database_url=url))
    assert told == f"CSMS_DATABASE_URL (sslrootcert) names {tmp_path}/ca.pem: No such file or directory"


def test_the_command_line_ends_with_that_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "configure", lambda *_: None)  # its output is closed when the command has ended

    async def never(*_: object) -> None:
        raise AssertionError("nothing is to be begun")

    cli = service_cli("test", lambda: Settings(files=[tmp_path / "missing.pem"]), never, never)
    for command in ("serve", "migrate"):
        ended = CliRunner().invoke(cli, [command])
        assert str(ended.exception).startswith(f"CSMS_FILES names {tmp_path}/missing.pem")
