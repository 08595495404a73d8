"""The data directory is one process's at a time."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from csms_runtime.starting import CannotStart
from csms_standalone.data_dir import taken


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_second_one_is_told_who_is_there(tmp_path: Path) -> None:
    named = f"process {os.getpid()} works in {tmp_path}"
    with taken(tmp_path), pytest.raises(CannotStart, match=named), taken(tmp_path):
        pass
    with taken(tmp_path):
        pass


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    with taken(data):
        (data / "auth.db").write_text("")
    (data / "auth.db").chmod(0o644)
    (data / "auth.db-wal").touch(0o644)
    with taken(data):
        pass
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}
    assert modes == dict.fromkeys(("auth.db", "auth.db-wal", "lock"), 0o600)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="CSMS_DATA_DIR"), taken(tmp_path / "file" / "data"):
        pass
