"""A backup while others write: one moment of all databases, or nothing."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from csms_runtime import logging
from csms_standalone import backup as module
from csms_standalone.__main__ import cli
from csms_standalone.backup import BackupError, backup
from typer.testing import CliRunner

MEGABYTES = 8


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two databases with a counter each; the first one takes its time to be copied."""
    directory = tmp_path / "data"
    (directory / "pki" / "ca").mkdir(parents=True)
    for name in ("secret-key", "lock", "pki/ca/root.pem", "pki/ca/root.pem.partial"):
        (directory / name).write_text(name)
    for name, megabytes in (("auth", MEGABYTES), ("devices", 0)):
        with closing(connected(directory, name)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE counter (value INTEGER)")
            database.execute("INSERT INTO counter VALUES (0)")
            database.execute("CREATE TABLE filling (bytes BLOB)")
            for _ in range(megabytes):
                database.execute("INSERT INTO filling VALUES (?)", [os.urandom(1_000_000)])
    return directory


def connected(directory: Path, name: str) -> sqlite3.Connection:
    return sqlite3.connect(directory / f"{name}.db", isolation_level=None, timeout=10)


def count(directory: Path, name: str) -> int:
    with closing(connected(directory, name)) as database:
        (value,) = database.execute("SELECT value FROM counter").fetchone()
    return int(value)


@contextmanager
def written(directory: Path) -> Iterator[threading.Event]:
    """Count in both, always in auth first, while the context is open. The event is set after the first few times."""
    stop, going = threading.Event(), threading.Event()

    def write() -> None:
        with closing(connected(directory, "auth")) as auth, closing(connected(directory, "devices")) as devices:
            number = 0
            while not stop.is_set():
                for database in (auth, devices):
                    database.execute("UPDATE counter SET value = value + 1")
                number += 1
                if number > 10:
                    going.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield going
    finally:
        stop.set()
        thread.join()


def test_all_databases_are_of_one_moment(data: Path, tmp_path: Path) -> None:
    seen = []
    with written(data) as going:
        assert going.wait(10)
        for number in range(3):
            copy = tmp_path / "backups" / str(number)
            backup(data, copy)
            auth, devices = count(copy, "auth"), count(copy, "devices")
            assert auth - 1 <= devices <= auth
            seen.append(auth)
    assert seen[0] < seen[1] < seen[2], "the CSMS wrote meanwhile"


def test_everything_that_a_start_needs_is_in_it_for_its_owner_alone(data: Path, tmp_path: Path) -> None:
    made = backup(data, tmp_path / "copy")
    files = {str(path.relative_to(made.directory)) for path in made.directory.rglob("*") if path.is_file()}
    assert files == {"auth.db", "devices.db", "secret-key", "pki/ca/root.pem"}
    assert stat.S_IMODE(made.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((made.directory / "auth.db").stat().st_mode) == 0o600
    assert made.size > MEGABYTES * 1_000_000


def test_a_database_that_is_damaged_is_no_backup(data: Path, tmp_path: Path) -> None:
    (data / "transactions.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(BackupError, match="not a database"):
        backup(data, tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))


def test_one_that_stays_locked_is_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOCK_S", 0.01)
    monkeypatch.setattr(module, "_TRIES_S", 0.05)
    with closing(connected(data, "devices")) as database:
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackupError, match="locked"):
            backup(data, tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))


@pytest.mark.parametrize(
    ("settings", "directory", "said"),
    [
        ({"CSMS_DATA_DIR": "nothing"}, "copy", "there are no databases in"),
        ({"CSMS_DATA_DIR": "data"}, "data", "data is there already"),
        ({"CSMS_DATA_DIR": "data"}, "data/copy", "itself"),
        ({"CSMS_DATABASE_URL": "postgresql://csms@db/csms"}, "copy", "PostgreSQL"),
    ],
)
def test_what_stands_against_it_is_told_in_a_line(
    data: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], directory: str, said: str
) -> None:
    monkeypatch.chdir(data.parent)
    monkeypatch.setattr(logging, "configure", lambda *_: None)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(cli, ["backup", directory])
    assert str(ended.exception).startswith("There is no backup: ")
    assert said in str(ended.exception)


def test_the_command_says_what_it_did(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_DATA_DIR", str(data))
    ended = CliRunner().invoke(cli, ["backup", str(tmp_path / "copy")])
    assert ended.exit_code == 0, ended.output
    assert f"{tmp_path / 'copy'}   8." in ended.output
    assert count(tmp_path / "copy", "auth") == 0
