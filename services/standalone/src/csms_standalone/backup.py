"""Copies the data of a standalone CSMS, which may run meanwhile: `csms backup DIRECTORY`. See docs/runbooks/restore.md.

All databases are copied as they were at one moment: for an instant nobody may write to any of them, and in it a reading
transaction is begun on each. What is copied is what a crash at that moment would have left, and a start from it is the
start after such a crash.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_LOCK_S = 2.0
"""How long one database is waited for while others are held: shorter than the CSMS waits."""
_TRIES_S = 60.0
_NOT_COPIED = frozenset({"lock"})


class BackupError(Exception):
    """There is nothing to copy, or it can't be copied; the message says why."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied."""

    directory: Path
    at: datetime
    """The moment of which the databases are."""
    size: int
    """In bytes."""


def backup(data_dir: Path, directory: Path) -> Backup:
    """Copy what is in `data_dir` to `directory`, which is made, and check the copy. Blocks.

    The copy is complete when the directory has its name. Raises BackupError, OSError.
    """
    files = sorted(data_dir.glob("*.db"))
    if not files:
        raise BackupError(f"there are no databases in {data_dir.resolve()} (CSMS_DATA_DIR)")
    if directory.exists():
        raise BackupError(f"{directory} is there already")
    if directory.resolve().is_relative_to(data_dir.resolve()):
        raise BackupError(f"{directory} is in {data_dir.resolve()} itself, of which the backup is to be")
    partial = directory.with_name(f"{directory.name}.partial")
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial.mkdir(mode=0o700)
    try:
        at = _copy_databases(files, partial)
        _copy_the_rest(data_dir, partial)
        _make_durable(partial)
        partial.rename(directory)
    except sqlite3.Error as error:
        raise BackupError(f"the databases in {data_dir.resolve()}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Backup(directory, at, sum(path.stat().st_size for path in directory.rglob("*")))


def _copy_databases(files: Sequence[Path], target: Path) -> datetime:
    with _at_one_moment(files) as (at, sources):
        for file, source in zip(files, sources, strict=True):
            _copy_database(source, target / file.name)
    return at


def _copy_database(source: sqlite3.Connection, target: Path) -> None:
    target.touch(mode=0o600)
    with closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        (result,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if result != "ok":
        raise BackupError(f"the copy of {target.name} is damaged: {result}")


@contextmanager
def _at_one_moment(files: Sequence[Path]) -> Iterator[tuple[datetime, list[sqlite3.Connection]]]:
    """Open the databases as they are at one moment. The CSMS goes on while they are read."""
    with ExitStack() as stack:
        with _nobody_writes(files):
            at = datetime.now(UTC)
            sources = [stack.enter_context(closing(_connect(file))) for file in files]
            for source in sources:
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it sees this state
        yield at, sources


@contextmanager
def _nobody_writes(files: Sequence[Path]) -> Iterator[None]:
    """Hold the write locks of all databases. Who waits for one while another is held must not wait long."""
    give_up_at = time.monotonic() + _TRIES_S
    while True:
        with ExitStack() as stack:
            try:
                for file in files:
                    stack.enter_context(closing(_connect(file))).execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > give_up_at:
                    raise
                continue
            yield
            return


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True, timeout=_LOCK_S, isolation_level=None)


def _copy_the_rest(data_dir: Path, target: Path) -> None:
    """Copy keys and certificates. Files that are being written have another name until they are complete."""
    ignored = _ignore(data_dir)
    shutil.copytree(data_dir, target, ignore=ignored, dirs_exist_ok=True)
    target.chmod(0o700)


def _ignore(data_dir: Path) -> Callable[[str, list[str]], set[str]]:
    def ignore(directory: str, names: list[str]) -> set[str]:
        partial = {name for name in names if name.endswith(".partial")}
        if Path(directory) != data_dir:
            return partial
        return partial | _NOT_COPIED | {name for name in names if ".db" in name}

    return ignore


def _make_durable(directory: Path) -> None:
    for path in (*directory.rglob("*"), directory):
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
