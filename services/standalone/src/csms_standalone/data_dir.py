"""The data directory: one process's at a time, and its files readable by their owner alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from csms_runtime.starting import CannotStart

OWNER_ALONE = 0o077
"""The umask of the process."""


@contextmanager
def taken(data_dir: Path) -> Iterator[None]:
    """Make the directory if it is missing, and keep other processes out of it while the context is open.

    Raises CannotStart when another one is in it, or it cannot be written. Whatever the process writes from now on, here
    or elsewhere, is for its owner alone.
    """
    os.umask(OWNER_ALONE)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        for file in data_dir.glob("*.db*"):  # versions before left them readable
            file.chmod(0o600)
        lock = (data_dir / "lock").open("a+")
    except OSError as error:
        raise CannotStart(f"the data directory {data_dir} cannot be used: {error.strerror} (CSMS_DATA_DIR)") from error
    with lock:
        _lock(lock, data_dir)
        yield


def _lock(lock: TextIO, data_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system takes it away when the process ends, however
    except BlockingIOError:
        lock.seek(0)
        detail = f"process {lock.read().strip()} works in {data_dir.resolve()}"
        raise CannotStart(f"{detail}: stop it, or choose another directory with CSMS_DATA_DIR") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
